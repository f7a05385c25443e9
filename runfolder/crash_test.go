// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/durable"
	"seer/internal/durable/durabletest"
	"seer/internal/testrand"
	"seer/runfolder"
)

// process is one training process on a file system: it looks at the folder, starts,
// and saves some steps, logging each. What it was told to be durable goes into the
// journal.
type journal struct {
	saved    int64 // the newest step whose Save returned success
	settings int   // number of the newest settings whose Begin returned success
	started  int   // settings that were tried
}

// settings is the file that stands for everything a start writes.
const settings = "settings"

func process(j *journal, disk durable.FS, saves int64, warn func(string)) (err error) {
	f, err := runfolder.Open("/runs/one", runfolder.KeepOptions{Keep: 2, FS: disk, Warn: warn})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	step := int64(0)
	c, err := f.Newest()
	switch {
	case err == nil:
		step = c.Step
	case !errors.Is(err, runfolder.ErrNoCheckpoint):
		return err
	}
	j.started++
	err = f.Begin(runfolder.Start{
		Files: []runfolder.File{{Name: settings, Data: fmt.Appendf(nil, "%d", j.started)}},
		Logs:  map[string]int64{runfolder.MetricsLog: step},
	})
	if err != nil {
		return err
	}
	j.settings = j.started
	for range saves {
		for range 2 {
			step++
			if err := f.Log(runfolder.MetricsLog).Append(metric{Step: step}); err != nil {
				return err
			}
		}
		if err := f.Save(step, write(step, byte(step))); err != nil {
			return err
		}
		j.saved = step
	}
	return nil
}

// intact checks what a process finds in a folder after the journal's history.
func intact(t *testing.T, j *journal, disk durable.FS) {
	t.Helper()
	f, err := runfolder.Open("/runs/one", runfolder.KeepOptions{Keep: 2, FS: disk})
	require.NoError(t, err)
	step := int64(0)
	c, err := f.Newest()
	if errors.Is(err, runfolder.ErrNoCheckpoint) {
		require.Zero(t, j.saved)
	} else {
		require.NoError(t, err)
		step = c.Step
		require.GreaterOrEqual(t, step, j.saved)
		model, err := c.Read(runfolder.ModelFile)
		require.NoError(t, err)
		require.Equal(t, weights(byte(step))[0].Data, model[len(model)-4096:])
	}
	require.NoError(t, f.Begin(runfolder.Start{Logs: map[string]int64{runfolder.MetricsLog: step}}))
	if number, err := readOn(disk, "/runs/one/"+settings); j.settings > 0 || err == nil {
		require.NoError(t, err)
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.True(t, n >= j.settings && n <= j.started, "settings %d of %d to %d", n, j.settings, j.started)
	}
	var want strings.Builder
	for i := range step {
		fmt.Fprintf(&want, "{\"step\":%d,\"loss\":0}\n", i+1)
	}
	lines, err := readOn(disk, "/runs/one/metrics.jsonl")
	require.NoError(t, err)
	require.Equal(t, want.String(), lines, "every step of the checkpoint is logged once")

	require.NoError(t, f.Save(step+1, write(step+1, byte(step+1))), "the run goes on")
	j.saved = step + 1
	for _, name := range stepsOn(t, disk, "/runs/one") {
		require.NotContains(t, name, ".", "nothing is left over")
	}
	require.NoError(t, f.Close())
}

// powerCut fails the operations from number at on, as for a process that is gone.
type powerCut struct{ at, count int }

var errPowerCut = errors.New("power cut")

func (p *powerCut) before(durabletest.Op, string) error {
	if p.count++; p.count > p.at {
		return errPowerCut
	}
	return nil
}

// After a power cut at any operation, whatever of the unsynced data is lost, the
// folder opens, with the newest checkpoint that was reported as saved.
func TestPowerCutAtEveryOperation(t *testing.T) {
	random := testrand.New(t)
	for at := 0; ; at++ {
		memory, before := durabletest.NewMemory(), journal{}
		require.NoError(t, process(&before, memory, 2, nil)) // it saves steps 2 and 4
		before.started++                                     // intact may see what the process below writes
		cut, j := &powerCut{at: at}, before
		j.started--
		err := process(&j, &durabletest.Faulty{FS: memory, Before: cut.before}, 2, nil)
		for _, share := range []float64{0, .5, .9} {
			found := j
			intact(t, &found, memory.Crash(random, share))
			if t.Failed() {
				t.Fatalf("power cut at operation %d, share %v", at, share)
			}
		}
		if err == nil {
			require.Greater(t, at, 60, "the protocol has operations")
			return
		}
		require.ErrorIs(t, err, errPowerCut)
	}
}

// Machines that crash again and again, also while they recover.
func TestManyPowerCuts(t *testing.T) {
	random := testrand.New(t)
	for range 60 {
		disk, j := durable.FS(durabletest.NewMemory()), journal{}
		for range 8 {
			cut := &powerCut{at: random.IntN(160)}
			err := process(&j, &durabletest.Faulty{FS: disk, Before: cut.before}, 1+random.Int64N(3), nil)
			if err != nil {
				require.ErrorIs(t, err, errPowerCut)
			}
			disk = disk.(*durabletest.Memory).Crash(random, random.Float64())
		}
		intact(t, &j, disk)
	}
}

// An operation that fails, once or from then on, is reported and loses nothing.
func TestFailureOfEveryOperation(t *testing.T) {
	for _, tt := range []struct {
		problem error
		once    bool
	}{{syscall.EIO, true}, {syscall.ESTALE, true}, {syscall.ENOSPC, false}} {
		for at := 0; ; at++ {
			memory, j := durabletest.NewMemory(), journal{}
			require.NoError(t, process(&j, memory, 3, nil))
			var reports strings.Builder
			var failed durabletest.Op
			count := 0
			failing := &durabletest.Faulty{FS: memory, Before: func(op durabletest.Op, path string) error {
				if count++; count == at+1 || count > at && !tt.once {
					failed = op
					return tt.problem
				}
				return nil
			}}
			err := process(&j, failing, 2, func(message string) { fmt.Fprintln(&reports, message) })
			fmt.Fprintln(&reports, err)
			if failed == "" {
				require.Greater(t, at, 100)
				break
			}
			// That a file which was only read does not close tells nobody anything.
			if failed != durabletest.OpClose {
				require.Contains(t, reports.String(), tt.problem.Error(), "operation %d, %s", at, failed)
			}
			intact(t, &j, memory)
			if t.Failed() {
				t.Fatalf("%v at operation %d (%s), once %v", tt.problem, at, failed, tt.once)
			}
		}
	}
}

// A refused start is one that ends before Begin: nothing in the folder changes,
// whatever fails on the way.
func TestFailedLookChangesNothing(t *testing.T) {
	memory, j := durabletest.NewMemory(), journal{}
	require.NoError(t, process(&j, memory, 3, nil))
	before := dump(t, memory, "/runs")
	for at := 0; ; at++ {
		count := 0
		f, err := runfolder.Open("/runs/one", runfolder.KeepOptions{FS: &durabletest.Faulty{FS: memory, Before: func(durabletest.Op, string) error {
			if count++; count == at+1 {
				return syscall.EIO
			}
			return nil
		}}})
		if err == nil {
			_, err = f.Newest()
			require.NoError(t, f.Close())
		}
		require.Equal(t, before, dump(t, memory, "/runs"))
		if count <= at {
			require.NoError(t, err)
			return
		}
	}
}

// A start that fails for want of room has replaced nothing.
func TestFullDiskAtTheStart(t *testing.T) {
	memory, j := durabletest.NewMemory(), journal{}
	require.NoError(t, process(&j, memory, 2, nil))
	before := dump(t, memory, "/runs")
	full := &durabletest.Faulty{FS: memory, Before: func(op durabletest.Op, _ string) error {
		if op == durabletest.OpWrite {
			return syscall.ENOSPC
		}
		return nil
	}}
	require.ErrorIs(t, process(&j, full, 1, nil), syscall.ENOSPC)
	require.Equal(t, before, dump(t, memory, "/runs"))

	empty := durabletest.NewMemory()
	full.FS = empty
	require.ErrorIs(t, process(&journal{}, full, 1, nil), syscall.ENOSPC)
	require.Empty(t, dump(t, empty, "/"))
}

// A start that could make no checkpoint is refused before it has replaced anything.
func TestReadOnlyCheckpointsRefuseTheStart(t *testing.T) {
	memory, j := durabletest.NewMemory(), journal{}
	require.NoError(t, process(&j, memory, 2, nil))
	before := dump(t, memory, "/runs")
	readOnly := &durabletest.Faulty{FS: memory, Before: func(op durabletest.Op, path string) error {
		if !op.Reads() && filepath.Dir(path) == "/runs/one/checkpoints" {
			return syscall.EROFS
		}
		return nil
	}}
	err := process(&j, readOnly, 1, nil)
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorContains(t, err, "no checkpoint can be made")
	require.Equal(t, before, dump(t, memory, "/runs"))
}

func TestPowerCutWhileReplacingTheSameStep(t *testing.T) {
	random := testrand.New(t)
	for at := 0; ; at++ {
		memory := durabletest.NewMemory()
		f := openOn(t, memory, "/runs/one", runfolder.KeepOptions{})
		require.NoError(t, f.Save(5, write(5, 5)))
		require.NoError(t, f.Close())
		cut := &powerCut{at: 1 << 30}
		f = look(t, "/runs/one", runfolder.KeepOptions{FS: &durabletest.Faulty{FS: memory, Before: cut.before}})
		_, err := f.Newest()
		require.NoError(t, err)
		require.NoError(t, f.Begin(runfolder.Start{}))
		cut.at, cut.count = at, 0
		err = f.Save(5, write(5, 6))
		for range 10 {
			f := look(t, "/runs/one", runfolder.KeepOptions{FS: memory.Crash(random, random.Float64())})
			c, e := f.Newest()
			require.NoError(t, e)
			model, e := c.Read(runfolder.ModelFile)
			require.NoError(t, e)
			last := model[len(model)-1]
			require.Contains(t, []byte{5, 6}, last)
			require.True(t, err != nil || last == 6)
		}
		if cut.count <= at {
			return
		}
	}
}

// The order of operations is the protocol: content before names, names before
// deletion.
func TestOrderOfSave(t *testing.T) {
	var trace []string
	traced := &durabletest.Faulty{FS: durabletest.NewMemory(), Before: func(op durabletest.Op, path string) error {
		if !op.Reads() {
			name := filepath.Base(path)
			if durable.IsTemp(name) {
				name = "temporary"
			}
			trace = append(trace, string(op)+" "+name)
		}
		return nil
	}}
	f := openOn(t, traced, "/runs/one", runfolder.KeepOptions{Keep: 1})
	require.NoError(t, f.Save(1, write(1, 1)))
	trace = nil
	require.NoError(t, f.Save(2, write(2, 2)))
	assert.Equal(t, strings.Split(`mkdir step-000000002.tmp
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
symlink temporary
rename latest
syncdir one
rename step-000000001.tmp
syncdir checkpoints
remove MANIFEST.json
remove model.safetensors
remove state.json
remove step-000000001.tmp`, "\n"), trace)
}

// openOn is open on another file system.
func openOn(t *testing.T, disk durable.FS, dir string, opt runfolder.KeepOptions) *runfolder.Folder {
	t.Helper()
	opt.FS = disk
	return open(t, dir, opt)
}

func readOn(disk durable.FS, path string) (string, error) {
	f, err := disk.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	return string(data), err
}

// dump is everything below a path.
func dump(t *testing.T, disk durable.FS, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := disk.ReadDir(path)
	require.NoError(t, err)
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		switch {
		case e.IsDir():
			all[name] = "folder"
			maps.Copy(all, dump(t, disk, name))
		case e.Type().IsRegular():
			all[name], err = readOn(disk, name)
			require.NoError(t, err)
		default:
			all[name], err = disk.Readlink(name)
			require.NoError(t, err)
		}
	}
	return all
}

func stepsOn(t *testing.T, disk durable.FS, dir string) []string {
	t.Helper()
	entries, err := disk.ReadDir(filepath.Join(dir, runfolder.CheckpointsDir))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimLeft(strings.TrimPrefix(e.Name(), "step-"), "0"))
	}
	return names
}

// cut shortens a file.
func cut(t *testing.T, disk durable.FS, path string) {
	t.Helper()
	require.NoError(t, disk.Remove(path))
	f, err := disk.Create(path, 0o644)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// memoryDir is a temporary folder in memory where there is one: fsyncs take no time
// there.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "seer-runfolder-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
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
	f, err := runfolder.Open(dir, runfolder.KeepOptions{Keep: 2})
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
	if err := f.Begin(runfolder.Start{Logs: map[string]int64{runfolder.MetricsLog: step}}); err != nil {
		return err
	}
	for {
		step++
		if err := f.Log(runfolder.MetricsLog).Append(metric{Step: step}); err != nil {
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
	random := testrand.New(t)
	for range 25 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+dir)
		var output strings.Builder
		child.Stderr = &output
		require.NoError(t, child.Start())
		time.Sleep(20*time.Millisecond + time.Duration(random.Int64N(int64(60*time.Millisecond))))
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

	f := look(t, dir, runfolder.KeepOptions{})
	continued(t, f, runfolder.MetricsLog, last)
	lines, err := runfolder.ReadLog[metric](f.Path(runfolder.MetricsLog))
	require.NoError(t, err)
	require.Len(t, lines, int(last))
	for i, l := range lines {
		assert.Equal(t, int64(i+1), l.Step)
	}
	t.Logf("%d checkpoints by processes killed 25 times", last)
}
