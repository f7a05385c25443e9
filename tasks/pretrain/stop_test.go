// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/runfolder"
	"seer/tasks/launch"
	"seer/train"
)

// loaded is the small experiment with changes.
func loaded(t *testing.T, file string, sets ...string) *config.Experiment {
	t.Helper()
	e, err := config.Load(file, sets)
	require.NoError(t, err)
	return e
}

// goes runs an experiment and returns what it says.
func goes(t *testing.T, e *config.Experiment, opt launch.StartOptions) (string, error) {
	t.Helper()
	var out strings.Builder
	opt.Out, opt.Version = &out, "test"
	err := Run(t.Context(), e, opt)
	return out.String(), err
}

// breaksAfter is a hook that fails once.
func breaksAfter(step int64, err error) []train.Hook {
	return []train.Hook{{Name: "a test's hook", Every: 1, Run: func(_ context.Context, e train.Event) error {
		if e.Step == step {
			return err
		}
		return nil
	}}}
}

func newest(t *testing.T, run string) *runfolder.Checkpoint {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	return c
}

// rare makes a run save only at its end and when it is stopped.
const rare = "run.checkpoint_every=1000it"

func TestAHooksErrorSavesTheStep(t *testing.T) {
	images, broken := drawnImages(t), errors.New("broken")
	file, run := smallRun(t, images, 2, 8)
	for _, step := range []int64{3, 8} {
		out, err := goes(t, loaded(t, file, rare), launch.StartOptions{Hooks: breaksAfter(step, broken)})
		require.ErrorIs(t, err, broken)
		assert.ErrorContains(t, err, fmt.Sprintf("a test's hook after step %d", step))
		assert.Contains(t, out, fmt.Sprintf("Stopped after step %d of 8; the same command continues from", step))
		assert.Equal(t, step, newest(t, run).Step)
	}
	_, err := goes(t, loaded(t, file, rare), launch.StartOptions{})
	require.NoError(t, err)
	whole, straight := smallRun(t, images, 1, 8)
	_, err = goes(t, loaded(t, whole), launch.StartOptions{})
	require.NoError(t, err)
	assert.Equal(t, digest(t, straight), digest(t, run))
}

func TestALoaderThatStopsSavesTheStepsBefore(t *testing.T) {
	images := t.TempDir()
	for i := range 50 {
		content := datatest.JPEG(40, 40, uint64(i))
		if i%5 == 0 {
			content = content[:len(content)/3]
		}
		datatest.Write(t, filepath.Join(images, fmt.Sprintf("%02d.jpg", i)), content)
	}
	file, run := smallRun(t, images, 2, 100)
	out, err := goes(t, loaded(t, file, rare, "data.max_bad_fraction=0.1"), launch.StartOptions{})
	require.ErrorContains(t, err, "raise data.max_bad_fraction")
	const done = 24 // a hundred images are seen before they are judged, four a step
	assert.Contains(t, out, "Stopped after step 24 of 100")
	assert.EqualValues(t, done, newest(t, run).Step)
	assert.Len(t, metricSteps(t, run), done)
}

func TestWhatCannotBeSavedIsSaid(t *testing.T) {
	file, run := smallRun(t, drawnImages(t), 1, 8)
	broken := errors.New("broken")
	hook := breaksAfter(3, broken)
	hook[0].Run = func(_ context.Context, e train.Event) error {
		if e.Step < 3 {
			return nil
		}
		checkpoints := filepath.Join(run, runfolder.CheckpointsDir) // nothing can be written there any more
		return errors.Join(os.Rename(checkpoints, checkpoints+".away"), os.WriteFile(checkpoints, nil, 0o644), broken)
	}
	_, err := goes(t, loaded(t, file), launch.StartOptions{Hooks: hook})
	require.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, "saving step 3, the last that was complete")
}

// dead runs three sound steps and then some with a rate that no network stands.
func dead(t *testing.T, file string) (nan []string, err error) {
	t.Helper()
	_, err = goes(t, loaded(t, file), launch.StartOptions{Hooks: breaksAfter(3, errStopped)})
	require.ErrorIs(t, err, errStopped)
	nan = []string{"optim.base_lr=1e36", "optim.adaptation=none", "schedule.warmup=0it"}
	_, err = goes(t, loaded(t, file, nan...), launch.StartOptions{})
	return nan, err
}

// A run that has met a loss that is not finite says how it can go on, does not do the same again by itself, and goes on
// from its last sound step with what was wrong put right.
func TestANonFiniteStepHasAWayBack(t *testing.T) {
	images := drawnImages(t)
	file, run := smallRun(t, images, 2, 8)
	nan, err := dead(t, file)
	var broken *train.NonFiniteError
	require.ErrorAs(t, err, &broken)
	for _, way := range []string{"--set optim.base_lr=…", "now 1e+36", "--set run.seed=…", "--from-checkpoint previous", "there are [3 4]", "seer inspect"} {
		assert.Contains(t, err.Error(), way)
	}
	assert.FileExists(t, broken.Path)
	before := tree(t, run)
	_, err = goes(t, loaded(t, file, nan...), launch.StartOptions{})
	require.ErrorContains(t, err, "nothing has changed since")
	assert.ErrorContains(t, err, fmt.Sprintf("the last start ended in step %d, because its loss, its gradient", broken.Step))
	assert.Equal(t, before, tree(t, run))

	_, err = goes(t, loaded(t, file, nan...), launch.StartOptions{From: runfolder.FromLatest})
	require.ErrorAs(t, err, &broken, "once more, because the user insists")
	_, err = goes(t, loaded(t, file), launch.StartOptions{From: "3"})
	require.NoError(t, err)
	assert.NoFileExists(t, filepath.Join(run, "dead_end.json"))
	whole, straight := smallRun(t, images, 1, 8)
	_, err = goes(t, loaded(t, whole), launch.StartOptions{})
	require.NoError(t, err)
	assert.Equal(t, digest(t, straight), digest(t, run))
	assert.Equal(t, metricSteps(t, straight), metricSteps(t, run))
}

// Another seed gives other images from the checkpoint on, with the weights that were learned.
func TestARunGoesBackWithAnotherOrder(t *testing.T) {
	file, run := smallRun(t, drawnImages(t), 2, 8)
	_, err := goes(t, loaded(t, file), launch.StartOptions{Hooks: breaksAfter(5, errStopped)})
	require.ErrorIs(t, err, errStopped)
	require.EqualValues(t, 5, newest(t, run).Step)
	out, err := goes(t, loaded(t, file, "run.seed=77"), launch.StartOptions{From: runfolder.FromPrevious})
	require.NoError(t, err)
	assert.Contains(t, out, "continuing a run with another run.seed: 5, now 77")
	assert.Contains(t, out, "Continuing at step 4 of 8")
	assert.Contains(t, out, "step-000000005.left")
	assert.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7, 8}, metricSteps(t, run))
	for from, want := range map[string]string{
		"previously": `--from-checkpoint "previously": allowed are latest, previous and the number of a step`, "3": "no checkpoint of step 3",
	} {
		_, err = goes(t, loaded(t, file), launch.StartOptions{From: from})
		assert.ErrorContains(t, err, want)
	}
}

// Sixteen bits that always overflow do not end as a run that is done.
func TestFloat16ThatAlwaysOverflowsIsAnError(t *testing.T) {
	images := drawnImages(t)
	overflow := []string{"run.precision=fp16", "swav.temperature=1e-4", rare}
	file, run := smallRun(t, images, 1, 8)
	_, err := goes(t, loaded(t, file, append(overflow, "run.max_skipped_steps=3")...), launch.StartOptions{})
	var skipped *train.SkippedError
	require.ErrorAs(t, err, &skipped)
	assert.EqualValues(t, 3, skipped.InARow)
	for _, part := range []string{"the last 3 steps up to step 3", "run.max_skipped_steps", "run.precision=bf16", "--from-checkpoint latest"} {
		assert.Contains(t, err.Error(), part)
	}
	lines, err := runfolder.ReadLog[train.Record](filepath.Join(run, runfolder.MetricsLog))
	require.NoError(t, err)
	require.Len(t, lines, 3)
	assert.EqualValues(t, 3, lines[2].SkippedSteps)
	_, err = goes(t, loaded(t, file, append(overflow, "run.max_skipped_steps=3")...), launch.StartOptions{})
	require.ErrorContains(t, err, "3 steps in a row overflowed float16, and nothing has changed")
	_, err = goes(t, loaded(t, file, "run.precision=bf16", "train.duration=6it"), launch.StartOptions{})
	require.NoError(t, err, "the advice helps")

	short, _ := smallRun(t, images, 1, 12)
	for range 2 { // at its end, and when it is asked again
		_, err = goes(t, loaded(t, short, overflow...), launch.StartOptions{})
		require.ErrorAs(t, err, &skipped, "no step has changed anything")
	}
}

// The loss scale belongs to float16: a run that changes its precision on the way does without it, or begins with a new one.
func TestPrecisionMayChangeOnTheWay(t *testing.T) {
	file, _ := smallRun(t, drawnImages(t), 1, 6)
	for i, precision := range []string{"fp32", "fp16", "bf16"} {
		out, err := goes(t, loaded(t, file, "run.precision="+precision, fmt.Sprintf("train.duration=%dit", 5+i)), launch.StartOptions{})
		require.NoError(t, err, precision)
		assert.Contains(t, out, "Done")
	}
}

// A finished run needs neither its images nor a GPU to say so.
func TestAFinishedRunSaysSoWithoutItsSource(t *testing.T) {
	images := drawnImages(t)
	file, run := smallRun(t, images, 1, 5)
	epochs := "train.duration=1ep" // its steps are known from the images only
	_, err := goes(t, loaded(t, file, epochs), launch.StartOptions{})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(images))
	before := tree(t, run)
	for _, sets := range [][]string{{epochs}, {"train.duration=5it"}, {epochs, "run.device=cuda:7"}} {
		out, err := goes(t, loaded(t, file, sets...), launch.StartOptions{})
		require.NoError(t, err)
		assert.Contains(t, out, "The run is complete: 5 of 5 steps")
	}
	_, err = goes(t, loaded(t, file, epochs, "swav.prototypes=5"), launch.StartOptions{})
	require.Error(t, err, "another model is not this run")
	_, err = goes(t, loaded(t, file, "train.duration=2ep"), launch.StartOptions{})
	require.ErrorContains(t, err, images, "more to do needs the images")
	assert.Equal(t, before, tree(t, run))
}

// A rate that has changed takes effect with every schedule, also with the one that remembers.
func TestAPlateauTakesANewRate(t *testing.T) {
	file, run := smallRun(t, drawnImages(t), 1, 8)
	plateau := []string{"schedule.kind=plateau", "schedule.window=1it", "schedule.threshold=0.99", "schedule.warmup=0it", "optim.base_batch=4"}
	_, err := goes(t, loaded(t, file, append(plateau, "optim.base_lr=0.4")...), launch.StartOptions{Hooks: breaksAfter(3, errStopped)})
	require.ErrorIs(t, err, errStopped)
	_, err = goes(t, loaded(t, file, append(plateau, "optim.base_lr=0.04")...), launch.StartOptions{})
	require.NoError(t, err)
	lines, err := runfolder.ReadLog[train.Record](filepath.Join(run, runfolder.MetricsLog))
	require.NoError(t, err)
	var rates []float64
	for _, l := range lines[:5] {
		rates = append(rates, l.LR)
	}
	assert.InDeltaSlice(t, []float64{0.4, 0.4, 0.2, 0.01, 0.005}, rates, 1e-12, "the reductions stay, the rate is the new one")
}

// A warning of collapse speaks of the step that it names, also where metrics are logged more rarely.
func TestCollapseWarningsAreMeasured(t *testing.T) {
	file, run := smallRun(t, drawnImages(t), 1, 130)
	// A temperature so high that every prediction is uniform: the loss is ln K, with embeddings as they should be.
	out, err := goes(t, loaded(t, file, "swav.temperature=1000", "run.log_every=7it", "swav.freeze_prototypes=0it", "schedule.warmup=0it", "optim.base_lr=0.01", rare), launch.StartOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(out, "the loss has stayed at ln(6)"), out)
	assert.Contains(t, out, "warning: step 100:")
	assert.NotContains(t, out, "nearly the same")
	assert.NotContains(t, out, "std 0.0")
	assert.NotContains(t, out, "was not measured")
	require.NotEmpty(t, metricSteps(t, run))
}
