// SPDX-License-Identifier: MIT

package finetune_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/source"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/runfolder"
	"seer/tasks/finetune"
	"seer/tasks/launch"
	"seer/torch/torchtest"
)

// several fine-tunes the tiny trunk on pictures of any of three colours.
func several(t *testing.T, dir string) *config.Experiment {
	e := experiment(t, dir, dir)
	e.Data.Kind, e.Finetune.Kind, e.Finetune.MultiLabel = "coco", "coco", true
	e.Crops[0].Scale = [2]float64{0.9, 1}
	return e
}

func TestFinetuningLearnsSeveralClassesAnImage(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := evaltest.SeveralColours(t, 24)
	e := several(t, dir)
	e.Optim.BaseLR, e.Schedule.Kind, e.Train.Duration.Value, e.Finetune.ValidateEvery.Value = 0.1, "cosine", 20, 5
	r, out, err := goes(t, t.Context(), copied(e), scratch, launch.StartOptions{})
	require.NoError(t, err, out)
	assert.Greater(t, r.MAP, 95.0, out)
	assert.Zero(t, r.Top1)
	assert.EqualValues(t, 24, r.ValImages)
	assert.Contains(t, out, "validation mAP")
	lines, err := runfolder.ReadLog[map[string]any](filepath.Join(e.Run.Dir, runfolder.MetricsLog))
	require.NoError(t, err)
	validations := 0
	for _, l := range lines {
		if _, ok := l["val_map"]; ok {
			validations++
		}
	}
	assert.Equal(t, 4, validations)

	m, err := finetune.OpenModel(e.Run.Dir, evaltest.Experiment(), nil)
	require.NoError(t, err)
	defer m.Close()
	src, err := source.Open(source.Location{Path: filepath.Join(dir, "val2017")})
	require.NoError(t, err)
	defer src.Close()
	var both []finetune.Prediction
	require.NoError(t, m.Predict(t.Context(), eval.Images{Source: src, Resize: 32, Crop: 32, Batch: 8}, 3, func(all []finetune.Prediction) error {
		both = append(both, all...)
		return nil
	}))
	right := 0
	for i, p := range both { // three predictions an image, whose scores say by themselves whether a colour is there
		image := i / 3
		for c, colour := range evaltest.Colours {
			if p.Label == colour && (p.Score > 0.5) == (image>>c&1 == 1) {
				right++
			}
		}
	}
	assert.Greater(t, right, len(both)*9/10, "of %d", len(both))
}

// One class an image and any number are different tasks: data and configuration have to agree on one.
func TestFinetuningRefusesLabelsOfTheOtherKind(t *testing.T) {
	single, multiple := evaltest.Coloured(t, 24), evaltest.SeveralColours(t, 8)
	for want, edit := range map[string]func(*config.Experiment){
		"data.source: " + multiple + " has several classes an image, and finetune.multi_label = false": func(e *config.Experiment) { e.Finetune.MultiLabel = false },
		"finetune.val: " + single + " has one class an image, and finetune.multi_label = true":         func(e *config.Experiment) { e.Finetune.Val, e.Finetune.Kind = single, "folder" },
		"data.source: " + single + " has one class an image":                                           func(e *config.Experiment) { e.Data.Source, e.Data.Kind = single, "folder" },
		"finetune.mixup = 0.2: shares one class an image out":                                          func(e *config.Experiment) { e.Finetune.Mixup = 0.2 },
		"finetune.label_smoothing = 0.1: shares":                                                       func(e *config.Experiment) { e.Finetune.LabelSmoothing = 0.1 },
	} {
		e := several(t, multiple)
		edit(e)
		_, _, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
		assert.ErrorContains(t, err, want)
		assert.NoDirExists(t, e.Run.Dir)
	}
}

// Classes can be drawn and weighed alike where images have several, too.
func TestSeveralClassesAnImageAreBalanced(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := evaltest.SeveralColours(t, 8)
	digests := map[string]bool{}
	for _, f := range []config.Finetune{{Sampling: "uniform"}, {Sampling: "square-root"}, {Sampling: "uniform", ClassWeights: "balanced"}} {
		e := several(t, dir)
		e.Data.Subset.First = 7 // without the last, which has all colours
		e.Finetune.Sampling, e.Finetune.ClassWeights = f.Sampling, f.ClassWeights
		_, out, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
		require.NoError(t, err, out)
		digests[digest(t, e.Run.Dir)[runfolder.ModelFile]] = true
	}
	assert.Len(t, digests, 3)
}

func TestPublishedDataSetsAreNotListedAnew(t *testing.T) {
	e := several(t, evaltest.SeveralColours(t, 8))
	e.Data.Refresh = config.Duration{Value: 1, Unit: config.Epochs}
	_, _, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
	assert.ErrorContains(t, err, `data.refresh = "1ep": a published data set does not change`)
}
