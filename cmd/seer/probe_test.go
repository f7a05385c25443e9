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

	"seer/eval"
	"seer/runfolder"
	"seer/tasks/probe"
)

func TestProbesOfARun(t *testing.T) {
	experiment, run := pretrained(t, coloured(t, 24))
	out := mustInvoke(t, "linear-eval", run)
	assert.Contains(t, out, "linear-eval")
	assert.Contains(t, out, "step 3")
	assert.Contains(t, out, "100.00")

	var knn probe.Result
	require.NoError(t, json.Unmarshal([]byte(mustInvoke(t, "knn", filepath.Join(run, "latest"), "--json")), &knn))
	assert.Equal(t, 100.0, knn.Top1)
	assert.EqualValues(t, 3, knn.Step)
	assert.EqualValues(t, 24, knn.ValImages)

	out = mustInvoke(t, "knn", run, "--random-init", "--set", "knn.k=[1, 3]", "--out", filepath.Join(t.TempDir(), "r.json"))
	assert.Regexp(t, `(?m)^knn, k = 1 .*\d\.\d\d.*\nknn, k = 3 .*\d\.\d\d`, out, "a line for each number of neighbours")
	assert.Contains(t, out, "best")

	mustInvoke(t, "knn", run, "--random-init", "--set", "knn.k=3")
	mustInvoke(t, "knn", experiment, "--weights", filepath.Join(run, "checkpoints", "step-000000003"))
	results, err := runfolder.ReadLog[probe.Result](filepath.Join(run, "results.jsonl"))
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
	var r probe.Result
	require.NoError(t, json.Unmarshal(text, &r))
	assert.Equal(t, "knn", r.Task)
	assert.NoDirExists(t, run, "--out stands for the run folder")
}

// A grid of linear classifiers is a table of its own, and all of it is in the file.
func TestLinearEvalOfAGrid(t *testing.T) {
	experiment, _ := experimentFile(t, coloured(t, 24))
	path := filepath.Join(t.TempDir(), "r.json")
	out := mustInvoke(t, "linear-eval", experiment, "--random-init", "--out", path, "--set", "linear.base_lr=[1e-9, 0.3]", "--set", "linear.layers=stage1:2x2,pool")
	for _, row := range []string{`stage1:2x2, batch norm, rate 1e-09`, `stage1:2x2, batch norm, rate 0.3`, `pool, batch norm, rate 1e-09`, `pool, batch norm, rate 0.3`} {
		assert.Regexp(t, `(?m)^linear-eval, `+row+` +\d+\.\d\d +\d+\.\d\d`, out)
	}
	assert.Equal(t, 1, strings.Count(out, "best"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r probe.Result
	require.NoError(t, json.Unmarshal(text, &r))
	require.Len(t, r.Trials, 4)
	assert.Equal(t, "pool", r.Trials[3].Layer)
	assert.Equal(t, 0.3, r.Trials[3].BaseLR)
	assert.True(t, *r.Trials[3].BatchNorm)
	assert.Positive(t, r.Trials[3].Loss)
	assert.Equal(t, []any{"stage1:2x2", "pool"}, r.Settings["layers"])
}

// A probe on random crops keeps its state beside its result; nothing is left of it when the result is there.
func TestLinearEvalLeavesItsResultAlone(t *testing.T) {
	experiment, run := experimentFile(t, coloured(t, 12))
	out := filepath.Join(t.TempDir(), "r.json")
	args := []string{"linear-eval", experiment, "--random-init", "--set", "linear.augment=true", "--set", "linear.duration=3it"}
	mustInvoke(t, args...)
	mustInvoke(t, append(args, "--out", out)...)
	left, err := os.ReadDir(run)
	require.NoError(t, err)
	require.Len(t, left, 1, "the result alone")
	assert.Equal(t, "results.jsonl", left[0].Name())
	left, err = os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// What two sets of images are wrong about is said before the trunk has seen any of them.
func TestProbesCheckTheirSourcesFirst(t *testing.T) {
	experiment, _ := experimentFile(t, coloured(t, 9))
	other := coloured(t, 9)
	require.NoError(t, os.Rename(filepath.Join(other, "red"), filepath.Join(other, "violet")))
	dir := t.TempDir()
	list := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "@", other)), 0o644))
		return path
	}
	good := list("good.txt", "@/green/001.png 0\n@/blue/002.png 1\n")
	higher := list("higher.txt", "@/green/001.png 0\n@/blue/002.png 7\n")
	bare := list("bare.txt", "@/green/001.png 0\n@/blue/002.png\n")
	none := list("none.txt", "# none\n")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	for name, tt := range map[string]struct{ train, val, set, want string }{
		"another class":         {"", other, "", `a class "violet" that the 3 classes of the training images lack`},
		"a higher label":        {good, higher, "", `a class "7"`},
		"no label":              {good, bare, "", "bare.txt"},
		"no labels in training": {bare, good, "", "bare.txt"},
		"an empty folder":       {"", filepath.Join(dir, "empty"), "", filepath.Join(dir, "empty")},
		"an empty list":         {none, good, "", "none.txt"},
		"a subset of nothing":   {"", "", "train_subset.first=99999", "99999"},
		"too many neighbours":   {"", "", "k=10", "knn.k = 10: there are 9 training images; allowed are 1 to 9"},
		"of a subset":           {"", "", "train_subset.first=4", "knn.k = 5: there are 4 training images"},
	} {
		for _, command := range []string{"knn", "linear-eval"} {
			section := map[string]string{"knn": "knn", "linear-eval": "linear"}[command]
			if command == "linear-eval" && strings.Contains(tt.want, "knn") {
				continue
			}
			args := []string{command, experiment, "--random-init"}
			for key, value := range map[string]string{"train": tt.train, "val": tt.val} {
				if value != "" {
					args = append(args, "--set", section+"."+key+"="+value)
				}
			}
			if tt.set != "" {
				args = append(args, "--set", section+"."+tt.set)
			}
			out, messages, err := invoke(t, args...)
			assert.ErrorContains(t, err, tt.want, "%s: %s", command, name)
			assert.NotContains(t, messages, "features", "%s: %s", command, name)
			assert.Empty(t, out)
		}
	}
	_, messages, err := invoke(t, "knn", experiment, "--random-init", "--set", "knn.train_subset.first=5", "--set", "linear.kind=folder")
	require.NoError(t, err)
	assert.Contains(t, messages, "1 of the 3 classes of the validation images have no training image in the subset")
}

func TestProbesOfImagesThatCannotBeRead(t *testing.T) {
	experiment, _ := experimentFile(t, coloured(t, 9))
	broken := t.TempDir()
	for _, class := range []string{"red", "green"} {
		require.NoError(t, os.Mkdir(filepath.Join(broken, class), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(broken, class, "x.png"), []byte("none"), 0o644))
	}
	for _, command := range []string{"knn", "linear-eval"} {
		_, _, err := invoke(t, command, experiment, "--random-init", "--set", "linear.val="+broken, "--set", "data.max_bad_fraction=1")
		assert.ErrorContains(t, err, "none of the 2 images could be used", command)
	}
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
