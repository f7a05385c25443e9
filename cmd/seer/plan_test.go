// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/footprint"
)

const seer256 = repository + "/experiments/seer_regnety_256gf.toml"

func TestPlanPrintsWhatAStepTakes(t *testing.T) {
	out, _, err := invoke(t, "plan", seer256, "--gpus", "512", "--gpu-memory", "32GiB")
	require.NoError(t, err)
	for _, part := range []string{"1431.03 M parameters", "16 images a GPU", "30 GiB each", "selective", "auto", "momentum 5.331 GiB", "A step sends"} {
		assert.Contains(t, out, part)
	}
	out, _, err = invoke(t, "plan", seer256, "--gpus", "512", "--json")
	require.NoError(t, err)
	var s footprint.Sizing
	require.NoError(t, json.Unmarshal([]byte(out), &s))
	assert.Len(t, s.Ways, 5)
}

func TestPlanRefusals(t *testing.T) {
	for _, c := range []struct {
		args []string
		why  string
	}{
		{[]string{"plan"}, "takes one experiment file"},
		{[]string{"plan", seer256, "--gpus", "3"}, "optim.batch = 8192 is not a multiple of 3 GPUs"},
		{[]string{"plan", seer256, "--gpu-memory", "32"}, "--gpu-memory: size \"32\": it has no unit"},
		{[]string{"plan", seer256, "--gpu-memory", "1GiB"}, "--reserve 2GiB leaves nothing of --gpu-memory 1GiB"},
		{[]string{"plan", seer256, "--efficiency", "2"}, "at most 1"},
		{[]string{"plan", seer256, "--task", "knn"}, "allowed are pretrain and finetune"},
		{[]string{"plan", repository + "/experiments/finetune_in1k.toml", "--task", "finetune"}, "model.arch = \"\""},
	} {
		_, _, err := invoke(t, c.args...)
		require.ErrorContains(t, err, c.why)
	}
}
