// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/runfolder"
)

// withConfig writes a checkpoint that has its experiment.
func withConfig(step int64) func(*runfolder.Writer) error {
	return func(w *runfolder.Writer) error {
		if err := w.Text(runfolder.ConfigFile, 0o600, []byte("version = 1\n")); err != nil {
			return err
		}
		return write(step, 1)(w)
	}
}

// namedRun is a run with two checkpoints that have their experiment.
func namedRun(t *testing.T) (run, newest string) {
	t.Helper()
	run = filepath.Join(t.TempDir(), "run")
	f := look(t, run, runfolder.KeepOptions{})
	require.NoError(t, f.Begin(runfolder.Start{Files: []runfolder.File{{Name: runfolder.ConfigFile, Data: []byte("version = 1\n")}}}))
	require.NoError(t, f.Save(2, withConfig(2)))
	require.NoError(t, f.Save(3, withConfig(3)))
	return run, f.Path(runfolder.CheckpointsDir, runfolder.StepName(3))
}

// Whatever leads to the weights leads to the run and to the experiment too.
func TestFindFromAnywhere(t *testing.T) {
	run, newest := namedRun(t)
	elsewhere := t.TempDir()
	link := filepath.Join(elsewhere, "link.safetensors")
	require.NoError(t, os.Symlink(filepath.Join(newest, runfolder.ModelFile), link))
	for _, tt := range []struct{ cwd, path string }{
		{elsewhere, run}, {elsewhere, run + "/"}, {elsewhere, run + "/latest"}, {elsewhere, run + "/latest/"},
		{elsewhere, run + "/latest/model.safetensors"}, {elsewhere, run + "/checkpoints"}, {elsewhere, newest},
		{elsewhere, newest + "/model.safetensors"}, {elsewhere, link},
		{run, "."}, {run, "latest"}, {run, "latest/model.safetensors"}, {run, "checkpoints/step-000000003"},
		{newest, "."}, {newest, "model.safetensors"}, {newest, "./model.safetensors"}, {newest, ".."}, {newest, "../.."},
		{filepath.Dir(run), "run"}, {filepath.Dir(newest), "step-000000003/model.safetensors"}, {filepath.Dir(newest), "."},
	} {
		t.Run(tt.cwd+" "+tt.path, func(t *testing.T) {
			t.Chdir(tt.cwd)
			w, err := runfolder.Find(tt.path, nil)
			require.NoError(t, err)
			same(t, filepath.Join(newest, runfolder.ModelFile), w.File)
			same(t, newest, w.Checkpoint)
			same(t, run, w.Run)
			same(t, filepath.Join(newest, runfolder.ConfigFile), w.Config)
			if tt.path == link {
				return
			}
			file, dir, err := runfolder.Experiment(tt.path)
			require.NoError(t, err)
			same(t, filepath.Join(run, runfolder.ConfigFile), file)
			same(t, run, dir)
		})
	}
}

// same compares what two paths lead to.
func same(t *testing.T, want, got string) {
	t.Helper()
	a, err := os.Stat(want)
	require.NoError(t, err)
	b, err := os.Stat(got)
	require.NoError(t, err, got)
	assert.True(t, os.SameFile(a, b), "%s, not %s", got, want)
}

func TestFindACopiedCheckpoint(t *testing.T) {
	_, newest := namedRun(t)
	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(dir, os.DirFS(newest)))
	require.NoError(t, os.Remove(filepath.Join(dir, runfolder.StateFile)), "of no use for the weights")
	for _, path := range []string{dir, filepath.Join(dir, runfolder.ModelFile)} {
		w, err := runfolder.Find(path, nil)
		require.NoError(t, err)
		assert.Equal(t, &runfolder.Weights{
			File: filepath.Join(dir, runfolder.ModelFile), Checkpoint: dir, Config: filepath.Join(dir, runfolder.ConfigFile),
		}, w)
		file, results, err := runfolder.Experiment(path)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(dir, runfolder.ConfigFile), file)
		assert.Equal(t, dir, results)
	}
	alone := filepath.Join(t.TempDir(), "any.safetensors")
	data, err := os.ReadFile(filepath.Join(dir, runfolder.ModelFile))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(alone, data, 0o644))
	w, err := runfolder.Find(alone, nil)
	require.NoError(t, err)
	assert.Equal(t, &runfolder.Weights{File: alone}, w)

	// Another program's manifest says nothing of it.
	foreign := filepath.Join(filepath.Dir(alone), runfolder.ManifestFile)
	require.NoError(t, os.WriteFile(foreign, []byte(`["any.safetensors"]`), 0o644))
	w, err = runfolder.Find(alone, nil)
	require.NoError(t, err)
	assert.Equal(t, &runfolder.Weights{File: alone}, w)

	// What is compared with its manifest does not pass when it was changed.
	spoilers["flipped bit"](t, dir)
	for _, path := range []string{dir, filepath.Join(dir, runfolder.ModelFile)} {
		_, err = runfolder.Find(path, nil)
		require.ErrorContains(t, err, "is corrupt: its CRC-32C is")
	}
}

// A checkpoint without an experiment of its own is of its run's.
func TestFindTheRunsExperiment(t *testing.T) {
	dir := t.TempDir()
	f := look(t, dir, runfolder.KeepOptions{})
	require.NoError(t, f.Begin(runfolder.Start{Files: []runfolder.File{{Name: runfolder.ConfigFile, Data: []byte("x")}}}))
	require.NoError(t, f.Save(1, write(1, 1)))
	w, err := runfolder.Find(f.Path(runfolder.LatestName, runfolder.ModelFile), nil)
	require.NoError(t, err)
	assert.Equal(t, f.Path(runfolder.ConfigFile), w.Config)
}

func TestFindRefuses(t *testing.T) {
	run, newest := namedRun(t)
	require.NoError(t, os.Remove(filepath.Join(run, runfolder.LatestName)))
	w, err := runfolder.Find(filepath.Join(run, runfolder.LatestName), nil)
	require.NoError(t, err, "the link is not needed")
	assert.Equal(t, filepath.Join(newest, runfolder.ModelFile), w.File)

	_, err = runfolder.Find(filepath.Join(run, "latest", "other.safetensors"), nil)
	require.ErrorContains(t, err, "has no other.safetensors: it has [model.safetensors")
	unmarked := filepath.Join(t.TempDir(), runfolder.StepName(1))
	require.NoError(t, os.Mkdir(unmarked, 0o755))
	_, err = runfolder.Find(unmarked, nil)
	require.ErrorContains(t, err, "a run folder, a checkpoint folder or a file is needed")
	other := t.TempDir()
	w, err = runfolder.Find(other, nil)
	require.NoError(t, err)
	assert.Equal(t, &runfolder.Weights{File: other}, w, "a folder of weights stands for itself")
	_, err = runfolder.Find(filepath.Join(run, "absent"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = runfolder.Experiment(filepath.Join(run, "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)

	spoilers["flipped bit"](t, newest)
	var warnings []string
	w, err = runfolder.Find(run, func(m string) { warnings = append(warnings, m) })
	require.NoError(t, err)
	assert.Contains(t, w.File, runfolder.StepName(2))
	assert.Len(t, warnings, 1)
	spoilers["flipped bit"](t, filepath.Dir(w.File))
	_, err = runfolder.Find(run, nil)
	require.ErrorContains(t, err, "none can be used")
	assert.ErrorContains(t, err, "name the folder of one checkpoint")
}
