// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"seer/internal/testrand"
	"seer/runfolder"
	"seer/train"
)

// killsEnv is how many disturbances the runs of each number of processes suffer; a few where it is not set. The long form:
//
//	SEER_KILLS=200 go test ./cmd/seer -run TestDisturbedRuns -timeout 2h -v
const killsEnv = "SEER_KILLS"

func disturbances(t *testing.T) int {
	t.Helper()
	text := os.Getenv(killsEnv)
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, killsEnv)
	return n
}

// Runs of one and of two processes that are killed at random instants, in their start, in steps, while checkpoints are
// written and deleted, whose disk fills up or becomes read-only, end with the weights, the optimizer's state and the log of
// one that nobody disturbed.
func TestDisturbedRunsEndAsIfNothingHadHappened(t *testing.T) {
	experiment, _ := experimentFile(t, noise(t))
	for _, processes := range []int{1, 2} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			h := &harness{processes: processes, experiment: experiment, random: testrand.New(t), disk: smallDisk(t), counts: map[string]int{}}
			want := h.undisturbed(t)
			runs, all := 0, disturbances(t)
			for ; h.total() < all; runs++ {
				assert.Equal(t, want, h.disturbed(t, all), "run %d", runs+1)
			}
			t.Logf("%d processes: %d disturbances %v in %d runs", processes, h.total(), h.counts, runs)
		})
	}
}

// harness disturbs runs on a disk of its own.
type harness struct {
	processes  int
	experiment string
	random     *rand.Rand
	disk       string // small; "" where none can be mounted
	runs       int
	startup    time.Duration // until the first step
	counts     map[string]int
}

func (h *harness) total() (n int) {
	for _, c := range h.counts {
		n += c
	}
	return n
}

// diskBytes is room for the checkpoints of a run, and little more.
const diskBytes = 4 << 20

// smallDisk is a file system for the runs, if one can be mounted.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprint("size=", diskBytes)); err != nil {
		t.Logf("no small disk here, and none that is full: %v", err)
		return ""
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(disk, 0)) })
	return disk
}

// killSteps are the steps of a run.
const killSteps = 30

// undisturbedTime is more than a whole run needs on a machine that has much else to do: some disturbances meet none of its
// instants, and it goes on to its end.
const undisturbedTime = 5 * time.Minute

// command is the run, which saves after every step: most instants then are those of a checkpoint.
func (h *harness) command(run string) *exec.Cmd {
	return program(launched(h.processes, []string{"pretrain", h.experiment}, "run.dir="+run, "run.threads=1", "run.log_every=1it",
		"run.checkpoint_every=1it", "run.keep=2", "run.keep_every=10it", fmt.Sprintf("train.duration=%dit", killSteps), "swav.queue_length=24", "swav.queue_start=3it")...)
}

func (h *harness) folder(t *testing.T) string {
	t.Helper()
	h.runs++
	if h.disk == "" {
		return filepath.Join(t.TempDir(), "run")
	}
	return filepath.Join(h.disk, fmt.Sprint("run", h.runs))
}

func (h *harness) undisturbed(t *testing.T) string {
	t.Helper()
	run := h.folder(t)
	c := h.command(run)
	var out bytes.Buffer
	c.Stderr = &out
	begun := time.Now()
	require.NoError(t, c.Start())
	awaitSteps(t, run, 1)
	h.startup = time.Since(begun)
	require.Equal(t, 0, exitCode(t, c), out.String())
	return outcome(t, run)
}

// disturbed starts a run again and again until it is done, and returns its outcome.
func (h *harness) disturbed(t *testing.T, most int) string {
	t.Helper()
	run := h.folder(t)
	for attempt := 0; ; attempt++ {
		require.Less(t, attempt, 20*killSteps, "the run makes no progress")
		c := h.command(run)
		var said bytes.Buffer
		c.Stdout, c.Stderr = &said, &said
		require.NoError(t, c.Start())
		ended := make(chan int, 1)
		go func() { ended <- exitWithin(t, c, undisturbedTime) }()
		what, code := "", 0
		if h.total() >= most { // enough: to the end
			code = <-ended
		} else if what, code = h.disturb(run, c.Process.Pid, ended); what != "" {
			h.counts[what]++
		}
		switch code {
		case 0:
			return outcome(t, run)
		case -int(syscall.SIGKILL): // of the launcher, or the only process
		case 1: // an error with its reason
			require.NotEmpty(t, what, said.String())
			if what == "full disk" || what == "read-only folder" {
				require.Regexp(t, "no space left|operation not permitted|permission denied", said.String(), what)
			}
		default:
			require.Fail(t, "exit code", "%d after %s: %s", code, what, said.String())
		}
	}
}

// disturb waits for a random instant and does something to the run. It is nothing if the run has ended before.
func (h *harness) disturb(run string, pid int, ended <-chan int) (what string, code int) {
	kinds := []string{"kill", "kill", "kill in a checkpoint", "kill in a checkpoint", "kill in the start", "read-only folder"}
	if h.disk != "" {
		kinds = append(kinds, "full disk")
	}
	if h.processes > 1 {
		kinds = append(kinds, "kill of one process")
	}
	what = kinds[h.random.IntN(len(kinds))]
	at := time.Now().Add(time.Duration(h.random.Int64N(int64(h.startup))))
	if what != "kill in the start" {
		before := logged(run)
		until(ended, func() bool { return logged(run) > before })
		at = time.Now().Add(time.Duration(h.random.IntN(40_000)) * time.Microsecond)
	}
	until(ended, func() bool {
		return time.Now().After(at) && (what != "kill in a checkpoint" || changing(run))
	})
	select {
	case code := <-ended:
		return "", code
	default:
	}
	switch what {
	case "full disk":
		fill := filepath.Join(h.disk, "fill")
		_ = os.WriteFile(fill, make([]byte, diskBytes), 0o644) // as much as there is room for
		defer os.Remove(fill)
	case "read-only folder":
		defer readOnly(filepath.Join(run, runfolder.CheckpointsDir))()
	default:
		h.kill(pid, what == "kill of one process")
	}
	return what, <-ended
}

// until waits for something, or the end of the run, which stays to be read.
func until(ended <-chan int, done func() bool) {
	for len(ended) == 0 && !done() {
		time.Sleep(200 * time.Microsecond)
	}
}

// changing tells that a checkpoint is being written or deleted.
func changing(run string) bool {
	entries, err := os.ReadDir(filepath.Join(run, runfolder.CheckpointsDir))
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), ".tmp") })
}

// kill ends the run's processes, or one of those that its launcher has started.
func (h *harness) kill(pid int, one bool) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	children := strings.Fields(string(text))
	if one && len(children) > 0 {
		children = []string{children[h.random.IntN(len(children))]}
	}
	for _, child := range children {
		if id, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(id, syscall.SIGKILL)
		}
	}
	if !one {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// readOnly keeps everybody from making names in a folder, until the function that it returns is called.
func readOnly(dir string) (undo func()) {
	const immutable = 0x10 // FS_IMMUTABLE_FL, which holds for root, too
	set := func(flags int) error {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
	}
	if set(immutable) == nil {
		return func() { _ = set(0) }
	}
	_ = os.Chmod(dir, 0o555)
	return func() { _ = os.Chmod(dir, 0o755) }
}

// outcome is what a run has come to: tensors, position, and that its log has each step once. The folder is removed.
func outcome(t *testing.T, run string) string {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	sum := sha256.New()
	for _, name := range []string{runfolder.ModelFile, runfolder.OptimizerFile} {
		file, err := c.Open(name)
		require.NoError(t, err)
		for _, info := range file.Infos() {
			tensor, err := file.Read(info.Name)
			require.NoError(t, err)
			fmt.Fprintln(sum, info)
			sum.Write(tensor.Data)
		}
		require.NoError(t, file.Close())
	}
	var clock train.Clock
	_, err = c.Document(train.ClockPart, &clock)
	require.NoError(t, err)
	lines, err := runfolder.ReadLog[train.Record](filepath.Join(run, runfolder.MetricsLog))
	require.NoError(t, err)
	var losses []float64
	for i, l := range lines {
		require.EqualValues(t, i+1, l.Step, "no step is logged twice, none is lost")
		losses = append(losses, l.Loss)
	}
	all, err := filepath.Glob(filepath.Join(run, runfolder.CheckpointsDir, "*"))
	require.NoError(t, err)
	for i := range all {
		all[i] = filepath.Base(all[i])
	}
	if err := os.RemoveAll(run); err != nil && !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	return fmt.Sprintf("%x %d %d %v %v", sum.Sum(nil), clock.Step, clock.Position, losses, all)
}
