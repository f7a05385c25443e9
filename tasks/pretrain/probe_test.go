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
