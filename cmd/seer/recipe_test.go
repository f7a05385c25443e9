// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// A recipe trains as it is written, and says nothing against itself.
func TestARecipeTrains(t *testing.T) {
	out, messages, err := invoke(t, "recipe", coloured(t, 30), "--hours", "0.0001")
	require.NoError(t, err, messages)
	assert.Regexp(t, `30 images of 36 pixels: tiny, crops of 32, batch 8, 8 prototypes, \d+ steps\n`, messages) // as many as this machine can
	path := filepath.Join(t.TempDir(), "mine.toml")
	datatest.Write(t, path, []byte(out))
	_, messages, err = invoke(t, "pretrain", path, "--set", "run.dir="+filepath.Join(t.TempDir(), "run"))
	require.NoError(t, err, messages)
	assert.NotContains(t, messages, "warning")

	for want, args := range map[string][]string{
		"takes one argument": {"recipe"}, "--hours 0: must be more than 0": {"recipe", "x", "--hours", "0"},
		"no such file": {"recipe", "/nowhere"},
	} {
		_, _, err := invoke(t, args...)
		assert.ErrorContains(t, err, want)
	}
}

// A folder of images is pretrained by a recipe of its own, which the same command goes on with.
func TestPretrainingAFolderOfImages(t *testing.T) {
	images := coloured(t, 30)
	run := filepath.Join(t.TempDir(), "run")
	args := []string{"pretrain", images, "--hours", "0.0001", "--set", "run.dir=" + run, "--set", "train.duration=4it"}
	_, messages, err := invoke(t, args...)
	require.NoError(t, err, messages)
	assert.Contains(t, messages, "settings and their reasons are in "+run+"/recipe.toml")
	assert.Contains(t, messages, "4 steps")
	assert.NotContains(t, messages, "warning")
	text, err := os.ReadFile(filepath.Join(run, "recipe.toml"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "as seer recipe chose it")

	_, messages, err = invoke(t, args...)
	require.NoError(t, err, messages)
	assert.Contains(t, messages, "settings are those of "+run+"/recipe.toml")
	assert.Contains(t, messages, "complete")

	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.MkdirAll(other, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(other, "resolved.toml"), nil, 0o644))
	for want, args := range map[string][]string{
		"is a run folder: give the experiment file": {"pretrain", run},
		"holds a run of an experiment file":         {"pretrain", images, "--set", "run.dir=" + other},
		"exists already; choose another":            {"pretrain", images, "--resume=false", "--set", "run.dir=" + filepath.Dir(other)},
		"--hours 0: must be more than 0":            {"pretrain", images, "--hours", "0"},
		"--set run.dri=x":                           {"pretrain", images, "--set", "run.dri=x"},
		"--hours is for a folder of images":         {"pretrain", repository + "/experiments/quickstart.toml", "--hours", "2"},
	} {
		_, _, err := invoke(t, args...)
		assert.ErrorContains(t, err, want)
	}
	t.Setenv("WORLD_SIZE", "2")
	t.Setenv("RANK", "0")
	t.Setenv("LOCAL_RANK", "0")
	t.Setenv("MASTER_ADDR", "127.0.0.1")
	t.Setenv("MASTER_PORT", "29400")
	_, _, err = invoke(t, "pretrain", images, "--set", "run.dir="+filepath.Join(t.TempDir(), "new"))
	assert.ErrorContains(t, err, "one process alone chooses the settings: write them with seer recipe")
}
