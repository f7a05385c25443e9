// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/checkpoint/runfolder"
)

// state is the JSON part of the test's checkpoints.
type state struct {
	Step int64  `json:"step"`
	Tag  string `json:"tag"`
}

// weights fills a tensor with a number, so that content tells which save it is of.
func weights(fill byte) []checkpoint.Tensor {
	data := make([]byte, 4096)
	for i := range data {
		data[i] = fill
	}
	return []checkpoint.Tensor{{Name: "w", DType: checkpoint.U8, Shape: []int64{4096}, Data: data}}
}

func write(step int64, fill byte) func(*runfolder.Writer) error {
	return func(w *runfolder.Writer) error {
		if err := w.Safetensors(runfolder.ModelFile, weights(fill), nil); err != nil {
			return err
		}
		return w.JSON(runfolder.StateFile, state{step, fmt.Sprint("fill ", fill)})
	}
}

// read returns the step and the fill of a checkpoint, checking that all its parts
// belong together.
func read(t *testing.T, c *runfolder.Checkpoint) (int64, byte) {
	t.Helper()
	f, err := c.Open(runfolder.ModelFile)
	require.NoError(t, err)
	defer f.Close()
	w, err := f.Read("w")
	require.NoError(t, err)
	assert.Equal(t, weights(w.Data[0])[0], w)
	var s state
	require.NoError(t, c.ReadJSON(runfolder.StateFile, &s))
	assert.Equal(t, state{c.Step, fmt.Sprint("fill ", w.Data[0])}, s)
	assert.Equal(t, []string{runfolder.ModelFile, runfolder.StateFile}, c.Files)
	return c.Step, w.Data[0]
}

func open(t *testing.T, dir string, opt runfolder.Options) *runfolder.Folder {
	t.Helper()
	f, err := runfolder.Open(dir, opt)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func steps(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, runfolder.CheckpointsDir))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimLeft(strings.TrimPrefix(e.Name(), "step-"), "0"))
	}
	return names
}

func TestSaveAndNewest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "one")
	f := open(t, dir, runfolder.Options{})
	_, err := f.Newest()
	require.ErrorIs(t, err, runfolder.ErrNoCheckpoint)

	for _, step := range []int64{5, 10, 15} {
		require.NoError(t, f.Save(step, write(step, byte(step))))
		c, err := f.Newest()
		require.NoError(t, err)
		gotStep, fill := read(t, c)
		assert.Equal(t, step, gotStep)
		assert.Equal(t, byte(step), fill)
	}
	assert.Equal(t, []string{"10", "15"}, steps(t, dir), "two are kept by default")
	link, err := os.Readlink(f.Path(runfolder.LatestName))
	require.NoError(t, err)
	assert.Equal(t, "checkpoints/step-000000015", link)
}

func TestPrune(t *testing.T) {
	tests := []struct {
		opt  runfolder.Options
		want []string
	}{
		{runfolder.Options{Keep: 1}, []string{"12"}},
		{runfolder.Options{Keep: 3}, []string{"8", "10", "12"}},
		{runfolder.Options{Keep: 1, KeepEvery: 4}, []string{"4", "8", "12"}},
		{runfolder.Options{Keep: 2, KeepEvery: 5}, []string{"10", "12"}},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		f := open(t, dir, tt.opt)
		for step := int64(2); step <= 12; step += 2 {
			require.NoError(t, f.Save(step, write(step, 1)))
		}
		assert.Equal(t, tt.want, steps(t, dir), "%+v", tt.opt)
	}
}

func TestSaveSameStepReplaces(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.Options{})
	require.NoError(t, f.Save(7, write(7, 1)))
	require.NoError(t, f.Save(7, write(7, 2)))
	c, err := f.Newest()
	require.NoError(t, err)
	_, fill := read(t, c)
	assert.Equal(t, byte(2), fill)
	assert.Equal(t, []string{"7"}, steps(t, dir))
}

// spoil changes a complete checkpoint behind its back.
var spoilers = map[string]func(t *testing.T, dir string){
	"no manifest": func(t *testing.T, dir string) {
		require.NoError(t, os.Remove(filepath.Join(dir, runfolder.ManifestFile)))
	},
	"empty manifest": func(t *testing.T, dir string) {
		require.NoError(t, os.Truncate(filepath.Join(dir, runfolder.ManifestFile), 0))
	},
	"missing file": func(t *testing.T, dir string) {
		require.NoError(t, os.Remove(filepath.Join(dir, runfolder.StateFile)))
	},
	"short file": func(t *testing.T, dir string) {
		require.NoError(t, os.Truncate(filepath.Join(dir, runfolder.ModelFile), 100))
	},
	"flipped bit": func(t *testing.T, dir string) {
		path := filepath.Join(dir, runfolder.ModelFile)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		data[len(data)-1] ^= 4
		require.NoError(t, os.WriteFile(path, data, 0o644))
	},
	"path in manifest": func(t *testing.T, dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, runfolder.ManifestFile), []byte(`{"files":{"../x":{}}}`), 0o644))
	},
}

func TestSpoiledCheckpointIsPassedOver(t *testing.T) {
	for name, spoil := range spoilers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var warnings []string
			f := open(t, dir, runfolder.Options{Warn: func(m string) { warnings = append(warnings, m) }})
			require.NoError(t, f.Save(1, write(1, 1)))
			require.NoError(t, f.Save(2, write(2, 2)))
			spoiled := filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(2))
			spoil(t, spoiled)

			c, err := f.Newest()
			require.NoError(t, err)
			step, _ := read(t, c)
			assert.Equal(t, int64(1), step)
			require.Len(t, warnings, 1)
			assert.Contains(t, warnings[0], spoiled)

			// The run goes on: the spoiled one neither counts nor stays, also when the
			// run comes to its step again.
			require.NoError(t, f.Save(2, write(2, 9)))
			c, err = f.Newest()
			require.NoError(t, err)
			step, fill := read(t, c)
			assert.Equal(t, int64(2), step)
			assert.Equal(t, byte(9), fill)
			assert.Equal(t, []string{"1", "2"}, steps(t, dir))
		})
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	none, err := runfolder.List(dir)
	require.NoError(t, err)
	assert.Empty(t, none)
	assert.False(t, runfolder.IsRunFolder(dir))

	f := open(t, dir, runfolder.Options{})
	require.NoError(t, f.Save(1, write(1, 1)))
	require.NoError(t, f.Save(2, write(2, 2)))
	spoilers["short file"](t, filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(2)))
	got, err := runfolder.List(dir)
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, int64(1), got[0].Step)
	assert.Greater(t, got[0].Bytes, int64(4096))
	assert.Empty(t, got[0].Problem)
	assert.Contains(t, got[1].Problem, "has 100 bytes, its manifest says")
	assert.True(t, runfolder.IsRunFolder(dir))
}

func TestSpoiledNewerCheckpointIsPruned(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.Options{Keep: 1})
	require.NoError(t, f.Save(10, write(10, 1)))
	require.NoError(t, os.Rename(
		filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(10)),
		filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(30))))
	spoilers["flipped bit"](t, filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(30)))
	_, err := f.Newest()
	require.ErrorIs(t, err, runfolder.ErrNoCheckpoint)
	require.NoError(t, f.Save(20, write(20, 2)))
	assert.Equal(t, []string{"20"}, steps(t, dir))
}

func TestFailedSaveKeepsTheOldCheckpoint(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.Options{})
	require.NoError(t, f.Save(1, write(1, 1)))
	bad := errors.New("copy from the device failed")
	err := f.Save(2, func(w *runfolder.Writer) error {
		require.NoError(t, w.JSON(runfolder.StateFile, state{}))
		return bad
	})
	require.ErrorIs(t, err, bad)
	assert.ErrorContains(t, err, "checkpoint of step 2")
	assert.Equal(t, []string{"1"}, steps(t, dir))
}

func TestWriterRefusesNames(t *testing.T) {
	f := open(t, t.TempDir(), runfolder.Options{})
	for _, name := range []string{"", ".", "..", "a/b", "/abs", runfolder.ManifestFile} {
		err := f.Save(1, func(w *runfolder.Writer) error { return w.JSON(name, 1) })
		require.Error(t, err, name)
	}
	err := f.Save(1, func(w *runfolder.Writer) error {
		require.NoError(t, w.JSON("a.json", 1))
		return w.JSON("a.json", 2)
	})
	require.Error(t, err, "twice the same name")
	require.ErrorContains(t, f.Save(-1, write(-1, 0)), "count from 0")
	require.Error(t, f.Save(1, func(w *runfolder.Writer) error { return w.JSON("a.json", func() {}) }))
}

func TestLockNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.Options{})
	_, err := runfolder.Open(dir, runfolder.Options{})
	var inUse *runfolder.InUseError
	require.ErrorAs(t, err, &inUse)
	assert.Equal(t, os.Getpid(), inUse.PID)
	assert.Contains(t, err.Error(), fmt.Sprintf("in use by process %d", os.Getpid()))
	assert.Contains(t, err.Error(), "run.dir")

	require.NoError(t, os.Truncate(filepath.Join(dir, "lock"), 0))
	_, err = runfolder.Open(dir, runfolder.Options{})
	require.ErrorContains(t, err, "in use by another process")

	require.NoError(t, f.Close())
	again, err := runfolder.Open(dir, runfolder.Options{})
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestOpenClearsWhatAKillLeft(t *testing.T) {
	dir := t.TempDir()
	parent := filepath.Join(dir, runfolder.CheckpointsDir)
	require.NoError(t, os.MkdirAll(filepath.Join(parent, "step-000000009.tmp"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".resolved.toml.tmp-1-1"), []byte("x"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(parent, "notes.txt"), []byte("mine"), 0o644))
	var warnings []string
	open(t, dir, runfolder.Options{Warn: func(m string) { warnings = append(warnings, m) }})
	assert.Equal(t, []string{"notes.txt"}, steps(t, dir), "other files stay")
	assert.NoFileExists(t, filepath.Join(dir, ".resolved.toml.tmp-1-1"))
	assert.Len(t, warnings, 2)
}

func TestOpenFailsInPlaceOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err := runfolder.Open(path, runfolder.Options{})
	require.ErrorContains(t, err, path)
}

func TestWriteFiles(t *testing.T) {
	f := open(t, t.TempDir(), runfolder.Options{})
	require.NoError(t, f.WriteFile(runfolder.ConfigFile, []byte("version = 1\n")))
	versions := runfolder.NewVersions("0.1.0", "2.11.0")
	require.NoError(t, f.WriteJSON(runfolder.VersionsFile, versions))
	data, err := os.ReadFile(f.Path(runfolder.VersionsFile))
	require.NoError(t, err)
	var got runfolder.Versions
	require.NoError(t, json.Unmarshal(data, &got))
	assert.Equal(t, versions, got)
	assert.NotEmpty(t, got.Go)
	require.ErrorContains(t, f.WriteJSON("x.json", make(chan int)), "x.json")
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.Options{})
	require.NoError(t, f.Save(3, write(3, 3)))
	want := filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(3), runfolder.ModelFile)
	step := filepath.Dir(want)
	for _, path := range []string{dir, dir + "/", filepath.Join(dir, "latest"), dir + "/latest/", step, want} {
		got, err := runfolder.Resolve(path, nil)
		require.NoError(t, err, path)
		assert.Equal(t, want, got, path)
	}
	require.NoError(t, os.Remove(f.Path(runfolder.LatestName)))
	got, err := runfolder.Resolve(filepath.Join(dir, "latest"), nil)
	require.NoError(t, err, "the link is not needed")
	assert.Equal(t, want, got)

	spoilers["flipped bit"](t, step)
	_, err = runfolder.Resolve(dir, nil)
	require.ErrorIs(t, err, runfolder.ErrNoCheckpoint)
	_, err = runfolder.Resolve(step, nil)
	require.ErrorContains(t, err, "is corrupt: its CRC-32C is")
	_, err = runfolder.Resolve(t.TempDir(), nil)
	require.ErrorContains(t, err, "a run folder, a checkpoint folder or a file is needed")
	_, err = runfolder.Resolve(filepath.Join(dir, "absent"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestReadJSONIsStrict(t *testing.T) {
	f := open(t, t.TempDir(), runfolder.Options{})
	require.NoError(t, f.Save(1, func(w *runfolder.Writer) error {
		return w.JSON(runfolder.StateFile, map[string]int{"queue": 1})
	}))
	c, err := f.Newest()
	require.NoError(t, err)
	require.ErrorContains(t, c.ReadJSON(runfolder.StateFile, &state{}), `unknown field "queue"`)
	require.ErrorIs(t, c.ReadJSON("absent.json", &state{}), os.ErrNotExist)
}

func BenchmarkSave(b *testing.B) {
	f, err := runfolder.Open(b.TempDir(), runfolder.Options{Keep: 1})
	require.NoError(b, err)
	defer f.Close()
	data := make([]byte, 1<<28)
	tensors := []checkpoint.Tensor{{Name: "w", DType: checkpoint.U8, Shape: []int64{1 << 28}, Data: data}}
	b.SetBytes(1 << 28)
	step := int64(0)
	for b.Loop() {
		step++
		require.NoError(b, f.Save(step, func(w *runfolder.Writer) error { return w.Safetensors(runfolder.ModelFile, tensors, nil) }))
	}
}

func BenchmarkNewest(b *testing.B) {
	f, err := runfolder.Open(b.TempDir(), runfolder.Options{Keep: 1})
	require.NoError(b, err)
	defer f.Close()
	data := make([]byte, 1<<28)
	require.NoError(b, f.Save(1, func(w *runfolder.Writer) error {
		return w.Safetensors(runfolder.ModelFile, []checkpoint.Tensor{{Name: "w", DType: checkpoint.U8, Shape: []int64{1 << 28}, Data: data}}, nil)
	}))
	b.SetBytes(1 << 28)
	for b.Loop() {
		_, err := f.Newest()
		require.NoError(b, err)
	}
}
