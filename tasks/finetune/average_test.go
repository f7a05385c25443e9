// SPDX-License-Identifier: MIT

package finetune_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/loader"
	"seer/data/source"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/eval/metrics"
	"seer/runfolder"
	"seer/tasks/finetune"
	"seer/tasks/launch"
	"seer/torch"
	"seer/torch/torchtest"
	"seer/train"
)

// top1 is the accuracy of a finished run's model on images of three colours, in per cent.
func top1(t *testing.T, run, images string) float64 {
	t.Helper()
	e := evaltest.Experiment()
	m, err := finetune.OpenModel(run, e, nil)
	require.NoError(t, err)
	defer m.Close()
	src, err := source.Open(source.Location{Path: images, Labels: true})
	require.NoError(t, err)
	defer src.Close()
	counts, err := metrics.NewClassification(3, 1)
	require.NoError(t, err)
	require.NoError(t, m.Scores(t.Context(), eval.Images{Source: src, Resize: 32, Crop: 32, Batch: 8}, func(batch *loader.Batch, scores *torch.Tensor) error {
		labels, err := eval.Labels(src, batch.Indices, 3)
		require.NoError(t, err)
		return counts.Add(scores.Float32s(), labels)
	}))
	return counts.Percent(1)
}

// What is validated is what a checkpoint offers, and the trained weights are beside it.
func TestTheAverageIsValidatedAndOffered(t *testing.T) {
	torchtest.NoLeaks(t)
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 12)
	plain := experiment(t, images, val)
	_, _, err := goes(t, t.Context(), plain, scratch, launch.StartOptions{})
	require.NoError(t, err)
	averaged := experiment(t, images, val)
	averaged.Finetune.EMA = 0.99
	r, out, err := goes(t, t.Context(), averaged, scratch, launch.StartOptions{})
	require.NoError(t, err, out)

	assert.Contains(t, out, "the average of the weights, decay 0.99")
	assert.Equal(t, r.Top1, top1(t, averaged.Run.Dir, val))
	without, with := digest(t, plain.Run.Dir), digest(t, averaged.Run.Dir)
	assert.Equal(t, without[runfolder.ModelFile], with[runfolder.TrainingFile], "the average changes nothing of the training")
	assert.NotEqual(t, with[runfolder.TrainingFile], with[runfolder.ModelFile])
	c, err := runfolder.Newest(averaged.Run.Dir, nil)
	require.NoError(t, err)
	file, err := c.Open(runfolder.ModelFile)
	require.NoError(t, err)
	defer file.Close()
	assert.Equal(t, "0.99", file.Metadata()[train.AverageKey])
}

// An average can be begun later, and ended: training itself goes on as if nothing were.
func TestAnAverageBeginsAndEndsInTheMidst(t *testing.T) {
	images, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 6)
	plain := experiment(t, images, val)
	_, _, err := goes(t, t.Context(), plain, scratch, launch.StartOptions{})
	require.NoError(t, err)
	for name, decays := range map[string][2]float64{"begins": {0, 0.9}, "ends": {0.9, 0}} {
		t.Run(name, func(t *testing.T) {
			e := experiment(t, images, val)
			e.Finetune.EMA = decays[0]
			hook, stop := stopAt(5)
			_, _, err := goes(t, t.Context(), copied(e), scratch, launch.StartOptions{Hooks: []train.Hook{hook}})
			require.ErrorIs(t, err, stop)
			e.Finetune.EMA = decays[1]
			_, out, err := goes(t, t.Context(), e, eval.TrunkSource{}, launch.StartOptions{})
			require.NoError(t, err, out)
			trained := runfolder.ModelFile
			if decays[1] > 0 {
				trained = runfolder.TrainingFile
			}
			assert.Equal(t, digest(t, plain.Run.Dir)[runfolder.ModelFile], digest(t, e.Run.Dir)[trained])
		})
	}
}

func TestDecaysOfAnAverage(t *testing.T) {
	for _, decay := range []float64{-0.1, 1} {
		e := experiment(t, "images", "val")
		e.Finetune.EMA = decay
		_, err := e.Validate(config.FineTuning)
		assert.ErrorContains(t, err, "finetune.ema")
	}
}
