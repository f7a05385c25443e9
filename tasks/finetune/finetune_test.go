// SPDX-License-Identifier: MIT

package finetune_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/runfolder"
	"seer/tasks/finetune"
	"seer/tasks/launch"
	"seer/tasks/probe"
	"seer/torch/torchtest"
	"seer/train"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

const epochs = 4

// experiment fine-tunes the tiny trunk on pictures of three colours.
func experiment(t *testing.T, images, val string) *config.Experiment {
	t.Helper()
	e := evaltest.Experiment()
	e.Run.Dir, e.Run.Threads, e.Run.ChannelsLast = filepath.Join(t.TempDir(), "run"), 1, "on"
	e.Run.LogEvery, e.Run.CheckpointEvery = config.Duration{Value: 1, Unit: config.Steps}, config.Duration{Value: 4, Unit: config.Steps}
	e.Data.Source, e.Data.Workers = images, 2
	e.Crops = []config.Crop{{Count: 1, Size: 32, Scale: [2]float64{0.5, 1}, Ratio: [2]float64{0.75, 1.3333333}}}
	e.Augment.Jitter.P, e.Augment.Gray, e.Augment.Blur.P = 0, 0, 0
	e.Optim.Batch, e.Optim.BaseLR, e.Optim.Scaling, e.Optim.Adaptation = 8, 0.2, "none", "none"
	e.Schedule.Kind = "constant"
	e.Train.Duration = config.Duration{Value: epochs, Unit: config.Epochs}
	e.Finetune.Val, e.Finetune.Resize, e.Finetune.Crop, e.Finetune.Hidden = val, 32, 32, []int{12}
	e.Finetune.ValidateEvery = config.Duration{Value: 1, Unit: config.Epochs}
	return e
}

var scratch = eval.TrunkSource{Random: true}

// goes runs an experiment and returns what it says.
func goes(t *testing.T, ctx context.Context, e *config.Experiment, weights eval.TrunkSource, o launch.StartOptions) (*probe.Result, string, error) {
	t.Helper()
	var out strings.Builder
	o.Out, o.Version = &out, "test"
	r, err := finetune.Run(ctx, e, weights, o)
	return r, out.String(), err
}

// copied is an experiment as a file would give it once more.
func copied(e *config.Experiment) *config.Experiment {
	again := *e
	return &again
}

// digest is a checksum of each file of tensors of a run's newest checkpoint.
func digest(t *testing.T, run string) map[string]string {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	sums := map[string]string{}
	for _, name := range c.Files {
		if filepath.Ext(name) != ".safetensors" {
			continue
		}
		file, err := c.Open(name)
		require.NoError(t, err)
		sum := sha256.New()
		for _, info := range file.Infos() {
			tensor, err := file.Read(info.Name)
			require.NoError(t, err)
			fmt.Fprintln(sum, info)
			sum.Write(tensor.Data)
		}
		sums[name] = fmt.Sprintf("%x", sum.Sum(nil))
		require.NoError(t, file.Close())
	}
	return sums
}

// What is computed again in the backward pass changes nothing of a run in float32.
func TestFinetuningHasTheSameBitsWhateverIsComputedAgain(t *testing.T) {
	torchtest.NoLeaks(t)
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 12)
	var want map[string]string
	for _, m := range []config.Memory{{Checkpoint: "none"}, {Checkpoint: "selective"}, {Checkpoint: "blocks"}, {Checkpoint: "stages"}, {Checkpoint: "auto", Budget: 1_700_000}} {
		e := experiment(t, images, val)
		e.Memory, e.Train.Duration.Value = m, 1
		_, out, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
		require.NoError(t, err, out)
		if want == nil {
			want = digest(t, e.Run.Dir)
		}
		assert.Equal(t, want, digest(t, e.Run.Dir), m.Checkpoint)
	}
}

func TestFinetuningLearnsClasses(t *testing.T) {
	torchtest.NoLeaks(t)
	e := experiment(t, evaltest.Coloured(t, 24), evaltest.Coloured(t, 12))
	e.Optim.BaseLR, e.Schedule.Kind = 0.1, "cosine"
	e.Train.Duration.Value, e.Finetune.ValidateEvery.Value = 20, 5
	r, out, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
	require.NoError(t, err, out)
	assert.Equal(t, 100.0, r.Top1, out)
	assert.EqualValues(t, 12, r.ValImages)
	assert.Equal(t, 3, r.Classes)
	assert.Equal(t, 4, strings.Count(out, "validation top-1"))
	lines, err := runfolder.ReadLog[map[string]any](filepath.Join(e.Run.Dir, runfolder.MetricsLog))
	require.NoError(t, err)
	counted := map[string]int{}
	for _, l := range lines {
		for _, key := range []string{"loss", "train_top1", "val_top1", "val_top5"} {
			if _, ok := l[key]; ok {
				counted[key]++
			}
		}
	}
	assert.Equal(t, map[string]int{"loss": 60, "train_top1": 60, "val_top1": 4, "val_top5": 4}, counted)

	r, out, err = goes(t, t.Context(), copied(e), eval.TrunkSource{}, launch.StartOptions{})
	require.NoError(t, err)
	assert.Nil(t, r)
	assert.Contains(t, out, "The run is complete: 60 of 60 steps")
}

// stopAt interrupts a run behind a step.
func stopAt(step int64) (hook train.Hook, stop error) {
	stop = errors.New("stopped by a test")
	return train.Hook{Name: "stop", Every: 1, Run: func(_ context.Context, e train.Event) error {
		if e.Step == step {
			return stop
		}
		return nil
	}}, stop
}

// A run that is stopped and continued ends with the bits of one that was not, and needs its weights only once.
func TestFinetuningResumesToTheBit(t *testing.T) {
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 6)
	for name, edit := range map[string]func(*config.Experiment){
		"mixed images": func(e *config.Experiment) { e.Finetune.Mixup, e.Finetune.Cutmix = 0.8, 1 },
		"bf16":         func(e *config.Experiment) { e.Run.Precision, e.Finetune.Mixup, e.Finetune.Cutmix = "bf16", 0.8, 1 },
		"an average":   func(e *config.Experiment) { e.Finetune.EMA = 0.7 },
		"balanced classes": func(e *config.Experiment) {
			e.Data.Subset.First, e.Train.Duration.Value = 14, 8 // blue, green and less of red
			e.Finetune.Sampling, e.Finetune.ClassWeights, e.Finetune.EMA = "class-balanced", "balanced", 0.9
		},
	} {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			whole := experiment(t, images, val)
			edit(whole)
			_, _, err := goes(t, t.Context(), whole, scratch, launch.StartOptions{})
			require.NoError(t, err)

			parts := experiment(t, images, val)
			edit(parts)
			hook, stop := stopAt(5)
			_, _, err = goes(t, t.Context(), copied(parts), scratch, launch.StartOptions{Hooks: []train.Hook{hook}})
			require.ErrorIs(t, err, stop)
			parts.Data.Workers = 1
			_, out, err := goes(t, t.Context(), parts, eval.TrunkSource{}, launch.StartOptions{})
			require.NoError(t, err)
			assert.Contains(t, out, "Continuing at step 5 of 1")
			assert.Equal(t, digest(t, whole.Run.Dir), digest(t, parts.Run.Dir))
		})
	}
}

// The trunk starts from the weights, with their architecture and normalisation.
func TestFinetuningStartsFromARun(t *testing.T) {
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 6)
	first := experiment(t, images, val)
	_, _, err := goes(t, t.Context(), first, scratch, launch.StartOptions{})
	require.NoError(t, err)

	second := experiment(t, images, val)
	second.Model = config.Model{}
	second.Augment.Mean = [3]float64{0.9, 0.9, 0.9}
	second.Optim.BaseLR, second.Train.Duration = 1e-12, config.Duration{Value: 1, Unit: config.Steps}
	_, out, err := goes(t, t.Context(), second, eval.TrunkSource{Weights: first.Run.Dir}, launch.StartOptions{})
	require.NoError(t, err, out)
	resolved, err := config.Load(filepath.Join(second.Run.Dir, runfolder.ConfigFile), nil)
	require.NoError(t, err)
	assert.Equal(t, first.Model, resolved.Model)
	assert.Equal(t, first.Augment.Mean, resolved.Augment.Mean)
	assert.Equal(t, parameter(t, first.Run.Dir), parameter(t, second.Run.Dir), "at no rate the trunk stays as it was")
}

// Training, validation and predictions resize as [augment] says.
func TestFinetuningResizesBicubically(t *testing.T) {
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 6)
	digests := map[string]bool{}
	for _, filter := range []string{"bilinear", "bicubic"} {
		e := experiment(t, images, val)
		e.Augment.Interpolation, e.Train.Duration.Value = filter, 1
		_, out, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
		require.NoError(t, err, out)
		digests[digest(t, e.Run.Dir)[runfolder.ModelFile]] = true
		m, err := finetune.OpenModel(e.Run.Dir, evaltest.Experiment(), nil)
		require.NoError(t, err)
		assert.Equal(t, filter == "bicubic", m.Bicubic)
		m.Close()
	}
	assert.Len(t, digests, 2)
}

// parameter is one of a run's trunk.
func parameter(t *testing.T, run string) []byte {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	file, err := c.Open(runfolder.ModelFile)
	require.NoError(t, err)
	defer file.Close()
	tensor, err := file.Read("trunk.stem.0.weight")
	require.NoError(t, err)
	return tensor.Data
}

// What cannot be trained on is refused before there is a run.
func TestFinetuningRefuses(t *testing.T) {
	images := evaltest.Coloured(t, 24)
	other := t.TempDir()
	require.NoError(t, os.CopyFS(other, os.DirFS(evaltest.Coloured(t, 6))))
	require.NoError(t, os.Rename(filepath.Join(other, "red"), filepath.Join(other, "pink")))
	flat := t.TempDir()
	require.NoError(t, os.CopyFS(flat, os.DirFS(filepath.Join(images, "red"))))
	for name, c := range map[string]struct {
		edit    func(*config.Experiment)
		weights eval.TrunkSource
		want    string
	}{
		"no weights":    {nil, eval.TrunkSource{}, "which trunk? Give --weights"},
		"other classes": {func(e *config.Experiment) { e.Finetune.Val = other }, scratch, `a class "pink" that the 3 classes of data.source lack`},
		"no labels":     {func(e *config.Experiment) { e.Data.Source = flat }, scratch, "data.source"},
		"two views":     {func(e *config.Experiment) { e.Crops[0].Count = 2 }, scratch, "one view of an image"},
		"no validation": {func(e *config.Experiment) { e.Finetune.Val = "" }, scratch, "finetune.val"},
		"smoothing":     {func(e *config.Experiment) { e.Finetune.LabelSmoothing = 1 }, scratch, "finetune.label_smoothing"},
	} {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			e := experiment(t, images, images)
			if c.edit != nil {
				c.edit(e)
			}
			_, _, err := goes(t, t.Context(), e, c.weights, launch.StartOptions{})
			require.ErrorContains(t, err, c.want)
			assert.NoDirExists(t, e.Run.Dir)
		})
	}
}

// A run goes on with the classes that its head has learned, in their order.
func TestFinetuningKeepsItsClasses(t *testing.T) {
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 3)
	e := experiment(t, images, val)
	_, _, err := goes(t, t.Context(), copied(e), scratch, launch.StartOptions{})
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(images, "blue"), filepath.Join(images, "white")))
	require.NoError(t, os.Rename(filepath.Join(val, "blue"), filepath.Join(val, "white")))
	e.Train.Duration.Value++
	_, _, err = goes(t, t.Context(), e, eval.TrunkSource{}, launch.StartOptions{})
	require.ErrorContains(t, err, "with other names from number 0 on")
}
