// SPDX-License-Identifier: MIT

// Command seer pretrains convolutional vision trunks without labels, and probes, exports and inspects them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"seer/internal/redact"
	"seer/mesh"
	"seer/mesh/spawn"
)

func main() {
	if err := useLibtorch(); err != nil {
		fmt.Fprintln(os.Stderr, "seer:", err)
		os.Exit(1)
	}
	ignoreSIGPIPE()
	ctx, stop := withSignals(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args))
}

// run executes one command line and returns the exit code: 0, 1 after printing the error, or what shells give a program
// that a signal ended: 130 after Ctrl-C and its like, 141 when nobody reads the output; 75 where a batch system has asked for
// the place, and shall start the same command again.
func run(ctx context.Context, args []string) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	app := app()
	app.Writer = redact.Writer{W: watched{os.Stdout, cancel}}
	app.ErrWriter = redact.Writer{W: watched{os.Stderr, cancel}}
	err := app.RunContext(ctx, flagsFirst(app, args))
	var peer *mesh.PeerError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, mesh.ErrPreempted):
		return spawn.Requeue
	case errors.Is(err, errInterrupted), errors.Is(err, spawn.ErrAsked), errors.As(err, &peer) && peer.Asked:
		return 130
	case errors.Is(err, errUnread):
		return 141
	}
	fmt.Fprintln(os.Stderr, "seer:", redact.Error{Err: err})
	return 1
}

func app() *cli.App {
	a := &cli.App{
		Name:            "seer",
		Usage:           "self-supervised pretraining of large convolutional vision models",
		Description:     description,
		Version:         version(),
		HideHelpCommand: true,
		Commands:        commands(),
		ExitErrHandler:  func(*cli.Context, error) {}, // run prints errors, once
		// What people type is taken as it is: lists, brace patterns and names have commas.
		DisableSliceFlagSeparator: true,
	}
	a.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usageError("seer", a.Flags, err) }
	a.Action = func(ctx *cli.Context) error { return chooseCommand(ctx, "seer", a.Commands, cli.ShowAppHelp) }
	for _, c := range a.Commands {
		strict(c)
	}
	return a
}
