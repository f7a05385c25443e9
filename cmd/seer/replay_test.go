// SPDX-License-Identifier: MIT

package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/runfolder"
	"seer/train"
)

// mad is a rate that no network stands: the first update makes weights that the next steps cannot be computed with.
var mad = []string{"--set", "optim.base_lr=1e30", "--set", "optim.adaptation=none", "--set", "schedule.warmup=0it", "--set", "train.duration=9it", "--set", "run.log_every=1it"}

func TestReplaySaysWhereAStepBreaks(t *testing.T) {
	images := coloured(t, 24)
	for name, c := range map[string]struct {
		command []string
		dead    string
	}{
		"pretrain": {[]string{"pretrain"}, "training stopped before the weights changed"},
		"finetune": {[]string{"finetune", "--random-init", "--set", "crops=[{count = 1, size = 32, scale = [0.5, 1.0]}]", "--set", "finetune.val=" + images,
			"--set", "data.subset.first=20", "--set", "finetune.class_weights=balanced", "--set", "finetune.hidden=[7]"}, "training stopped before the weights changed"},
		"skip": {[]string{"pretrain", "--set", "run.on_nonfinite=skip", "--set", "run.max_skipped_steps=4"}, "the last 4 steps up to step 5 changed no weight"},
	} {
		t.Run(name, func(t *testing.T) {
			experiment, run := experimentFile(t, images)
			_, _, err := invoke(t, append(append(c.command, experiment), mad...)...)
			require.ErrorContains(t, err, c.dead)
			out := mustInvoke(t, "replay", run)
			assert.Regexp(t, `the first value that is not finite is in the (output of \S+, float32\[[\d,]+\]: \d|loss|gradient)`, out)
			assert.Contains(t, out, "in fp32")
			out = mustInvoke(t, "replay", run, "--step", "1")
			assert.Contains(t, out, "Step 1 in fp32")
			_, _, err = invoke(t, "replay", run, "--step", "0")
			require.ErrorContains(t, err, "has not kept step 0: there are [1")
			_, _, err = invoke(t, "replay", run, "--set", "model.depth=5")
			require.ErrorContains(t, err, "the experiment is not that of the step")
		})
	}
	experiment, run := experimentFile(t, images)
	_, _, err := invoke(t, append([]string{"pretrain", experiment, "--set", "run.on_nonfinite=skip", "--set", "run.max_skipped_steps=4"}, mad...)...)
	require.Error(t, err)
	lines, err := runfolder.ReadLog[train.Record](filepath.Join(run, runfolder.MetricsLog))
	require.NoError(t, err)
	require.Len(t, lines, 5)
	assert.True(t, lines[4].Skipped)
	assert.EqualValues(t, 4, lines[4].SkippedSteps)
	kept, err := filepath.Glob(filepath.Join(run, "nonfinite-*-model.safetensors"))
	require.NoError(t, err)
	assert.Len(t, kept, 3, "of the first ones only")

	_, _, err = invoke(t, "replay", t.TempDir())
	require.ErrorContains(t, err, "a run folder is needed")
}
