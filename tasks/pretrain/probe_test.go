// SPDX-License-Identifier: MIT

package pretrain

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/runfolder"
	"seer/tasks/launch"
)

// A run that is looked at on the way ends with the bits of one that is not.
func TestProbesOnTheWayChangeNothing(t *testing.T) {
	images, labelled := drawnImages(t), datatest.Folder(t, 12, "a", "b", "c")
	plain, straight := smallRun(t, images, 1, 6)
	_, err := goes(t, loaded(t, plain), launch.StartOptions{})
	require.NoError(t, err)

	looked, run := smallRun(t, images, 2, 6)
	out, err := goes(t, loaded(t, looked, "probe.every=2it", "probe.images=8", "knn.train="+labelled, "knn.val="+labelled,
		"knn.k=3", "knn.resize=32", "knn.crop=32"), launch.StartOptions{})
	require.NoError(t, err, out)
	assert.Contains(t, out, "k-NN top-1")
	assert.Contains(t, out, "RankMe")
	assert.Equal(t, digest(t, straight), digest(t, run))
	lines, err := runfolder.ReadLog[map[string]any](filepath.Join(run, runfolder.MetricsLog))
	require.NoError(t, err)
	var steps []any
	for _, l := range lines {
		if rank, ok := l["rankme"].(float64); ok {
			assert.GreaterOrEqual(t, rank, 1.0)
			assert.Contains(t, l, "knn_top1")
			steps = append(steps, l["step"])
		}
	}
	assert.Equal(t, []any{2.0, 4.0, 6.0}, steps)
}

// Without labelled images there is RankMe; with a mistake the run does not begin.
func TestProbesAreCheckedAtTheStart(t *testing.T) {
	images := drawnImages(t)
	file, run := smallRun(t, images, 1, 6)
	for want, sets := range map[string][]string{
		"knn.train":    {"probe.every=2it", "knn.train=" + images + "/none", "knn.val=" + images},
		"knn.k":        {"probe.every=2it", "knn.train=" + images, "knn.val=" + images, "knn.k=0"},
		"probe.images": {"probe.every=2it", "probe.images=0"},
	} {
		_, err := goes(t, loaded(t, file, sets...), launch.StartOptions{})
		require.ErrorContains(t, err, want)
		assert.NoDirExists(t, run)
	}
	out, err := goes(t, loaded(t, file, "probe.every=3it", "probe.images=8", "knn.resize=32", "knn.crop=32"), launch.StartOptions{})
	require.NoError(t, err, out)
	assert.Contains(t, out, "step 6/6  RankMe")
	assert.NotContains(t, out, "k-NN")
}

// The checkpoint that the probe liked most stays, over a restart, too, and one that was asked to stay.
func TestTheBestCheckpointIsKept(t *testing.T) {
	labelled := datatest.Folder(t, 12, "a", "b", "c")
	file, run := smallRun(t, drawnImages(t), 1, 9)
	set := []string{"probe.every=1it", "probe.images=0", "knn.train=" + labelled, "knn.val=" + labelled, "knn.k=3", "knn.resize=32", "knn.crop=32",
		"run.keep=1", "run.keep_best=true", "run.keep_every=4it", "run.checkpoint_every=4it"}
	_, err := goes(t, loaded(t, file, set...), launch.StartOptions{Hooks: breaksAfter(5, errStopped)})
	require.ErrorIs(t, err, errStopped)
	_, err = goes(t, loaded(t, file, set...), launch.StartOptions{})
	require.NoError(t, err)
	lines, err := runfolder.ReadLog[found](filepath.Join(run, runfolder.MetricsLog))
	require.NoError(t, err)
	best, top := int64(0), 0.0
	for _, l := range lines {
		if l.KNN != nil && *l.KNN > top {
			best, top = l.Step, *l.KNN
		}
	}
	require.Positive(t, best)
	link, err := filepath.EvalSymlinks(filepath.Join(run, runfolder.BestName))
	require.NoError(t, err)
	assert.Equal(t, runfolder.StepName(best), filepath.Base(link))
	all, err := runfolder.List(run)
	require.NoError(t, err)
	var kept []int64
	for _, c := range all {
		kept = append(kept, c.Step)
	}
	for _, step := range []int64{4, 8, 9, best} {
		assert.Contains(t, kept, step)
	}
	w, err := runfolder.Find(filepath.Join(run, runfolder.BestName), nil)
	require.NoError(t, err)
	assert.NotEmpty(t, w.Config)

	_, err = goes(t, loaded(t, file, "run.keep_best=true", "train.duration=12it"), launch.StartOptions{})
	require.ErrorContains(t, err, "run.keep_best = true: needs probe.every")
}
