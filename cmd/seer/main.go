// SPDX-License-Identifier: MIT

// Command seer pretrains convolutional vision trunks without labels, and probes, exports and inspects them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
)

func main() {
	if err := useLibtorch(); err != nil {
		fmt.Fprintln(os.Stderr, "seer:", err)
		os.Exit(1)
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args))
}

// run executes one command line and returns the exit code: 0, or 1 after printing the error.
func run(ctx context.Context, args []string) int {
	app := app()
	err := app.RunContext(ctx, flagsFirst(app, args))
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errInterrupted):
		return 130
	}
	fmt.Fprintln(os.Stderr, "seer:", err)
	return 1
}

func app() *cli.App {
	return &cli.App{
		Name:            "seer",
		Usage:           "self-supervised pretraining of large convolutional vision models",
		Description:     description,
		Version:         version(),
		HideHelpCommand: true,
		Commands:        commands(),
		ExitErrHandler:  func(*cli.Context, error) {}, // run prints errors, once
	}
}
