// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"seer/tasks/replay"
)

func replayCommand() *cli.Command {
	return &cli.Command{
		Name:      "replay",
		Usage:     "do a step again whose loss or gradient was not finite, and say where that began",
		ArgsUsage: "RUN",
		Description: "A run keeps such a step in its folder: the images, and weights, statistics and queue before it. This does it again,\n" +
			"looks at what each layer puts out, then at the gradients, and names the first that is not finite. With another\n" +
			"precision it shows whether that is the reason. The run is not changed.\n\n" +
			"Examples:\n" +
			"   seer replay runs/mine\n" +
			"   seer replay runs/mine --step 1234 --set run.precision=fp32 --set run.device=cpu",
		Flags: []cli.Flag{
			setFlag(),
			&cli.Int64Flag{Name: "step", Value: -1, DefaultText: "the last", Usage: "`NUMBER` of the step, as its file has it"},
		},
		Action: runReplay,
	}
}

func runReplay(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("replay takes one argument, a run folder; got %d", c.NArg())
	}
	run := c.Args().First()
	if err := local("the run", run); err != nil {
		return err
	}
	if step := c.Int64("step"); c.IsSet("step") && step < 0 {
		return fmt.Errorf("--step %d: steps count from 0", step)
	}
	e, err := replay.Experiment(run, c.StringSlice("set"))
	if err != nil {
		return err
	}
	r, err := replay.Run(run, c.Int64("step"), e)
	if err != nil {
		return err
	}
	showReplay(c.App.Writer, r)
	return nil
}

// layersShown are those in front of the first that is broken.
const layersShown = 8

func showReplay(w io.Writer, r *replay.Result) {
	if r.World > 1 {
		fmt.Fprintf(w, "The run had %d processes: these are the images of the first, and statistics and assignments those of its part\n", r.World)
	}
	layers := r.Layers
	if left := len(layers) - layersShown; left > 0 {
		fmt.Fprintf(w, "%d layers, all finite; then:\n", left)
		layers = layers[left:]
	}
	for _, l := range layers {
		fmt.Fprintf(w, "  %-44s %-28s to %.4g", l.Name, l.Shape, l.Largest)
		if l.Broken > 0 {
			fmt.Fprintf(w, ", %.3g %% not finite", 100*l.Broken)
		}
		fmt.Fprintln(w)
	}
	if r.Finite() {
		fmt.Fprintf(w, "Step %d in %s is finite: loss %.4f, and every gradient\n", r.Step, r.Precision, r.Loss)
		return
	}
	fmt.Fprintf(w, "Step %d in %s: the first value that is not finite is %s\n", r.Step, r.Precision, r.First())
}
