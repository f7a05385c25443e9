// SPDX-License-Identifier: MIT

package probe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/tasks/probe"
	"seer/torch/torchtest"
)

// session probes the random tiny trunk on coloured pictures.
func session(t *testing.T, e *config.Experiment) *probe.Session {
	t.Helper()
	b, err := eval.OpenBackbone(eval.TrunkSource{Random: true, Experiment: e})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	s := &probe.Session{Backbone: b, Experiment: e}
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func probing(trainDir, valDir string) *config.Experiment {
	e := evaltest.Experiment()
	e.Linear = short(func(c *config.Linear) {
		c.Train, c.Val, c.Batch, c.Resize, c.Crop, c.Augment = trainDir, valDir, 8, 32, 32, false
	})
	e.KNN = config.KNN{Kind: "auto", K: config.Several[int]{5}, Temperature: 0.1, Batch: 8, Resize: 32, Crop: 32}
	return e
}

func TestSessionSharesFeatures(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := evaltest.Coloured(t, 24)
	s := session(t, probing(dir, evaltest.Coloured(t, 12)))
	stages := map[string]int{}
	s.Progress = func(stage string, done, total int64) {
		if done == total {
			stages[stage]++
		}
	}
	linear, err := s.Linear(context.Background())
	require.NoError(t, err)
	knn, err := s.KNN(context.Background())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{
		"features of the validation images": 1, "features of the training images": 1, "linear classifier": 1, "nearest neighbours": 1,
	}, stages, "features are computed once for both probes")
	for _, r := range []probe.Result{linear, knn} {
		assert.Equal(t, 100.0, r.Top1)
		assert.Equal(t, 3, r.Classes)
		assert.EqualValues(t, 24, r.TrainImages)
		assert.EqualValues(t, 12, r.ValImages)
		assert.Equal(t, dir, r.Train)
		assert.Equal(t, eval.RandomInit, r.Weights)
	}
	text, err := json.Marshal(linear)
	require.NoError(t, err)
	for _, want := range []string{`"task":"linear-eval"`, `"arch":"regnet_y"`, `"base_lr":0.8`, `"duration":"10ep"`} {
		assert.Contains(t, string(text), want)
	}
}

func TestSessionAugmented(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := evaltest.Coloured(t, 24)
	e := probing(dir, dir)
	e.Linear.Augment = true
	r, err := session(t, e).Linear(context.Background())
	require.NoError(t, err)
	assert.EqualValues(t, 30, r.Steps)
	assert.Greater(t, r.Top1, 90.0)
}

// A grid of layers, batch norms and rates: the same figures as each classifier by itself, from one pass.
func TestSessionTrainsAGrid(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, augment := range []bool{false, true} {
		e := probing(evaltest.Coloured(t, 24), evaltest.Coloured(t, 12))
		e.Linear.Augment, e.Linear.Duration = augment, config.Duration{Value: 3, Unit: config.Epochs}
		layers := []config.Layer{{Stage: 2, Rows: 2, Columns: 1}, {}}
		rates := config.Several[float64]{0.001, 0.8}
		e.Linear.Layers, e.Linear.BaseLR, e.Linear.BatchNorm = layers, rates, config.Several[bool]{true, false}
		s := session(t, e)
		stages := map[string]int{}
		s.Progress = func(stage string, done, total int64) {
			if done == total {
				stages[stage]++
			}
		}
		all, err := s.Linear(context.Background())
		require.NoError(t, err)
		assert.Equal(t, 1, stages["features of the validation images"])
		assert.Equal(t, 1, stages["linear classifier"])
		require.Len(t, all.Trials, 8)
		for i, trial := range all.Trials {
			e.Linear.Layers, e.Linear.BaseLR, e.Linear.BatchNorm = layers[i/4:i/4+1], rates[i%2:i%2+1], config.Several[bool]{i/2%2 == 0}
			alone, err := session(t, e).Linear(context.Background())
			require.NoError(t, err)
			assert.Equal(t, []float64{alone.Loss, alone.Top1, alone.Top5}, []float64{trial.Loss, trial.Top1, trial.Top5}, "%v", trial)
			assert.LessOrEqual(t, trial.Top1, all.Top1)
			assert.Empty(t, alone.Trials)
		}
		assert.Equal(t, "stage2:2x1, batch norm, rate 0.001", all.Trials[0].String())
		assert.Equal(t, "pool, rate 0.8", all.Trials[7].String())
		assert.NotEqual(t, all.Trials[0].Loss, all.Trials[4].Loss)
	}
}

// Each probe reads the layer that it is told; features of the same layer are shared, others are not.
func TestProbesReadTheirLayers(t *testing.T) {
	torchtest.NoLeaks(t)
	e := probing(evaltest.Coloured(t, 24), evaltest.Coloured(t, 12))
	e.SVM = config.Default().SVM
	e.SVM.Resize, e.SVM.Crop, e.SVM.Batch = 32, 32, 8
	e.SVM.Layer, e.KNN.Layer = config.Layer{Stage: 1, Rows: 2, Columns: 2}, config.Layer{Stage: 1, Rows: 2, Columns: 2}
	s := session(t, e)
	stages := map[string]int{}
	s.Progress = func(stage string, done, total int64) {
		if done == total {
			stages[stage]++
		}
	}
	for range 2 {
		r, err := s.SVM(context.Background())
		require.NoError(t, err)
		assert.Equal(t, 100.0, r.Top1)
		assert.Equal(t, e.SVM.Layer.String(), r.Settings["layer"])
		r, err = s.KNN(context.Background())
		require.NoError(t, err)
		assert.Equal(t, 100.0, r.Top1)
	}
	assert.Equal(t, 1, stages["features of the training images"], "one layer for both")
	e.KNN.Layer = config.Layer{}
	_, err := s.KNN(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 2, stages["features of the training images"], "another layer")
	e.KNN.Layer, e.SVM.Layer = config.Layer{Stage: 9, Rows: 1, Columns: 1}, config.Layer{Blocks: 2}
	_, err = s.KNN(context.Background())
	assert.ErrorContains(t, err, "knn.layer: layer \"stage9:1x1\"")
	_, err = s.SVM(context.Background())
	assert.ErrorContains(t, err, "svm.layer: layer \"blocks2\"")
}

func TestSessionSubset(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := evaltest.Coloured(t, 24)
	e := probing(dir, dir)
	e.KNN.TrainSubset.First = 8 // the first folder by name: all blue
	r, err := session(t, e).KNN(context.Background())
	require.NoError(t, err)
	assert.EqualValues(t, 8, r.TrainImages)
	assert.InDelta(t, 100.0/3, r.Top1, 1e-9, "every vote is for blue")
}

// Several numbers of neighbours are tried on the same features and give what each gives alone; the best is the result.
func TestSessionTriesSeveralNeighbours(t *testing.T) {
	torchtest.NoLeaks(t)
	train, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 12)
	e := probing(train, val)
	e.KNN.TrainSubset.First = 16 // blue and green by name, so that no number finds red
	s := session(t, e)
	stages := map[string]int{}
	s.Progress = func(stage string, done, total int64) {
		if done == total {
			stages[stage]++
		}
	}
	e.KNN.K = config.Several[int]{16, 3, 9}
	r, err := s.KNN(context.Background())
	require.NoError(t, err)
	require.Len(t, r.Trials, 3)
	assert.Equal(t, 1, stages["nearest neighbours"], "one pass for all")
	for i, k := range e.KNN.K {
		e.KNN.K = config.Several[int]{k}
		alone, err := s.KNN(context.Background())
		require.NoError(t, err)
		assert.Equal(t, probe.Trial{K: k, Top1: alone.Top1, Top5: alone.Top5}, r.Trials[i])
		assert.Empty(t, alone.Trials, "one alone is the result")
		assert.LessOrEqual(t, alone.Top1, r.Top1, "the best is the result")
		e.KNN.K = config.Several[int]{16, 3, 9}
	}
	assert.Contains(t, []string{"k = 16", "k = 3", "k = 9"}, r.Best)
	e.KNN.K = config.Several[int]{3, 17}
	_, err = s.KNN(context.Background())
	assert.ErrorContains(t, err, "knn.k = 17: there are 16 training images; allowed are 1 to 16")
}

// A validation folder that lacks a class numbers the others differently; labels must follow the names.
func TestSessionAlignsClasses(t *testing.T) {
	torchtest.NoLeaks(t)
	dir, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 24)
	require.NoError(t, os.RemoveAll(filepath.Join(val, "blue")))
	r, err := session(t, probing(dir, val)).KNN(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 100.0, r.Top1)
	assert.EqualValues(t, 16, r.ValImages)

	_, err = session(t, probing(val, dir)).KNN(context.Background())
	assert.ErrorContains(t, err, `the validation images have a class "blue" that the 2 classes of the training images lack`)
}

func TestSessionRefuses(t *testing.T) {
	dir := evaltest.Coloured(t, 6)
	flat := datatest.Folder(t, 3)
	for name, tt := range map[string]struct {
		edit func(*config.Experiment)
		want string
	}{
		"train":     {func(e *config.Experiment) { e.Linear.Train = dir + "x" }, "linear.train: "},
		"val":       {func(e *config.Experiment) { e.Linear.Val = dir + "x" }, "linear.val: "},
		"no labels": {func(e *config.Experiment) { e.Linear.Train = flat }, "linear.train: "},
		"layer":     {func(e *config.Experiment) { e.Linear.Layers = []config.Layer{{Blocks: 1}} }, "linear.layers: layer \"blocks1\" of regnet_y: only transformers have class tokens"},
		"subset":    {func(e *config.Experiment) { e.Linear.TrainSubset.First = 7 }, "the source holds 6"},
	} {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			e := probing(dir, dir)
			tt.edit(e)
			_, err := session(t, e).Linear(context.Background())
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestSessionWarnsOfBadImages(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := evaltest.Coloured(t, 24)
	datatest.Write(t, filepath.Join(dir, "red", "broken.png"), []byte("no image"))
	e := probing(dir, dir)
	e.Data.MaxBadFraction = 0.1
	s := session(t, e)
	var warnings []string
	s.Warn = func(m string) { warnings = append(warnings, m) }
	r, err := s.KNN(context.Background())
	require.NoError(t, err)
	assert.EqualValues(t, 24, r.ValImages)
	require.Len(t, warnings, 1, "one set of images serves as both")
	assert.Contains(t, warnings[0], "1 of 25 images could not be used")
	assert.Contains(t, warnings[0], "broken.png")
}

// Colours that a linear classifier tells apart, a machine and a logistic regression tell apart too.
func TestEverySolverSeparatesColours(t *testing.T) {
	torchtest.NoLeaks(t)
	dir, val := evaltest.Coloured(t, 24), evaltest.Coloured(t, 12)
	e := probing(dir, val)
	e.SVM = config.Default().SVM
	e.SVM.Resize, e.SVM.Crop, e.SVM.Batch, e.SVM.Shots, e.SVM.Samples = 32, 32, 8, []int{1, 4}, 3
	s := session(t, e)
	r, err := s.SVM(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 100.0, r.Top1)
	assert.Equal(t, 100.0, r.MAP)
	require.Len(t, r.Shots, 2)
	assert.Equal(t, 4, r.Shots[1].K)
	assert.GreaterOrEqual(t, r.Shots[1].Mean, r.Shots[0].Mean-1)

	e.Linear.Solver = "lbfgs"
	r, err = s.Linear(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 100.0, r.Top1)
	assert.Positive(t, r.Cost)
}

// published is a data set of coloured pictures in ImageNet's layout, and in COCO's, where each picture also has a class of
// its side.
func published(t *testing.T) (imagenet, coco string) {
	t.Helper()
	imagenet, coco = t.TempDir(), t.TempDir()
	id := 0
	for split, n := range map[string]int{"train": 24, "val": 12} {
		colours := evaltest.Coloured(t, n)
		var images, annotations []map[string]any
		for c, name := range []string{"red", "green", "blue"} {
			from := os.DirFS(filepath.Join(colours, name))
			require.NoError(t, os.CopyFS(filepath.Join(imagenet, split, fmt.Sprintf("n0000000%d", c+1)), from))
			require.NoError(t, os.CopyFS(filepath.Join(coco, split+"2017", name), from))
			files, err := os.ReadDir(filepath.Join(colours, name))
			require.NoError(t, err)
			for _, f := range files {
				id++
				images = append(images, map[string]any{"id": id, "file_name": name + "/" + f.Name(), "width": 40, "height": 36})
				for _, category := range []int{1 + c, 4} {
					if category < 4 || c == 0 {
						annotations = append(annotations, map[string]any{"id": 10*id + category, "image_id": id, "category_id": category, "iscrowd": 0, "area": 9, "bbox": []int{1, 1, 3, 3}})
					}
				}
			}
		}
		categories := []map[string]any{{"id": 1, "name": "red"}, {"id": 2, "name": "green"}, {"id": 3, "name": "blue"}, {"id": 4, "name": "warm"}}
		text, err := json.Marshal(map[string]any{"images": images, "annotations": annotations, "categories": categories})
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(coco, "annotations"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(coco, "annotations", "instances_"+split+"2017.json"), text, 0o644))
	}
	return imagenet, coco
}

func TestProbesReadPublishedLayouts(t *testing.T) {
	torchtest.NoLeaks(t)
	imagenet, coco := published(t)
	e := probing(imagenet, imagenet)
	e.Linear.Kind = "imagenet"
	e.SVM = config.Default().SVM
	e.SVM.Train, e.SVM.Val, e.SVM.Kind, e.SVM.Resize, e.SVM.Crop = coco, coco, "coco", 32, 32
	s := session(t, e)
	r, err := s.Linear(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 100.0, r.Top1)
	assert.EqualValues(t, 24, r.TrainImages)
	assert.EqualValues(t, 12, r.ValImages)

	r, err = s.SVM(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 4, r.Classes, "several classes an image")
	assert.Equal(t, 100.0, r.MAP)
	assert.EqualValues(t, 12, r.ValImages)

	e.Linear.Train, e.Linear.Val, e.Linear.Kind = coco, coco, "coco"
	for _, augment := range []bool{false, true} {
		e.Linear.Augment = augment
		r, err = s.Linear(context.Background())
		require.NoError(t, err)
		assert.Equal(t, 100.0, r.MAP, "augment %v", augment)
		assert.Zero(t, r.Top1, "several classes an image: none is the best")
		assert.Equal(t, 4, r.Classes)
	}
	_, err = s.KNN(context.Background())
	assert.ErrorContains(t, err, "has several classes an image: seer svm and seer linear-eval")
	e.Linear.Solver, e.Linear.Augment = "lbfgs", false
	_, err = s.Linear(context.Background())
	assert.ErrorContains(t, err, "has several classes an image: seer svm and seer linear-eval")
	e.SVM.Train, e.SVM.Val, e.SVM.Kind = imagenet, imagenet, "voc"
	_, err = s.SVM(context.Background())
	assert.ErrorContains(t, err, "svm.train")
}
