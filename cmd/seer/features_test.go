// SPDX-License-Identifier: MIT

package main

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/data/datatest"
	"seer/internal/release"
	"seer/torch/torchtest"
)

// readArray parses what features wrote: 128 bytes of header, then rows.
func readArray(t *testing.T, path string) (header string, values []float32) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Greater(t, len(raw), 128)
	for at := 128; at < len(raw); at += 4 {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw[at:])))
	}
	return string(raw[:128]), values
}

func TestFeaturesOfAnExportedTrunk(t *testing.T) {
	images := coloured(t, 7)
	_, run := pretrained(t, images)
	dir := t.TempDir()
	trunk := filepath.Join(dir, "trunk.safetensors")
	out := mustInvoke(t, "export", run, "--out", trunk)
	assert.Contains(t, out, "step 3")

	first, second := filepath.Join(dir, "a.npy"), filepath.Join(dir, "b.npy")
	mustInvoke(t, "features", "--weights", trunk, "--images", images, "--out", first, "--size", "32", "--batch", "3")
	mustInvoke(t, "features", "--weights", run, "--images", images, "--out", second, "--size", "32", "--resize", "36")
	header, a := readArray(t, first)
	assert.Contains(t, header, "'shape': (7, ")
	_, b := readArray(t, second)
	torchtest.Close(t, "the run and its export", a, b, 1e-5)

	names, err := os.ReadFile(filepath.Join(dir, "a.txt"))
	require.NoError(t, err)
	assert.Equal(t, "blue/002.png\nblue/005.png\ngreen/001.png\ngreen/004.png\nred/000.png\nred/003.png\nred/006.png\n", string(names))
}

// Of a teacher and a student the teacher is taken, with a warning, and --prefix takes the other.
func TestPrefixChoosesATrunk(t *testing.T) {
	images := coloured(t, 7)
	_, run := pretrained(t, images)
	dir := t.TempDir()
	trunk := filepath.Join(dir, "trunk.safetensors")
	mustInvoke(t, "export", run, "--out", trunk)
	tensors, meta, err := checkpoint.ReadSafetensors(trunk)
	require.NoError(t, err)
	var both []checkpoint.Tensor
	for _, x := range tensors {
		teacher, student := x, x
		teacher.Name, student.Name = "teacher."+x.Name, "student."+x.Name
		student.Data = slices.Clone(x.Data)
		if x.Name == "stem.0.weight" {
			student.Data[3] ^= 0x80 // the sign of a weight
		}
		both = append(both, teacher, student)
	}
	file := filepath.Join(dir, "both.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(file, both, meta))
	features := func(more ...string) (values []float32, messages string) {
		out := filepath.Join(t.TempDir(), "x.npy")
		_, messages, err := invoke(t, append([]string{"features", "--images", images, "--out", out, "--size", "32"}, more...)...)
		require.NoError(t, err, messages)
		_, values = readArray(t, out)
		return values, messages
	}
	want, messages := features("--weights", trunk)
	assert.NotContains(t, messages, "--prefix")
	teacher, messages := features("--weights", file)
	assert.Contains(t, messages, "--prefix chooses another")
	assert.Equal(t, want, teacher)
	student, _ := features("--weights", file, "--prefix", "student.")
	assert.NotEqual(t, want, student)
	again, _ := features("--weights", file, "--prefix", "teacher.")
	assert.Equal(t, want, again)

	exported := filepath.Join(dir, "student.safetensors")
	mustInvoke(t, "export", file, "--prefix", "student.", "--out", exported)
	fromExport, _ := features("--weights", exported)
	assert.Equal(t, student, fromExport, "export takes the same one")

	_, _, err = invoke(t, "features", "--images", images, "--out", filepath.Join(dir, "n.npy"), "--weights", file, "--prefix", "nobody.")
	assert.ErrorContains(t, err, "nobody.")
	assert.ErrorContains(t, err, "student.")
}

func TestFeaturesLeavesBadImagesOut(t *testing.T) {
	images := coloured(t, 7)
	datatest.Write(t, filepath.Join(images, "broken.jpg"), []byte("no image"))
	path := filepath.Join(t.TempDir(), "x.npy")
	args := []string{"features", "--random-init", "--arch", "regnet_y_200mf", "--images", images, "--out", path, "--size", "32"}
	_, _, err := invoke(t, args...)
	assert.ErrorContains(t, err, "1 of the last 8 images could not be used")
	assert.NoFileExists(t, path)

	_, _, err = invoke(t, append(args, "--max-bad-fraction", "0")...)
	assert.ErrorContains(t, err, "1 of the last 8 images could not be used", "0 allows none")
	assert.NoFileExists(t, path)

	_, messages, err := invoke(t, append(args, "--max-bad-fraction", "0.2")...)
	require.NoError(t, err)
	assert.Contains(t, messages, "left out broken.jpg")
	header, values := readArray(t, path)
	assert.Contains(t, header, "'shape': (7, 368)")
	assert.Len(t, values, 7*368)
	names, err := os.ReadFile(strings.TrimSuffix(path, ".npy") + ".txt")
	require.NoError(t, err)
	assert.Equal(t, 7, strings.Count(string(names), "\n"))
	assert.NotContains(t, string(names), "broken")
}

func TestFeaturesRefuses(t *testing.T) {
	images := coloured(t, 3)
	good := "features --random-init --arch regnet_y_200mf --size 32 --images " + images + " --out " + filepath.Join(t.TempDir(), "x.npy")
	for name, tt := range map[string]struct{ args, want string }{
		"argument":  {good + " more", "takes no arguments"},
		"size":      {good + " --size 0", "--size 0: must be at least 1"},
		"batch":     {good + " --batch -1", "--batch -1: must be at least 1"},
		"out":       {good + " --out x.txt", "name it x.npy"},
		"no share":  {good + " --max-bad-fraction 1.5", "--max-bad-fraction 1.5: must be 0 (none) to 1 (all)"},
		"NaN share": {good + " --max-bad-fraction NaN", "must be 0 (none) to 1 (all)"},
		"large":     {good + " --size 5000", "allowed: 1 to 4096"},
		"resize":    {good + " --resize -1", "--resize -1: must be at least 0"},
		"memory":    {good + " --batch 99999999999", "--batch 99999999999: 3 batches of 99999999999 images"},
		"workers":   {good + " --workers -1", "--workers -1: must be at least 0"},
		"no folder": {good + " --out /nowhere/x.npy", "/nowhere"},
		"images":    {good + " --images /nowhere", "/nowhere"},
		"precision": {good + " --precision int8", "fp32, bf16 or fp16"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := invoke(t, strings.Fields(tt.args)...)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestExportStyles(t *testing.T) {
	_, run := pretrained(t, coloured(t, 9))
	for style, stem := range map[string]string{
		"torchvision": "stem.0.weight", "timm": "stem.conv.weight", "hf": "regnet.embedder.embedder.convolution.weight",
		"vissl": "_feature_blocks.conv1.stem.0.weight",
	} {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		mustInvoke(t, "export", run, "--out", path, "--style", style)
		tensors, meta, err := checkpoint.ReadSafetensors(path)
		require.NoError(t, err)
		found := false
		for _, x := range tensors {
			assert.Equal(t, checkpoint.F32, x.DType)
			found = found || x.Name == stem
		}
		assert.True(t, found, "%s has %s", style, stem)
		assert.Equal(t, "3", meta["step"])
		assert.Equal(t, "[0.4,0.5,0.6]", meta["mean"])
		assert.Contains(t, meta["seer"], release.Version)
	}
	_, _, err := invoke(t, "export", run, "--out", "x", "--style", "caffe")
	assert.ErrorContains(t, err, `"caffe": allowed are [torchvision timm`)
	_, _, err = invoke(t, "export", "--out", "x")
	assert.ErrorContains(t, err, "takes one argument")
}

func TestInspect(t *testing.T) {
	_, run := pretrained(t, coloured(t, 9))
	out := mustInvoke(t, "inspect", run)
	for _, want := range []string{"run folder", "step 3", "trunk.stem.0.weight", "prototypes.weight"} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, mustInvoke(t, "inspect", run, "--summary"), "stem.0.weight")
	assert.Contains(t, mustInvoke(t, "inspect", run, "--json"), `"kind":"run folder"`)
	_, _, err := invoke(t, "inspect", filepath.Join(run, "nothing"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = invoke(t, "inspect")
	assert.ErrorContains(t, err, "takes one argument")
}
