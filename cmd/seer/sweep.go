// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seer/internal/durable"
	"seer/sweep"
)

func sweepCommand() *cli.Command {
	return &cli.Command{
		Name:      "sweep",
		Usage:     "run a grid of experiments, and gather a table and plots",
		ArgsUsage: "GRID.toml",
		Description: "Runs a command for every combination of the values in a grid file (docs/sweep.md), one after another. What is\n" +
			"done is passed over, and what was stopped goes on, so that the same command brings a sweep to its end after\n" +
			"any stop. Results are in the sweep's folder: table.csv, table.md and the plots of the grid.\n\nExamples:\n" +
			"   seer sweep grid.toml --list\n" +
			"   seer sweep grid.toml\n" +
			"   seer sweep grid.toml --task 0\n" +
			"   seer sweep grid.toml --table",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "print the jobs with their numbers and states, and run nothing"},
			&cli.IntFlag{Name: "task", Value: -1, Usage: "run the job with this `NUMBER` alone"},
			&cli.StringFlag{Name: "only", Usage: "run the jobs of the step `NAME` alone"},
			&cli.BoolFlag{Name: "table", Usage: "gather the table and the plots of what is done, and run nothing"},
		},
		Action: runSweep,
	}
}

func runSweep(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("sweep takes one argument, a grid file; got %d", c.NArg())
	}
	grid, err := sweep.Load(c.Args().First())
	if err != nil {
		return err
	}
	jobs, err := grid.Jobs()
	if err != nil {
		return fmt.Errorf("grid %s: %w", c.Args().First(), err)
	}
	if c.Bool("list") {
		return listJobs(c.App.Writer, jobs)
	}
	chosen, err := chosenJobs(c, grid, jobs)
	if err != nil {
		return err
	}
	if !c.Bool("table") {
		if err := runJobs(c, chosen); err != nil {
			return errors.Join(err, gather(c, grid, jobs))
		}
	}
	return gather(c, grid, jobs)
}

// chosenJobs are those that --task and --only leave.
func chosenJobs(c *cli.Context, grid *sweep.Grid, jobs []*sweep.Job) ([]*sweep.Job, error) {
	if n := c.Int("task"); c.IsSet("task") {
		if n < 0 || n >= len(jobs) {
			return nil, fmt.Errorf("--task %d: the grid has jobs 0 to %d", n, len(jobs)-1)
		}
		return jobs[n : n+1], nil
	}
	name := c.String("only")
	if name == "" {
		return jobs, nil
	}
	var names []string
	for _, s := range grid.Steps {
		names = append(names, s.Name)
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("--only %s: the grid has no such step; steps are %s", name, strings.Join(names, ", "))
	}
	return slices.DeleteFunc(slices.Clone(jobs), func(j *sweep.Job) bool { return j.Step.Name != name }), nil
}

// stopGrace is how long a run may take to write its checkpoint when a sweep is stopped.
const stopGrace = 2 * time.Minute

func runJobs(c *cli.Context, jobs []*sweep.Job) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	r := sweep.Runner{Program: program, Grace: stopGrace, Say: func(line string) { fmt.Fprintln(c.App.ErrWriter, line) }}
	return r.Run(c.Context, jobs)
}

func listJobs(w io.Writer, jobs []*sweep.Job) error {
	states := map[sweep.State]string{sweep.Waiting: "waiting", sweep.Finished: "done", sweep.Changed: "changed"}
	for i, j := range jobs {
		state, err := sweep.StateOf(j)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%4d  %-7s  %s\n", i, states[state], j); err != nil {
			return err
		}
	}
	return nil
}

// shown are the figures of the table for people; the CSV has all.
var shown = []string{"parameters", "loss", "top1", "top5", "map", "sweep_seconds"}

// gather writes the table and the plots of what is done.
func gather(c *cli.Context, grid *sweep.Grid, jobs []*sweep.Job) error {
	table, err := sweep.Collect(jobs)
	if err != nil || len(table.Rows) == 0 {
		return err
	}
	write := func(name string, content func(io.Writer) error) error {
		return durable.WriteFile(filepath.Join(grid.Dir, name), content)
	}
	if err := errors.Join(write("table.csv", table.CSV), write("table.md", func(w io.Writer) error { return table.Markdown(w, shown) })); err != nil {
		return err
	}
	for i := range grid.Plots {
		p := &grid.Plots[i]
		if err := write(p.Name+".svg", func(w io.Writer) error { return p.SVG(w, table) }); err != nil {
			fmt.Fprintln(c.App.ErrWriter, err)
		}
	}
	if err := table.Markdown(c.App.Writer, shown); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.ErrWriter, "%d of %d jobs are done; table and plots are in %s\n", len(jobs)-sweep.Unfinished(jobs), len(jobs), grid.Dir)
	return err
}
