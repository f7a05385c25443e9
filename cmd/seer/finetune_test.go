// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/eval/evaltest"
	"seer/runfolder"
	"seer/tasks/finetune"
	"seer/tasks/probe"
)

// tune fine-tunes the tiny trunk on coloured pictures.
func tune(t *testing.T, sets ...string) (run, images string) {
	t.Helper()
	images = coloured(t, 24)
	experiment, run := experimentFile(t, images)
	args := []string{"finetune", experiment, "--random-init", "--json", "--set", "crops=[{count = 1, size = 32, scale = [0.5, 1.0]}]",
		"--set", "optim.adaptation=none", "--set", "optim.scaling=none", "--set", "train.duration=20ep"}
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	out, messages, err := invoke(t, args...)
	require.NoError(t, err, messages)
	var r probe.Result
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 100.0, r.Top1, messages)
	return run, images
}

// The classes that a run has learned are found in its images again, with shares that add up to one.
func TestPredictNamesClasses(t *testing.T) {
	run, images := tune(t)
	dir := t.TempDir()
	sheet := filepath.Join(dir, "labels.csv")
	mustInvoke(t, "predict", run, "--images", images, "--out", sheet, "--top", "9")
	f, err := os.Open(sheet)
	require.NoError(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"image", "rank", "label", "score"}, lines[0])
	require.Len(t, lines, 1+24*3)
	sums := map[string]float64{}
	for _, l := range lines[1:] {
		if l[1] == "1" {
			assert.Equal(t, filepath.Dir(l[0]), l[2], "the best class of %s", l[0])
		}
		score, err := strconv.ParseFloat(l[3], 64)
		require.NoError(t, err)
		sums[l[0]] += score
	}
	require.Len(t, sums, 24)
	for image, sum := range sums {
		assert.InDelta(t, 1, sum, 1e-5, image)
	}

	table := filepath.Join(dir, "labels.parquet")
	mustInvoke(t, "predict", filepath.Join(run, "latest"), "--images", images, "--out", table)
	rows, err := parquet.ReadFile[finetune.Prediction](table)
	require.NoError(t, err)
	require.Len(t, rows, 24)
	assert.Equal(t, lines[1], []string{rows[0].Image, "1", rows[0].Label, strconv.FormatFloat(float64(rows[0].Score), 'g', -1, 32)})
}

// Where images have several classes the score of each stands by itself, and an exported classifier says so.
func TestSeveralClassesArePredictedAndExported(t *testing.T) {
	images := evaltest.SeveralColours(t, 8)
	experiment, run := experimentFile(t, images)
	mustInvoke(t, "finetune", experiment, "--random-init", "--set", "crops=[{count = 1, size = 32, scale = [0.9, 1.0]}]",
		"--set", "optim.adaptation=none", "--set", "train.duration=2ep", "--set", "finetune.multi_label=true",
		"--set", "data.kind=coco", "--set", "finetune.kind=coco", "--set", "finetune.val="+images)
	sheet := filepath.Join(t.TempDir(), "labels.csv")
	mustInvoke(t, "predict", run, "--images", filepath.Join(images, "val2017"), "--out", sheet, "--top", "9")
	text, err := os.ReadFile(sheet)
	require.NoError(t, err)
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 1+8*3)
	sum := 0.0
	for _, l := range lines[1:4] {
		score, err := strconv.ParseFloat(l[3], 64)
		require.NoError(t, err)
		assert.True(t, score > 0 && score < 1)
		sum += score
	}
	assert.Greater(t, math.Abs(sum-1), 1e-3, "no softmax")

	out := filepath.Join(t.TempDir(), "model.safetensors")
	assert.Contains(t, mustInvoke(t, "export", run, "--out", out), "classifier of 3 classes")
	file, err := checkpoint.Open(out)
	require.NoError(t, err)
	defer file.Close()
	assert.Equal(t, "true", file.Metadata()["multi_label"])
	assert.JSONEq(t, `["red", "green", "blue"]`, file.Metadata()["classes"])
}

// A fine-tuning that is killed, with an average of its weights and classes that are drawn alike, ends with the bits of one
// that is not.
func TestKilledFinetuningEndsWithTheSameBits(t *testing.T) {
	images := coloured(t, 24)
	begin := func() (args []string, run string) {
		experiment, run := experimentFile(t, images)
		return []string{"finetune", experiment, "--random-init", "--set", "crops=[{count = 1, size = 32, scale = [0.5, 1.0]}]",
			"--set", "optim.adaptation=none", "--set", "train.duration=24it", "--set", "run.log_every=1it", "--set", "run.checkpoint_every=3it",
			"--set", "run.threads=1", "--set", "finetune.ema=0.9", "--set", "finetune.sampling=class-balanced", "--set", "data.subset.first=20"}, run
	}
	whole, wholeRun := begin()
	mustInvoke(t, whole...)
	args, run := begin()
	for _, steps := range []int{5, 13, 20} {
		c := program(args...)
		require.NoError(t, c.Start())
		awaitSteps(t, run, steps)
		require.NoError(t, c.Process.Kill())
		assert.Equal(t, -9, exitCode(t, c))
	}
	mustInvoke(t, args...)
	for _, name := range []string{runfolder.ModelFile, runfolder.TrainingFile, runfolder.OptimizerFile} {
		want, err := os.ReadFile(filepath.Join(wholeRun, runfolder.LatestName, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(run, runfolder.LatestName, name))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), name)
	}
}

// Batches that the machine has no room for are refused before there is a file.
func TestPredictRefusesBatchesThatDoNotFit(t *testing.T) {
	run, images := tune(t)
	out := filepath.Join(t.TempDir(), "labels.csv")
	_, _, err := invoke(t, "predict", run, "--images", images, "--out", out, "--batch", "1000000000")
	assert.ErrorContains(t, err, "--batch 1000000000: 3 batches of 1000000000 images")
	assert.NoFileExists(t, out)
}

// An exported run has its classifier under the library's name and the names of its classes beside it.
func TestExportHasTheClassifier(t *testing.T) {
	run, _ := tune(t)
	for style, name := range map[string]string{"torchvision": "fc.weight", "timm": "head.fc.weight", "hf": "classifier.1.weight"} {
		out := filepath.Join(t.TempDir(), "model.safetensors")
		said := mustInvoke(t, "export", run, "--style", style, "--out", out)
		assert.Contains(t, said, "classifier of 3 classes")
		file, err := checkpoint.Open(out)
		require.NoError(t, err)
		info, ok := file.Lookup(name)
		require.True(t, ok, name)
		assert.EqualValues(t, 3, info.Shape[0])
		assert.JSONEq(t, `["blue", "green", "red"]`, file.Metadata()["classes"])
		require.NoError(t, file.Close())
	}
	hidden, _ := tune(t, "finetune.hidden=[8]")
	out := filepath.Join(t.TempDir(), "model.safetensors")
	said, messages, err := invoke(t, "export", hidden, "--out", out)
	require.NoError(t, err)
	assert.Contains(t, messages, "hidden layers")
	assert.NotContains(t, said, "classifier of")
}

func TestPredictRefuses(t *testing.T) {
	images := coloured(t, 6)
	experiment, run := experimentFile(t, images)
	mustInvoke(t, "pretrain", experiment)
	out := filepath.Join(t.TempDir(), "labels.csv")
	for want, args := range map[string][]string{
		"takes one argument":   {"predict", "--images", images, "--out", out},
		"it has no classes":    {"predict", run, "--images", images, "--out", out},
		"--top":                {"predict", run, "--images", images, "--out", out, "--top", "0"},
		"CSV or parquet":       {"predict", run, "--images", images, "--out", strings.TrimSuffix(out, ".csv") + ".npy"},
		"exclude each other":   {"finetune", experiment, "--weights", run, "--random-init"},
		"one view of an image": {"finetune", experiment, "--weights", run},
	} {
		_, _, err := invoke(t, args...)
		assert.ErrorContains(t, err, want)
	}
	assert.NoFileExists(t, out)
}
