// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint/runfolder"
	"seer/eval"
)

func TestProbesOfARun(t *testing.T) {
	experiment, run := pretrained(t, coloured(t, 24))
	out := mustInvoke(t, "linear-eval", run)
	assert.Contains(t, out, "linear-eval")
	assert.Contains(t, out, "step 3")
	assert.Contains(t, out, "100.00")

	var knn eval.Result
	require.NoError(t, json.Unmarshal([]byte(mustInvoke(t, "knn", filepath.Join(run, "latest"), "--json")), &knn))
	assert.Equal(t, 100.0, knn.Top1)
	assert.EqualValues(t, 3, knn.Step)
	assert.EqualValues(t, 24, knn.ValImages)

	mustInvoke(t, "knn", run, "--random-init", "--set", "knn.k=3")
	mustInvoke(t, "knn", experiment, "--weights", filepath.Join(run, "checkpoints", "step-000000003"))
	results, err := runfolder.ReadLog[eval.Result](filepath.Join(run, "results.jsonl"))
	require.NoError(t, err)
	require.Len(t, results, 4, "every result is kept")
	assert.Equal(t, "linear-eval", results[0].Task)
	assert.Equal(t, eval.RandomInit, results[2].Weights)
	assert.EqualValues(t, 3, results[2].Settings["k"])
	assert.EqualValues(t, 3, results[3].Step)
}

func TestProbeWritesOut(t *testing.T) {
	experiment, run := experimentFile(t, coloured(t, 24))
	path := filepath.Join(t.TempDir(), "r.json")
	_, messages, err := invoke(t, "knn", experiment, "--random-init", "--out", path)
	require.NoError(t, err)
	assert.Contains(t, messages, "kept in "+path)
	assert.Contains(t, messages, "features of the training images: 24")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r eval.Result
	require.NoError(t, json.Unmarshal(text, &r))
	assert.Equal(t, "knn", r.Task)
	assert.NoDirExists(t, run, "--out stands for the run folder")
}

func TestProbeRefuses(t *testing.T) {
	experiment, _ := experimentFile(t, coloured(t, 6))
	folder := t.TempDir()
	for name, tt := range map[string]struct{ args, want string }{
		"no argument":   {"knn", "takes one argument"},
		"absent":        {"knn nowhere", "give a run folder or an experiment file"},
		"no run":        {"knn " + folder, "is no run folder"},
		"no weights":    {"knn " + experiment, "Give --weights"},
		"unknown key":   {"knn " + experiment + " --random-init --set knn.kk=3", "knn.kk"},
		"bad value":     {"knn " + experiment + " --random-init --set knn.k=0", "knn.k"},
		"too many":      {"knn " + experiment + " --random-init --set knn.k=7", "there are 6 training images"},
		"no sources":    {"linear-eval " + experiment + " --random-init --set linear.train=", "linear.train"},
		"absent source": {"linear-eval " + experiment + " --random-init --set linear.val=/nowhere", "/nowhere"},
		"absent file":   {"linear-eval " + experiment + " --weights /nowhere.pth", "/nowhere.pth"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := invoke(t, strings.Fields(tt.args)...)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
