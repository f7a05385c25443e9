// SPDX-License-Identifier: MIT

package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"seer/checkpoint/inspect"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "list what a file of weights, a checkpoint or a run folder holds",
		ArgsUsage: "PATH",
		Description: "Prints tensors with types and shapes, totals, metadata, the library whose parameter names they are, and the\n" +
			"architectures that have these shapes; warns of values that are not finite. Files may be safetensors or PyTorch's\n" +
			".pth, alone or in shards (their folder, or its index); nothing in them is executed.\n\n" +
			"Examples:\n" +
			"   seer inspect runs/x\n" +
			"   seer inspect --summary vissl_checkpoint.torch\n" +
			"   seer inspect --json trunk.safetensors",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "summary", Usage: "leave the list of tensors out"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as one JSON line"},
		},
		Action: runInspect,
	}
}

func runInspect(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("inspect takes one argument, a file, a checkpoint or a run folder; got %d", c.NArg())
	}
	if err := local("the file", c.Args().First()); err != nil {
		return err
	}
	r, err := inspect.Inspect(c.Args().First())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	return r.Write(c.App.Writer, inspect.TableOptions{Summary: c.Bool("summary")})
}
