// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// gridOf writes a grid that pretrains for some lengths and probes each run.
func gridOf(t *testing.T, steps string) (path, dir string) {
	t.Helper()
	experiment, _ := experimentFile(t, coloured(t, 12))
	dir = filepath.Join(t.TempDir(), "runs")
	path = filepath.Join(filepath.Dir(experiment), "grid.toml")
	datatest.Write(t, path, fmt.Appendf(nil, `version = 1
dir = %q
[axes]
steps = [%s]
[[step]]
name = "pretrain"
command = "pretrain"
experiment = %q
set = ["train.duration={steps}it"]
[[step]]
name = "knn"
command = "knn"
experiment = %q
weights = "pretrain"
[[plot]]
name = "length"
title = "k-NN by length"
x = "steps"
y = "top1"
steps = ["knn"]
`, dir, steps, experiment, experiment))
	return path, dir
}

func TestSweepRunsAGridAndGathersItsTable(t *testing.T) {
	grid, dir := gridOf(t, "2, 3")
	assert.Contains(t, mustInvoke(t, "sweep", grid, "--list"), "2  waiting  knn steps=2\n")
	run := func(args ...string) string {
		out, err := program(append([]string{"sweep", grid}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	assert.Contains(t, run("--task", "1"), "1 of 4 jobs are done")
	out := run()
	assert.Contains(t, out, "[2/4] pretrain steps=3: is done")
	assert.Contains(t, out, "4 of 4 jobs are done")
	assert.Contains(t, out, "| step | steps | parameters | loss | top1 | top5 | sweep_seconds |")
	for _, name := range []string{"table.csv", "table.md", "length.svg"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	assert.Contains(t, mustInvoke(t, "sweep", grid, "--list"), "3  done     knn steps=3\n")
	assert.Contains(t, mustInvoke(t, "sweep", grid, "--table"), "| knn | 3 | 14158 |  | 100 | 100 |")

	for want, args := range map[string][]string{
		"takes one argument": {"sweep"}, "no such file": {"sweep", "/nowhere.toml"},
		"--task 4: the grid has jobs 0 to 3":                           {"sweep", grid, "--task", "4"},
		"--only x: the grid has no such step; steps are pretrain, knn": {"sweep", grid, "--only", "x"},
	} {
		_, _, err := invoke(t, args...)
		assert.ErrorContains(t, err, want)
	}
}

// A sweep that is told to stop tells its run, which saves its state; the next start goes on in the middle of that run.
func TestAStoppedSweepGoesOnInItsRun(t *testing.T) {
	grid, dir := gridOf(t, "100000")
	c := program("sweep", grid, "--only", "pretrain")
	require.NoError(t, c.Start())
	metrics := filepath.Join(dir, "pretrain", "steps=100000", "metrics.jsonl")
	require.Eventually(t, func() bool { st, err := os.Stat(metrics); return err == nil && st.Size() > 0 }, time.Minute, 20*time.Millisecond)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.Error(t, c.Wait())
	log, err := os.ReadFile(filepath.Join(dir, "pretrain", "steps=100000.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "Stopped after step")
	assert.Contains(t, mustInvoke(t, "sweep", grid, "--list"), "waiting  pretrain")
	require.FileExists(t, filepath.Join(dir, "pretrain", "steps=100000", "latest", "model.safetensors"))
}
