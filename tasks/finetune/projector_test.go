// SPDX-License-Identifier: MIT

package finetune_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/config"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/runfolder"
	"seer/tasks/finetune"
	"seer/tasks/launch"
	"seer/tasks/pretrain"
	"seer/torch/torchtest"
)

// pretrained is a run of two steps with a projection head of two hidden layers.
func pretrained(t *testing.T, images string, batchNorm bool) string {
	t.Helper()
	e := experiment(t, images, images)
	e.Crops = []config.Crop{{Count: 2, Size: 32, Scale: [2]float64{0.5, 1}, Ratio: [2]float64{0.75, 1.3333333}}}
	e.SwAV.Hidden, e.SwAV.Out, e.SwAV.Prototypes, e.SwAV.BatchNorm = []int{11, 9}, 4, 6, batchNorm
	e.SwAV.FreezePrototypes.Value = 0
	e.Optim.BaseLR, e.Train.Duration = 0.01, config.Duration{Value: 2, Unit: config.Steps}
	require.NoError(t, pretrain.Run(t.Context(), e, launch.StartOptions{Out: io.Discard}))
	return e.Run.Dir
}

// tensor is one of a run's newest weights.
func tensor(t *testing.T, run, name string) checkpoint.Tensor {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	file, err := c.Open(runfolder.ModelFile)
	require.NoError(t, err)
	defer file.Close()
	found, err := file.Read(name)
	require.NoError(t, err)
	return found
}

// The first layers of SwAV's head stay between trunk and classes, with their weights; what follows is new.
func TestTheBeginningOfTheProjectorIsKept(t *testing.T) {
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 6)
	for name, batchNorm := range map[string]bool{"with batch norm": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			run := pretrained(t, images, batchNorm)
			e := experiment(t, images, val)
			e.Finetune.ProjectorLayers, e.Finetune.Hidden = 1, []int{5}
			e.Finetune.HeadLR, e.Optim.BaseLR = 1e12, 1e-13 // the new layers move, what was pretrained rests
			e.Train.Duration = config.Duration{Value: 1, Unit: config.Steps}
			_, out, err := goes(t, t.Context(), copied(e), eval.TrunkSource{Weights: run}, launch.StartOptions{})
			require.NoError(t, err, out)
			kept, before := tensor(t, e.Run.Dir, "head.hidden.0.0.weight"), tensor(t, run, "head.projection_head.0.weight")
			assert.Equal(t, before.Data, kept.Data)
			assert.EqualValues(t, 5, tensor(t, e.Run.Dir, "head.hidden.1.0.weight").Shape[0])
			if batchNorm {
				assert.Equal(t, tensor(t, run, "head.projection_head.1.weight").Data, tensor(t, e.Run.Dir, "head.hidden.0.1.weight").Data)
			}

			e.Train.Duration.Value = 2
			_, out, err = goes(t, t.Context(), e, eval.TrunkSource{}, launch.StartOptions{})
			require.NoError(t, err, out)
			m, err := finetune.OpenModel(e.Run.Dir, evaltest.Experiment(), nil)
			require.NoError(t, err)
			m.Close()
		})
	}
}

func TestProjectorsThatCannotBeKept(t *testing.T) {
	images := evaltest.Coloured(t, 24)
	run := pretrained(t, images, false)
	first := experiment(t, images, images)
	first.Train.Duration = config.Duration{Value: 1, Unit: config.Steps}
	_, _, err := goes(t, t.Context(), first, scratch, launch.StartOptions{})
	require.NoError(t, err)
	for want, c := range map[string]struct {
		layers  int
		weights eval.TrunkSource
	}{
		"finetune.projector_layers = 1: it keeps layers of SwAV's head, and --random-init has none": {1, scratch},
		"has 2 hidden layers; allowed are 0 to that":                                                {3, eval.TrunkSource{Weights: run}},
		"has no projection head of SwAV":                                                            {1, eval.TrunkSource{Weights: first.Run.Dir}},
		"finetune.projector_layers = -1":                                                            {-1, scratch},
	} {
		e := experiment(t, images, images)
		e.Finetune.ProjectorLayers = c.layers
		_, _, err := goes(t, t.Context(), e, c.weights, launch.StartOptions{})
		assert.ErrorContains(t, err, want)
		assert.NoDirExists(t, e.Run.Dir)
	}
}
