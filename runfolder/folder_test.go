// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/internal/durable/durabletest"
	"seer/runfolder"
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

// look opens a folder without changing it.
func look(t *testing.T, dir string, opt runfolder.KeepOptions) *runfolder.Folder {
	t.Helper()
	f, err := runfolder.Open(dir, opt)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// open opens a folder for writing.
func open(t *testing.T, dir string, opt runfolder.KeepOptions) *runfolder.Folder {
	t.Helper()
	f := look(t, dir, opt)
	require.NoError(t, f.Begin(runfolder.Start{}))
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
	f := open(t, dir, runfolder.KeepOptions{})
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
		opt  runfolder.KeepOptions
		want []string
	}{
		{runfolder.KeepOptions{Keep: 1}, []string{"12"}},
		{runfolder.KeepOptions{Keep: 3}, []string{"8", "10", "12"}},
		{runfolder.KeepOptions{Keep: 1, KeepEvery: 4}, []string{"4", "8", "12"}},
		{runfolder.KeepOptions{Keep: 2, KeepEvery: 5}, []string{"10", "12"}},
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
	f := open(t, dir, runfolder.KeepOptions{})
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
			f := open(t, dir, runfolder.KeepOptions{})
			require.NoError(t, f.Save(1, write(1, 1)))
			require.NoError(t, f.Save(2, write(2, 2)))
			require.NoError(t, f.Close())
			spoiled := filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(2))
			spoil(t, spoiled)

			var warnings []string
			f = look(t, dir, runfolder.KeepOptions{Warn: func(m string) { warnings = append(warnings, m) }})
			c, err := f.Newest()
			require.NoError(t, err)
			step, _ := read(t, c)
			assert.Equal(t, int64(1), step)
			require.Len(t, warnings, 1)
			assert.Contains(t, warnings[0], spoiled)
			assert.Equal(t, []string{"1", "2"}, steps(t, dir), "nothing has changed yet")

			// The run goes on and comes to its step again: the spoiled one neither counts
			// nor goes.
			require.NoError(t, f.Begin(runfolder.Start{}))
			require.NoError(t, f.Save(2, write(2, 9)))
			c, err = f.Newest()
			require.NoError(t, err)
			step, fill := read(t, c)
			assert.Equal(t, int64(2), step)
			assert.Equal(t, byte(9), fill)
			assert.Equal(t, []string{"1", "2", "2.damaged"}, steps(t, dir))
			require.NoError(t, f.Save(3, write(3, 3)))
			assert.Equal(t, []string{"2", "2.damaged", "3"}, steps(t, dir))
		})
	}
}

// Without a good one the run does not begin anew over them.
func TestOnlySpoiledCheckpointsAreAnError(t *testing.T) {
	for name, spoil := range spoilers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := open(t, dir, runfolder.KeepOptions{})
			require.NoError(t, f.Save(1, write(1, 1)))
			require.NoError(t, f.Close())
			spoil(t, filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(1)))
			_, err := look(t, dir, runfolder.KeepOptions{}).Newest()
			var unusable *runfolder.UnusableError
			require.ErrorAs(t, err, &unusable)
			assert.NotErrorIs(t, err, runfolder.ErrNoCheckpoint)
			assert.ErrorContains(t, err, "step-000000001 is damaged: ")
			assert.ErrorContains(t, err, "--set run.dir=")
		})
	}
}

func TestCheckpointNeedsItsFiles(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.KeepOptions{})
	require.NoError(t, f.Save(1, write(1, 1)))
	require.NoError(t, f.Close())
	needs := runfolder.KeepOptions{Needs: []string{runfolder.ModelFile, runfolder.OptimizerFile}}
	f = look(t, dir, needs)
	_, err := f.Newest()
	require.ErrorContains(t, err, "names no "+runfolder.OptimizerFile)
	require.NoError(t, f.Begin(runfolder.Start{}))
	require.ErrorContains(t, f.Save(2, write(2, 2)), runfolder.OptimizerFile+" was not written")
}

// A checkpoint that cannot be read may be sound: the start stops, whatever else there is.
func TestUnreadCheckpointStopsTheStart(t *testing.T) {
	for _, problem := range []error{syscall.EACCES, syscall.EIO, syscall.ESTALE} {
		for _, op := range []durabletest.Op{durabletest.OpOpen, durabletest.OpRead, durabletest.OpStat, durabletest.OpReadDir} {
			for _, name := range []string{"", runfolder.ManifestFile, runfolder.ModelFile, runfolder.StateFile} {
				t.Run(fmt.Sprint(problem, " ", op, " ", name), func(t *testing.T) {
					memory := durabletest.NewMemory()
					f := openOn(t, memory, "/run", runfolder.KeepOptions{})
					require.NoError(t, f.Save(1, write(1, 1)))
					require.NoError(t, f.Save(2, write(2, 2)))
					before := dump(t, memory, "/run")
					path := filepath.Join("/run/checkpoints/step-000000002", name)
					if op == durabletest.OpReadDir {
						path = "/run/checkpoints"
					}
					hit := false
					failing := &durabletest.Faulty{FS: memory, Before: func(o durabletest.Op, p string) error {
						if o != op || p != path {
							return nil
						}
						hit = true
						return problem
					}}
					f = look(t, "/run", runfolder.KeepOptions{FS: failing})
					_, err := f.Newest()
					if !hit {
						t.Skip("it is not asked for")
					}
					require.ErrorIs(t, err, problem)
					assert.NotErrorIs(t, err, runfolder.ErrNoCheckpoint)
					assert.ErrorContains(t, err, path)
					require.NoError(t, f.Close())
					assert.Equal(t, before, dump(t, memory, "/run"))
				})
			}
		}
	}
}

func TestUnusableErrorSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.KeepOptions{Keep: 3})
	for step := int64(1); step <= 3; step++ {
		require.NoError(t, f.Save(step, write(step, 1)))
	}
	path := func(step int64) string { return filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(step)) }
	spoilers["short file"](t, path(3))
	require.NoError(t, os.Remove(filepath.Join(path(2), runfolder.ManifestFile)))
	require.NoError(t, os.Symlink(runfolder.ManifestFile, filepath.Join(path(2), runfolder.ManifestFile))) // a circle: ELOOP
	_, err := f.Newest()
	require.Error(t, err)
	assert.Equal(t, "run folder "+dir+" holds checkpoints, and none can be used:\n"+
		"  "+path(3)+" is damaged: "+path(3)+"/model.safetensors has 100 bytes, its manifest says 4168\n"+
		"  "+path(2)+" could not be read and may be sound: stat "+path(2)+"/MANIFEST.json: too many levels of symbolic links\n"+
		"  "+path(1)+" is complete, but older than one that could not be read\n"+
		"Nothing was changed. Mend the cause (permissions, disk, mount) and start again. To do without a checkpoint, "+
		"move its folder away. To begin anew beside it, choose another folder: --set run.dir=…", err.Error())
}

// Folders that lie elsewhere may be away for now.
func TestLinksToNothingAreNoEmptyFolders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(dir, "run")))
	_, err := runfolder.Open(filepath.Join(dir, "run"), runfolder.KeepOptions{})
	require.ErrorContains(t, err, "is a disk not mounted?")
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(dir, runfolder.CheckpointsDir)))
	f := look(t, dir, runfolder.KeepOptions{})
	_, err = f.Newest()
	require.ErrorContains(t, err, "is a disk not mounted?")
	require.NoError(t, f.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, runfolder.CheckpointsDir)))

	f = open(t, dir, runfolder.KeepOptions{})
	require.NoError(t, f.Save(1, write(1, 1)))
	step := f.Path(runfolder.CheckpointsDir, runfolder.StepName(2))
	require.NoError(t, os.Symlink("elsewhere", step))
	_, err = f.Newest()
	require.ErrorContains(t, err, step+" could not be read")
}

// A run goes back to one of its checkpoints; the later ones stay, but not in its way.
func TestAt(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.KeepOptions{Keep: 3})
	for step := int64(1); step <= 3; step++ {
		require.NoError(t, f.Save(step, write(step, byte(step))))
	}
	require.NoError(t, f.Close())
	f = look(t, dir, runfolder.KeepOptions{Keep: 3})
	_, err := f.At(7)
	require.ErrorContains(t, err, "no checkpoint of step 7: it has those of steps [1 2 3]")
	c, err := f.At(1)
	require.NoError(t, err)
	_, fill := read(t, c)
	assert.Equal(t, byte(1), fill)
	assert.Equal(t, []string{"1", "2", "3"}, steps(t, dir))
	require.NoError(t, f.Begin(runfolder.Start{}))
	assert.Equal(t, []string{"1", "2.left", "3.left"}, steps(t, dir))
	require.NoError(t, f.Save(2, write(2, 20)))
	c, err = f.Newest()
	require.NoError(t, err)
	_, fill = read(t, c)
	assert.Equal(t, byte(20), fill)
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	none, err := runfolder.List(dir)
	require.NoError(t, err)
	assert.Empty(t, none)
	assert.False(t, runfolder.IsRunFolder(dir))

	f := open(t, dir, runfolder.KeepOptions{})
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

// Pruning deletes only what this process has written or read: what turns out to be
// damaged is set aside, what cannot be read stays, and neither counts.
func TestPruneDeletesOnlyWhatIsKnown(t *testing.T) {
	memory := durabletest.NewMemory()
	f := openOn(t, memory, "/run", runfolder.KeepOptions{Keep: 4})
	for step := int64(1); step <= 4; step++ {
		require.NoError(t, f.Save(step, write(step, 1)))
	}
	require.NoError(t, f.Close())
	cut(t, memory, "/run/checkpoints/step-000000002/model.safetensors")
	stale := &durabletest.Faulty{FS: memory, Before: func(op durabletest.Op, path string) error {
		if op == durabletest.OpOpen && strings.HasPrefix(path, "/run/checkpoints/step-000000003/") {
			return syscall.ESTALE
		}
		return nil
	}}
	var warnings []string
	f = look(t, "/run", runfolder.KeepOptions{Keep: 2, FS: stale, Warn: func(m string) { warnings = append(warnings, m) }})
	_, err := f.Newest()
	require.NoError(t, err)
	require.NoError(t, f.Begin(runfolder.Start{}))
	require.NoError(t, f.Save(5, write(5, 1)))
	require.NoError(t, f.Save(6, write(6, 1)))
	assert.Equal(t, []string{"2.damaged", "3", "5", "6"}, stepsOn(t, memory, "/run"))
	all := strings.Join(warnings, "\n")
	assert.Equal(t, 1, strings.Count(all, "step-000000003 could not be read and stays"), all)
	assert.Contains(t, all, "step-000000002 is set aside as step-000000002.damaged")
}

// Once a checkpoint is durable, what fails behind it does not stop the run.
func TestFailureBehindTheCommitIsAWarning(t *testing.T) {
	for name, fails := range map[string]func(op durabletest.Op, path string) bool{
		"link":   func(op durabletest.Op, _ string) bool { return op == durabletest.OpSymlink },
		"delete": func(op durabletest.Op, path string) bool { return op == durabletest.OpRemove },
		"rename": func(op durabletest.Op, path string) bool {
			return op == durabletest.OpRename && strings.HasSuffix(path, "step-000000001.tmp")
		},
	} {
		t.Run(name, func(t *testing.T) {
			memory := durabletest.NewMemory()
			var warnings []string
			broken := false
			failing := &durabletest.Faulty{FS: memory, Before: func(op durabletest.Op, path string) error {
				if broken && fails(op, path) {
					return syscall.EROFS
				}
				return nil
			}}
			f := openOn(t, failing, "/run", runfolder.KeepOptions{Keep: 1, Warn: func(m string) { warnings = append(warnings, m) }})
			require.NoError(t, f.Save(1, write(1, 1)))
			broken = true
			require.NoError(t, f.Save(2, write(2, 2)))
			require.NotEmpty(t, warnings)
			assert.Contains(t, warnings[0], "read-only file system")
			c, err := f.Newest()
			require.NoError(t, err)
			assert.Equal(t, int64(2), c.Step)
			broken = false
			require.NoError(t, f.Save(3, write(3, 3)))
			assert.NotContains(t, stepsOn(t, memory, "/run"), "2", "pruning catches up")
		})
	}
}

func TestFailedSaveKeepsTheOldCheckpoint(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, runfolder.KeepOptions{})
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
	f := open(t, t.TempDir(), runfolder.KeepOptions{})
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
	f := open(t, dir, runfolder.KeepOptions{})
	_, err := runfolder.Open(dir, runfolder.KeepOptions{})
	var inUse *runfolder.InUseError
	require.ErrorAs(t, err, &inUse)
	assert.Equal(t, os.Getpid(), inUse.PID)
	assert.Contains(t, err.Error(), fmt.Sprintf("in use by process %d", os.Getpid()))
	assert.Contains(t, err.Error(), "run.dir")

	require.NoError(t, os.Truncate(filepath.Join(dir, "lock"), 0))
	_, err = runfolder.Open(dir, runfolder.KeepOptions{})
	require.ErrorContains(t, err, "in use by another process")

	require.NoError(t, f.Close())
	again, err := runfolder.Open(dir, runfolder.KeepOptions{})
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestBeginClearsWhatAKillLeft(t *testing.T) {
	dir := t.TempDir()
	parent := filepath.Join(dir, runfolder.CheckpointsDir)
	require.NoError(t, os.MkdirAll(filepath.Join(parent, "step-000000009.tmp"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".resolved.toml.tmp-1-1"), []byte("x"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(parent, "notes.txt"), []byte("mine"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.tmp"), []byte("mine"), 0o644))
	var warnings []string
	f := look(t, dir, runfolder.KeepOptions{Warn: func(m string) { warnings = append(warnings, m) }})
	assert.Equal(t, []string{"notes.txt", "9.tmp"}, steps(t, dir), "looking changes nothing")
	require.NoError(t, f.Begin(runfolder.Start{}))
	assert.Equal(t, []string{"notes.txt"}, steps(t, dir), "other files stay")
	assert.FileExists(t, filepath.Join(dir, "notes.tmp"))
	assert.NoFileExists(t, filepath.Join(dir, ".resolved.toml.tmp-1-1"))
	assert.Len(t, warnings, 2)
}

// A start that ends before Begin leaves nothing: no folder, no parent, no lock.
func TestRefusedStartLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "a", "b", "run")
	f := look(t, run, runfolder.KeepOptions{})
	assert.NoDirExists(t, run)
	require.ErrorContains(t, f.Save(1, write(1, 1)), "Begin")
	require.NoError(t, f.Make())
	staging, err := f.Staging("lists")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(staging, "x"), nil, 0o644))
	_, err = runfolder.Open(run, runfolder.KeepOptions{})
	require.Error(t, err, "it is locked")
	require.NoError(t, f.Close())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "mine"), 0o755))
	f = look(t, filepath.Join(dir, "mine"), runfolder.KeepOptions{})
	require.NoError(t, f.Make())
	require.NoError(t, f.Close())
	entries, err = os.ReadDir(filepath.Join(dir, "mine"))
	require.NoError(t, err)
	assert.Empty(t, entries, "a folder that was there stays, as it was")
}

func TestBeginFindsAnotherProcessesRun(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	f := look(t, run, runfolder.KeepOptions{})
	other := open(t, run, runfolder.KeepOptions{})
	var inUse *runfolder.InUseError
	require.ErrorAs(t, f.Begin(runfolder.Start{}), &inUse)
	require.NoError(t, other.Save(1, write(1, 1)))
	require.NoError(t, other.Close())
	require.NoError(t, f.Close())
	f = look(t, filepath.Join(filepath.Dir(run), "other"), runfolder.KeepOptions{})
	require.NoError(t, open(t, f.Dir(), runfolder.KeepOptions{}).Close())
	require.ErrorContains(t, f.Begin(runfolder.Start{}), "another process has begun a run here")
}

func TestOpenFailsInPlaceOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err := runfolder.Open(path, runfolder.KeepOptions{})
	require.ErrorContains(t, err, path)
}

func TestBeginWritesFiles(t *testing.T) {
	dir := t.TempDir()
	versions := runfolder.NewVersions("0.1.0", "2.11.0")
	file, err := runfolder.JSONFile(runfolder.VersionsFile, versions)
	require.NoError(t, err)
	f := look(t, dir, runfolder.KeepOptions{})
	require.NoError(t, f.Begin(runfolder.Start{Files: []runfolder.File{
		file, {Name: runfolder.ConfigFile, Data: []byte("version = 1\n"), Perm: 0o600},
	}}))
	data, err := os.ReadFile(f.Path(runfolder.VersionsFile))
	require.NoError(t, err)
	var got runfolder.Versions
	require.NoError(t, json.Unmarshal(data, &got))
	assert.Equal(t, versions, got)
	assert.NotEmpty(t, got.Go)
	info, err := os.Stat(f.Path(runfolder.ConfigFile))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = runfolder.JSONFile("x.json", make(chan int))
	require.ErrorContains(t, err, "x.json")
}

func TestReadJSONIsStrict(t *testing.T) {
	f := open(t, t.TempDir(), runfolder.KeepOptions{})
	require.NoError(t, f.Save(1, func(w *runfolder.Writer) error {
		return w.JSON(runfolder.StateFile, map[string]int{"queue": 1})
	}))
	c, err := f.Newest()
	require.NoError(t, err)
	require.ErrorContains(t, c.ReadJSON(runfolder.StateFile, &state{}), `unknown field "queue"`)
	require.ErrorIs(t, c.ReadJSON("absent.json", &state{}), os.ErrNotExist)
}

func BenchmarkSave(b *testing.B) {
	f, err := runfolder.Open(b.TempDir(), runfolder.KeepOptions{Keep: 1})
	require.NoError(b, err)
	require.NoError(b, f.Begin(runfolder.Start{}))
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
	f, err := runfolder.Open(b.TempDir(), runfolder.KeepOptions{Keep: 1})
	require.NoError(b, err)
	require.NoError(b, f.Begin(runfolder.Start{}))
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

// What a run keeps beside its checkpoints is small; a file of any size under its name must not fill the memory.
func TestDocumentsBesideCheckpointsAreBounded(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "run"), runfolder.KeepOptions{})
	require.NoError(t, f.KeepDeadEnd(runfolder.DeadEnd{Step: 7, Why: "loss"}))
	end, ok := f.DeadEnd()
	require.True(t, ok)
	assert.EqualValues(t, 7, end.Step)
	for _, name := range []string{"dead_end.json", "layout.json", runfolder.ConfigFile} {
		file, err := os.OpenFile(f.Path(name), os.O_CREATE|os.O_WRONLY, 0o644)
		require.NoError(t, err)
		require.NoError(t, errors.Join(file.Truncate(1<<40), file.Close()))
	}
	_, ok = f.DeadEnd()
	assert.False(t, ok)
	var layout struct{}
	_, err := f.Document("layout.json", &layout)
	assert.ErrorContains(t, err, "layout.json has 1099511627776 bytes")
	_, err = runfolder.ReadConfig(filepath.Dir(f.Path(runfolder.ConfigFile)))
	assert.ErrorContains(t, err, "such a file at most")
}
