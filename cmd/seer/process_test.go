// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/mesh/spawn"
	"seer/runfolder"
)

// programEnv makes the test binary the program itself: signals, pipes and exit codes are those of a process.
const programEnv = "SEER_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a command line of the program that has not started.
func program(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), programEnv+"=1")
	return c
}

// exitCode waits for a process, with minus the signal that ended it.
func exitCode(t *testing.T, c *exec.Cmd) int {
	t.Helper()
	return exitWithin(t, c, time.Minute)
}

func exitWithin(t *testing.T, c *exec.Cmd, patience time.Duration) int {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
				return -int(status.Signal())
			}
			return exit.ExitCode()
		}
		require.NoError(t, err)
		return 0
	case <-time.After(patience):
		_ = c.Process.Kill()
		assert.Fail(t, "the process hangs") // not at once: it may be another goroutine than the test's
		return hangs
	}
}

// hangs stands for the exit code of a process that has none.
const hangs = -1000

// endless is an experiment that would never end or save by itself, and its run folder.
func endless(t *testing.T) (args []string, run string) {
	t.Helper()
	experiment, run := experimentFile(t, coloured(t, 24))
	return []string{"pretrain", experiment, "--set", "train.duration=1000000it", "--set", "run.log_every=1it",
		"--set", "run.checkpoint_every=1000000it", "--set", "run.threads=1"}, run
}

// logged is how many steps the metrics know.
func logged(run string) int {
	data, _ := os.ReadFile(filepath.Join(run, runfolder.MetricsLog))
	return bytes.Count(data, []byte(`"epoch":`)) // probes and validations have lines of their own
}

// awaitSteps waits until a run has done some steps.
func awaitSteps(t *testing.T, run string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return logged(run) >= n }, time.Minute, time.Millisecond, "the run does no steps")
}

// savedWhole checks that the last step that was done is in a checkpoint.
func savedWhole(t *testing.T, run string) {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	assert.EqualValues(t, logged(run), c.Step, "no step is lost")
}

func TestSignalsSaveTheRun(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{
		syscall.SIGINT: 130, syscall.SIGHUP: 130, syscall.SIGTERM: spawn.Requeue, syscall.SIGUSR1: spawn.Requeue, syscall.SIGUSR2: spawn.Requeue,
	} {
		t.Run(signal.String(), func(t *testing.T) {
			if ossignal.Ignored(signal) {
				t.Skip("the tests were started with this signal ignored, as by nohup")
			}
			args, run := endless(t)
			c := program(args...)
			var stderr bytes.Buffer
			c.Stderr = &stderr
			require.NoError(t, c.Start())
			awaitSteps(t, run, 3)
			for range 3 { // as timeout(1) and closing terminals send it
				require.NoError(t, c.Process.Signal(signal))
			}
			assert.Equal(t, code, exitCode(t, c), stderr.String())
			savedWhole(t, run)
			assert.Contains(t, stderr.String(), "the same command continues from")
		})
	}
}

func TestNohupKeepsTheRunGoing(t *testing.T) {
	args, run := endless(t)
	c := program(args...)
	c.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
	c.Path = "/bin/sh"
	require.NoError(t, c.Start())
	awaitSteps(t, run, 2)
	require.NoError(t, c.Process.Signal(syscall.SIGHUP))
	awaitSteps(t, run, logged(run)+5)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, spawn.Requeue, exitCode(t, c))
	savedWhole(t, run)
}

// A second Ctrl-C that is meant as one stops at once, also a program that does not come to its end, and the run folder
// stays whole.
func TestASecondInterruptStopsAtOnce(t *testing.T) {
	args, run := endless(t)
	args = append(args, "--set", "swav.hidden=[3000, 3000]") // a checkpoint takes a while
	c := program(args...)
	require.NoError(t, c.Start())
	awaitSteps(t, run, 1)
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
	time.Sleep(sameRequest + 50*time.Millisecond)
	_ = c.Process.Signal(syscall.SIGINT) // it may have saved and gone by now
	assert.Contains(t, []int{130, -int(syscall.SIGINT)}, exitCode(t, c))
	again := program(args...)
	require.NoError(t, again.Start())
	awaitSteps(t, run, logged(run)+1)
	require.NoError(t, again.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, spawn.Requeue, exitCode(t, again))
	savedWhole(t, run)
}

// Nobody reads what the run says any more, as behind `| head`: it saves, and ends with the status of a closed pipe.
func TestAClosedPipeSavesTheRun(t *testing.T) {
	for name, redirect := range map[string]func(c *exec.Cmd, w *os.File){
		"both":  func(c *exec.Cmd, w *os.File) { c.Stdout, c.Stderr = w, w },
		"error": func(c *exec.Cmd, w *os.File) { c.Stderr = w },
	} {
		t.Run(name, func(t *testing.T) {
			args, run := endless(t)
			c := program(args...)
			r, w, err := os.Pipe()
			require.NoError(t, err)
			redirect(c, w)
			require.NoError(t, c.Start())
			require.NoError(t, w.Close())
			line := make([]byte, 1)
			_, err = r.Read(line)
			require.NoError(t, err)
			awaitSteps(t, run, 2)
			require.NoError(t, r.Close())
			assert.Equal(t, 141, exitCode(t, c))
			savedWhole(t, run)
		})
	}
}

func TestCommandsEndQuietlyBehindAClosedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	c := program("data", "show", "--help")
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = w, &stderr
	require.NoError(t, c.Start())
	require.NoError(t, w.Close())
	assert.Contains(t, []int{0, 141}, exitCode(t, c))
	assert.Empty(t, stderr.String())
}

// The loader's end, too, is no loss: what was trained before is saved.
func TestTooManyBadImagesSaveTheRun(t *testing.T) {
	images := coloured(t, 20)
	for i := range 4 {
		require.NoError(t, os.WriteFile(filepath.Join(images, "red", fmt.Sprintf("bad%d.png", i)), []byte("no image"), 0o644))
	}
	experiment, run := experimentFile(t, images)
	c := program("pretrain", experiment, "--set", "train.duration=1000it", "--set", "run.log_every=1it", "--set", "run.checkpoint_every=1000it")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	require.NoError(t, c.Start())
	assert.Equal(t, 1, exitCode(t, c))
	assert.Contains(t, stderr.String(), "max_bad_fraction")
	assert.Contains(t, stderr.String(), "Stopped after step 12 of 1000; the same command continues from")
	savedWhole(t, run)
	assert.Equal(t, 12, logged(run))
}

// A disk that is full ends a run with its reason, and leaves the checkpoint that it has.
func TestAFullDiskKeepsTheCheckpoints(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	defer func() { assert.NoError(t, syscall.Unmount(disk, 0)) }()
	args, _ := endless(t)
	run := filepath.Join(disk, "run")
	args = append(args, "--set", "run.dir="+run, "--set", "run.checkpoint_every=5it")
	c := program(args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	require.NoError(t, c.Start())
	awaitSteps(t, run, 6)
	fill := make([]byte, 2<<20)
	_ = os.WriteFile(filepath.Join(disk, "fill"), fill, 0o644) // until it is full
	assert.Equal(t, 1, exitCode(t, c))
	assert.Contains(t, stderr.String(), "no space left on device")
	kept, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, kept.Step, int64(5))

	require.NoError(t, os.Remove(filepath.Join(disk, "fill")))
	again := program(append(args, "--set", fmt.Sprintf("train.duration=%dit", kept.Step+3))...)
	var said strings.Builder
	again.Stderr = &said
	require.NoError(t, again.Start())
	assert.Equal(t, 0, exitCode(t, again))
	assert.Contains(t, said.String(), fmt.Sprintf("Continuing at step %d", kept.Step))
}
