// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"seer/mesh"
)

// errInterrupted ends a command that somebody asked to stop, after it has saved its work. One that a batch system asked is
// ended by [mesh.ErrPreempted].
var errInterrupted = errors.New("interrupted")

// preempting are the signals by which batch systems ask for a job's place: SIGTERM, and what SLURM's --signal is given.
var preempting = []os.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}

// sameRequest is how long further signals count as the first one: timeout(1) and batch systems send a signal to a process
// and to its group, a terminal that closes sends SIGHUP by the kernel and by the shell, systemd SIGTERM and SIGHUP.
const sameRequest = 300 * time.Millisecond

// withSignals returns a context that the first Ctrl-C, SIGTERM, SIGUSR1, SIGUSR2 or SIGHUP cancels, so that work is saved.
// After that Ctrl-C and SIGTERM have their default effect again, so that a second one stops the program at once. SIGHUP
// stays without effect under nohup.
func withSignals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, append(preempting, os.Interrupt)...)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		select {
		case s := <-signals:
			if slices.Contains(preempting, s) {
				cancel(mesh.ErrPreempted)
			}
			cancel(errInterrupted)
			time.Sleep(sameRequest)
			signal.Reset(os.Interrupt, syscall.SIGTERM)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(context.Canceled) }
}

// errUnread ends a command that writes to a closed pipe, as in `seer … | head`, after it has saved its work.
var errUnread = errors.New("nobody reads standard output or standard error any more: it is a closed pipe")

// ignoreSIGPIPE turns the signal that a closed pipe sends into an error of Write: the signal would end the program at
// once, with steps that are not saved.
func ignoreSIGPIPE() { signal.Ignore(syscall.SIGPIPE) }

// watched is a standard stream that says when nobody reads it any more.
type watched struct {
	io.Writer
	gone context.CancelCauseFunc
}

// Write implements io.Writer.
func (w watched) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		w.gone(errUnread)
		err = errUnread
	}
	return n, err
}
