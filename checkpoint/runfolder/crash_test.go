// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint/runfolder"
	"seer/internal/durable"
)

var errCrash = errors.New("simulated crash")

// crash stops a protocol before its operation number at: that one and all later
// ones fail, as for a process that is gone.
type crash struct {
	at, count int
	powerCut  bool
	unsynced  map[string]bool
	trace     []string
}

func (c *crash) fs() *durable.FS { return &durable.FS{Before: c.before} }

func (c *crash) before(op durable.Op, path, from string) error {
	c.count++
	switch {
	case c.count-1 == c.at:
		c.die(op, path)
		return errCrash
	case c.count-1 > c.at:
		return errCrash
	}
	c.trace = append(c.trace, string(op)+" "+filepath.Base(path))
	switch op {
	case durable.OpWrite:
		c.unsynced[path] = true
	case durable.OpSync:
		delete(c.unsynced, path)
	case durable.OpRename:
		for dirty := range c.unsynced {
			if rest, ok := strings.CutPrefix(dirty, from); ok {
				delete(c.unsynced, dirty)
				c.unsynced[path+rest] = true
			}
		}
	}
	return nil
}

// die leaves the traces of the death: half a write, and after a power cut the
// loss of what was never synced.
func (c *crash) die(op durable.Op, path string) {
	if op == durable.OpWrite {
		if f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
			fmt.Fprint(f, "torn write")
			f.Close()
		}
	}
	if c.powerCut {
		for dirty := range c.unsynced {
			_ = os.Truncate(dirty, 0) // it may be deleted already
		}
	}
}

// memoryDir is a temporary folder in memory where there is one: the simulations
// make thousands of fsyncs, which there take no time and here prove nothing.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "seer-runfolder-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// crashEverywhere runs a scenario once for each of its operations, crashing there,
// and checks what a restart finds.
func crashEverywhere(t *testing.T, scenario func(t *testing.T, dir string, fs *durable.FS), check func(t *testing.T, dir string)) {
	for _, powerCut := range []bool{false, true} {
		for at := 0; ; at++ {
			dir := memoryDir(t)
			c := &crash{at: at, powerCut: powerCut, unsynced: map[string]bool{}}
			scenario(t, dir, c.fs())
			check(t, dir)
			if t.Failed() {
				t.Fatalf("crash at operation %d (power cut %v) after:\n%s", at, powerCut, strings.Join(c.trace, "\n"))
			}
			if c.count <= at {
				require.Greater(t, at, 10, "the scenario has operations")
				break
			}
		}
	}
}

// prepare saves checkpoints with a sound file system.
func prepare(t *testing.T, dir string, opt runfolder.Options, saves ...func(f *runfolder.Folder) error) {
	f, err := runfolder.Open(dir, opt)
	require.NoError(t, err)
	for _, save := range saves {
		require.NoError(t, save(f))
	}
	require.NoError(t, f.Close())
}

func save(step int64, fill byte) func(*runfolder.Folder) error {
	return func(f *runfolder.Folder) error { return f.Save(step, write(step, fill)) }
}

// dying runs one save in a folder whose process may die at any time.
func dying(t *testing.T, dir string, fs *durable.FS, saves ...func(f *runfolder.Folder) error) {
	f, err := runfolder.Open(dir, runfolder.Options{Keep: 1, FS: fs})
	if err != nil {
		require.ErrorIs(t, err, errCrash)
		return
	}
	for _, save := range saves {
		if err := save(f); err != nil {
			require.ErrorIs(t, err, errCrash)
			break
		}
	}
	require.NoError(t, f.Close()) // the kernel closes a dead process's files too
}

// restart is what the next process sees, first as a reader and then as the owner,
// who must also be able to save.
func restart(t *testing.T, dir string, allowed map[int64]byte) {
	reader, err := runfolder.Newest(dir, nil)
	require.NoError(t, err)
	step, fill := read(t, reader)
	assert.Equal(t, allowed[step], fill, "step %d", step)

	f, err := runfolder.Open(dir, runfolder.Options{Keep: 1})
	require.NoError(t, err)
	defer f.Close()
	owner, err := f.Newest()
	require.NoError(t, err)
	ownerStep, ownerFill := read(t, owner)
	assert.Equal(t, step, ownerStep)
	assert.Equal(t, fill, ownerFill)

	require.NoError(t, f.Save(90, write(90, 90)))
	newest, err := f.Newest()
	require.NoError(t, err)
	step, _ = read(t, newest)
	assert.Equal(t, int64(90), step)
	assert.Equal(t, []string{"90"}, steps(t, dir), "nothing is left over")
}

func TestCrashWhileSaving(t *testing.T) {
	crashEverywhere(t,
		func(t *testing.T, dir string, fs *durable.FS) {
			prepare(t, dir, runfolder.Options{}, save(1, 1))
			dying(t, dir, fs, save(2, 2), save(3, 3))
		},
		func(t *testing.T, dir string) { restart(t, dir, map[int64]byte{1: 1, 2: 2, 3: 3}) })
}

func TestCrashWhileReplacingTheSameStep(t *testing.T) {
	crashEverywhere(t,
		func(t *testing.T, dir string, fs *durable.FS) {
			prepare(t, dir, runfolder.Options{}, save(5, 1))
			dying(t, dir, fs, save(5, 2))
		},
		func(t *testing.T, dir string) {
			c, err := runfolder.Newest(dir, nil)
			require.NoError(t, err)
			_, fill := read(t, c)
			assert.Contains(t, []byte{1, 2}, fill)
			restart(t, dir, map[int64]byte{5: fill})
		})
}

// A process may also die while it clears up after one that died.
func TestCrashWhileRecovering(t *testing.T) {
	crashEverywhere(t,
		func(t *testing.T, dir string, fs *durable.FS) {
			prepare(t, dir, runfolder.Options{}, save(5, 1))
			checkpoints := filepath.Join(dir, runfolder.CheckpointsDir)
			require.NoError(t, os.Rename(filepath.Join(checkpoints, "step-000000005"), filepath.Join(checkpoints, "step-000000005.old")))
			require.NoError(t, os.Mkdir(filepath.Join(checkpoints, "step-000000005.tmp"), 0o755))
			require.NoError(t, os.Mkdir(filepath.Join(checkpoints, "step-000000003.tmp"), 0o755))
			dying(t, dir, fs, save(6, 6))
		},
		func(t *testing.T, dir string) { restart(t, dir, map[int64]byte{5: 1, 6: 6}) })
}

func TestCrashWhileCuttingALog(t *testing.T) {
	const before = "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n"
	crashEverywhere(t,
		func(t *testing.T, dir string, fs *durable.FS) {
			prepare(t, dir, runfolder.Options{}, save(1, 1))
			require.NoError(t, os.WriteFile(filepath.Join(dir, runfolder.MetricsLog), []byte(before), 0o644))
			dying(t, dir, fs, func(f *runfolder.Folder) error {
				_, err := f.Log(runfolder.MetricsLog, 1)
				return err
			}, save(2, 2))
		},
		func(t *testing.T, dir string) {
			got, err := os.ReadFile(filepath.Join(dir, runfolder.MetricsLog))
			require.NoError(t, err)
			assert.Contains(t, []string{before, "{\"step\":1}\n"}, string(got))
		})
}

// The order of operations is the protocol: content before names, names before
// deletion.
func TestOrderOfSave(t *testing.T) {
	dir := t.TempDir()
	c := &crash{at: 1 << 30, unsynced: map[string]bool{}}
	f := open(t, dir, runfolder.Options{Keep: 1, FS: c.fs()})
	require.NoError(t, f.Save(1, write(1, 1)))
	c.trace = nil
	require.NoError(t, f.Save(2, write(2, 2)))
	assert.Equal(t, strings.Split(`remove step-000000002.tmp
mkdir step-000000002.tmp
create model.safetensors
write model.safetensors
sync model.safetensors
create state.json
write state.json
sync state.json
create MANIFEST.json
write MANIFEST.json
sync MANIFEST.json
syncdir step-000000002.tmp
rename step-000000002
syncdir checkpoints
symlink latest
syncdir `+filepath.Base(dir)+`
rename step-000000001.tmp
remove step-000000001.tmp`, "\n"), c.trace)
	assert.Empty(t, c.unsynced)
}

// childVariable makes the test binary play a training process.
const childVariable = "SEER_RUNFOLDER_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		fmt.Fprintln(os.Stderr, saveForever(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// saveForever resumes and saves every step until it is killed.
func saveForever(dir string) error {
	f, err := runfolder.Open(dir, runfolder.Options{Keep: 2})
	if err != nil {
		return err
	}
	step := int64(0)
	c, err := f.Newest()
	switch {
	case err == nil:
		step = c.Step
	case !errors.Is(err, runfolder.ErrNoCheckpoint):
		return err
	}
	log, err := f.Log(runfolder.MetricsLog, step)
	if err != nil {
		return err
	}
	for {
		step++
		if err := log.Append(metric{Step: step}); err != nil {
			return err
		}
		if err := f.Save(step, write(step, byte(step))); err != nil {
			return err
		}
	}
}

// A real process, really killed, at random instants: what it saved last but one
// must never be lost, and its log must have every step once.
func TestKill(t *testing.T) {
	dir := memoryDir(t)
	last := int64(0)
	for range 25 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+dir)
		var output strings.Builder
		child.Stderr = &output
		require.NoError(t, child.Start())
		time.Sleep(20*time.Millisecond + rand.N(60*time.Millisecond))
		require.NoError(t, child.Process.Kill())
		require.Error(t, child.Wait())
		require.Empty(t, output.String(), "it must die of the kill only")

		c, err := runfolder.Newest(dir, nil)
		if errors.Is(err, runfolder.ErrNoCheckpoint) {
			require.Zero(t, last)
			continue
		}
		require.NoError(t, err)
		step, fill := read(t, c)
		assert.Equal(t, byte(step), fill)
		assert.GreaterOrEqual(t, step, last)
		last = step
	}
	require.Positive(t, last, "no child came to its first checkpoint")

	f := open(t, dir, runfolder.Options{})
	_, err := f.Log(runfolder.MetricsLog, last)
	require.NoError(t, err)
	lines, err := runfolder.ReadLog[metric](f.Path(runfolder.MetricsLog))
	require.NoError(t, err)
	require.Len(t, lines, int(last))
	for i, l := range lines {
		assert.Equal(t, int64(i+1), l.Step)
	}
	t.Logf("%d checkpoints by processes killed 25 times", last)
}
