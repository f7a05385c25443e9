// SPDX-License-Identifier: MIT

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models/sketch"
)

// shipped lists the experiments of the repository, without the bases.
func shipped(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../experiments/*.toml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// purposes are the tasks that an experiment is written for.
func purposes(e *Experiment) (tasks []Task) {
	switch {
	case e.Finetune.Val != "":
		tasks = append(tasks, FineTuning)
	case e.Detect.Val != "":
		tasks = append(tasks, Detection)
	case !e.Train.Duration.IsZero():
		tasks = append(tasks, Pretrain)
	}
	if e.Linear.Train != "" {
		tasks = append(tasks, LinearEval, KNNEval)
	}
	if e.KNN.Train != "" {
		tasks = append(tasks, KNNEval)
	}
	if e.SVM.Train != "" {
		tasks = append(tasks, SVMEval)
	}
	return tasks
}

// Each shipped experiment validates for what it is for, its model's shapes can be
// built, and it loads back from its own resolved form. No image is needed.
func TestShippedExperiments(t *testing.T) {
	for _, path := range shipped(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			e, err := Load(path, nil)
			require.NoError(t, err)
			tasks := purposes(e)
			require.NotEmpty(t, tasks)
			for _, task := range tasks {
				warnings, err := e.Validate(task)
				assert.NoError(t, err, task)
				assert.Empty(t, warnings, task)
			}
			text, err := e.Text()
			require.NoError(t, err)
			again, err := load(t, text)
			require.NoError(t, err)
			assert.Empty(t, cmp.Diff(e, again))
		})
	}
}

// The header tells a reader what to type, on what, and what to expect.
func TestShippedExperimentsHaveHeaders(t *testing.T) {
	for _, path := range shipped(t) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		header, _, _ := strings.Cut(string(text), "\nversion = 1")
		for _, want := range []string{"# Command:", "# Hardware:", "# Expect:", filepath.Base(path)} {
			assert.Contains(t, header, want, path)
		}
	}
}

// Overrides that a reader of the README types work on every recipe.
func TestShippedExperimentsTakeASource(t *testing.T) {
	for _, path := range shipped(t) {
		sets := []string{"data.source=" + t.TempDir()}
		e, err := Load(path, sets)
		require.NoError(t, err)
		if e.Data.Subset.List != "" { // which its header says to set, too
			e, err = Load(path, append(sets, "data.subset.list="+path))
			require.NoError(t, err)
		}
		assert.NoError(t, e.CheckData(Pretrain))
	}
}

// Millions of parameters of trunk, and of trunk, head and prototypes, as counted
// from the released SEER files; and steps, peak rate and warm-up of the recipes.
func TestSEERRecipes(t *testing.T) {
	for _, c := range []struct {
		file          string
		trunk, total  float64
		steps, warmup int64
		peak          float64
		kind          string
		epsilon       float64
		largestCrop   int
	}{
		{"8gf", 37.2, 67.4, 244_140, 16_000, 4.8, "cosine", 0.05, 224},
		{"16gf", 80.6, 114.9, 244_140, 16_000, 4.8, "cosine", 0.05, 224},
		{"32gf", 141.3, 178.5, 244_140, 16_000, 4.8, "cosine", 0.05, 224},
		{"64gf", 276.5, 390.1, 122_070, 8_000, 9.6, "cosine", 0.05, 224},
		{"128gf", 637.4, 771.3, 244_140, 8_000, 4.8, "constant", 0.05, 224},
		{"256gf", 1272.2, 1431.0, 122_070, 8_000, 9.6, "cosine", 0.05, 224},
		{"10b", 9323.9, 9628.9, 126_008, 5_500, 9.3, "cosine", 0.03, 160},
	} {
		t.Run(c.file, func(t *testing.T) {
			e, err := Load("../experiments/seer_regnety_"+c.file+".toml", nil)
			require.NoError(t, err)
			trunk, err := e.Model.Trunk()
			require.NoError(t, err)
			params := sketch.Parameters(sketch.Manifest(trunk))
			assert.InDelta(t, c.trunk, float64(params)/1e6, 0.05)
			assert.InDelta(t, c.total, float64(params+e.HeadParameters(trunk))/1e6, 0.05)
			p, warnings, err := e.Resolve(1_000_000_000, 1)
			require.NoError(t, err)
			assert.Empty(t, warnings)
			assert.Equal(t, []int64{c.steps, c.warmup, 313}, []int64{p.Steps, p.Warmup, p.FreezePrototypes})
			assert.InDelta(t, c.peak, p.PeakLR, 1e-9)
			assert.Equal(t, c.kind, p.Kind)
			assert.Equal(t, c.epsilon, e.SwAV.Epsilon)
			assert.Equal(t, c.largestCrop, e.Crops[0].Size)
			assert.Equal(t, 6, e.Crops[0].Count+e.Crops[1].Count)
		})
	}
}

// The small trunk of the quickstart stays small: half a million parameters.
func TestQuickstartModel(t *testing.T) {
	e, err := Load("../experiments/quickstart.toml", nil)
	require.NoError(t, err)
	trunk, err := e.Model.Trunk()
	require.NoError(t, err)
	assert.Less(t, sketch.Parameters(sketch.Manifest(trunk)), int64(600_000))
	p, _, err := e.Resolve(60_000, 1)
	require.NoError(t, err)
	assert.Positive(t, p.Steps)
}

// SwAV on ImageNet: 800 epochs at 4096, ten epochs of warm-up to 4.8.
func TestSwAVRecipe(t *testing.T) {
	e, err := Load("../experiments/swav_in1k_regnety_16gf.toml", nil)
	require.NoError(t, err)
	trunk, err := e.Model.Trunk()
	require.NoError(t, err)
	assert.InDelta(t, 90.5, float64(sketch.Parameters(sketch.Manifest(trunk))+e.HeadParameters(trunk))/1e6, 0.05)
	p, _, err := e.Resolve(1_281_167, 64)
	require.NoError(t, err)
	assert.Equal(t, []int64{250_227, 3128, 64}, []int64{p.Steps, p.Warmup, int64(p.BatchPerRank)})
	assert.InDelta(t, 4.8, p.PeakLR, 1e-9)
	assert.Len(t, cropSizes(e.Crops), 8)
}
