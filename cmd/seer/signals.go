// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted ends a command that a signal asked to stop, after it has saved its work.
var errInterrupted = errors.New("interrupted")

// withSignals returns a context that the first Ctrl-C or SIGTERM cancels, so that work is saved; after that signals have
// their default effect again, so that a second one stops the program at once.
func withSignals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(context.Canceled) }
}
