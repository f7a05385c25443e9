// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "check this machine: libtorch, GPU, memory, disk, data, a training step",
		Description: "Prints one line a check, with what to do where something is wrong, and exits with 1 when something that is\n" +
			"needed is missing. Run it before a long job, on the machine and in the folder of the job.\n\nExamples:\n" +
			"   seer doctor\n" +
			"   seer doctor --data /data/images --dir runs\n" +
			"   seer doctor --device cuda --data 'shards/*.tar'",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Aliases: []string{"i"}, Usage: "a folder, list, tar shards or IDX file to look into"},
			&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of --data"},
			&cli.StringFlag{Name: "dir", Value: ".", Usage: "where run folders will be: its disk is measured"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N: what training needs"},
			&cli.IntFlag{Name: "disk-mb", Value: 256, Usage: "size of the file that is written and read"},
		},
		Action: runDoctor,
	}
}

// finding is the outcome of a check.
type finding struct {
	what   string
	bad    bool   // something that is needed is missing
	text   string // what was found
	advice string // what to do, if anything
}

// String is a line, and below it the advice.
func (f finding) String() string {
	mark := "✓"
	if f.bad {
		mark = "✗"
	}
	s := fmt.Sprintf("%s %-10s %s", mark, f.what, f.text)
	if f.advice != "" {
		s += "\n             → " + strings.ReplaceAll(f.advice, "\n", "\n               ")
	}
	return s
}

// failed makes a finding of an error.
func failed(what string, err error, advice string) finding {
	return finding{what: what, bad: true, text: err.Error(), advice: advice}
}

// check looks at one thing. It gives up when ctx ends.
type check func(ctx context.Context, c *cli.Context) finding

func runDoctor(c *cli.Context) error {
	if err := within(c, 1<<20, map[string]int{"disk-mb": 1}); err != nil {
		return err
	}
	checks := []check{checkLibtorch, checkDevice, checkCPU, checkMemory, checkDisk, checkStep}
	if c.String("data") != "" {
		checks = append(checks, checkData)
	}
	return examine(c.Context, c, c.App.Writer, checks)
}

// examine prints findings as they come: a check can take seconds.
func examine(ctx context.Context, c *cli.Context, out io.Writer, checks []check) error {
	bad := 0
	for _, look := range checks {
		f := look(ctx, c)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f.bad {
			bad++
		}
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks found something that is missing", bad, len(checks))
	}
	return nil
}
