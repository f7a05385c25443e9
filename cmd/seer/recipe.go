// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/bench"
	"seer/config"
	"seer/data/source"
	"seer/internal/cpus"
	"seer/internal/durable"
	"seer/internal/resident"
	"seer/recipe"
	"seer/torch"
)

func recipeCommand() *cli.Command {
	return &cli.Command{
		Name:      "recipe",
		Usage:     "choose the settings of a pretraining run by the images and the machine",
		ArgsUsage: "SOURCE",
		Description: "Looks at some of the images, times some steps, and writes an experiment file with the reason of each choice:\n" +
			"crops by the images' sizes, architecture, batch, prototypes and queue by their number and the machine, length by\n" +
			"the time that the run may take.\n\nExamples:\n" +
			"   seer recipe photos --out mine.toml\n" +
			"   seer recipe photos --hours 8",
		Flags: []cli.Flag{
			hoursFlag(),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to the TOML `FILE` in place of the standard output"},
			&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of the source: " + strings.Join(source.Kinds, ", ")},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
		},
		Action: runRecipe,
	}
}

// hoursFlag bounds a run that a recipe is chosen for.
func hoursFlag() cli.Flag {
	return &cli.Float64Flag{Name: "hours", Value: 1, Usage: "how long a run whose settings are chosen by its images may take"}
}

func checkHours(c *cli.Context) error {
	if h := c.Float64("hours"); !(h > 0 && h <= 10_000) {
		return fmt.Errorf("--hours %v: must be more than 0 and at most 10000", h)
	}
	return nil
}

func runRecipe(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("recipe takes one argument, a source of images; got %d", c.NArg())
	}
	if err := checkHours(c); err != nil {
		return err
	}
	out := output{flag: "out", path: c.String("out"), what: "TOML", endings: []string{".toml"}, inputs: []string{c.Args().First()}}
	if out.path != "" {
		if err := out.check(); err != nil {
			return err
		}
	}
	text, r, err := chooseRecipe(c.Context, c.Args().First(), c.String("kind"), c.String("device"), c.Float64("hours"))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.ErrWriter, r.String())
	write := func(w io.Writer) error { _, err := w.Write(text); return err }
	if out.path != "" {
		return durable.WriteFile(out.path, write)
	}
	return write(c.App.Writer)
}

// chooseRecipe looks at the images, times steps, and returns the experiment file.
func chooseRecipe(ctx context.Context, path, kind, device string, hours float64) (text []byte, r recipe.Recipe, err error) {
	dev, err := torch.ParseDevice(device)
	if err != nil {
		return nil, r, err
	}
	src, err := source.OpenContext(ctx, source.Location{Path: path, Kind: kind})
	if err != nil {
		return nil, r, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	look, err := recipe.See(ctx, src, true)
	if err != nil {
		return nil, r, err
	}
	memory, _, err := resident.Machine()
	if err != nil {
		return nil, r, err
	}
	r = recipe.Choose(look, recipe.Machine{CPUs: cpus.Available().N, Memory: memory, GPU: dev != torch.CPU})
	ms, err := timeStep(r, device)
	for err == nil && r.Lighter(ms, hours*3600) {
		ms, err = timeStep(r, device)
	}
	if err != nil {
		return nil, r, err
	}
	r.Fit(ms, hours*3600)
	var out bytes.Buffer
	err = r.Write(&out, path, kind)
	return out.Bytes(), r, err
}

// timeStep measures the step of a recipe.
func timeStep(r recipe.Recipe, device string) (ms float64, err error) {
	e, err := recipeExperiment(r)
	if err != nil {
		return 0, err
	}
	const steps = 3
	result, err := bench.Step(bench.StepOptions{
		Model: e.Model, Batch: e.Optim.Batch, Crops: e.Crops, Hidden: e.SwAV.Hidden, Out: e.SwAV.Out, Prototypes: e.SwAV.Prototypes,
		Precision: "fp32", Device: device, ChannelsLast: true, Steps: steps,
	})
	return result.MsMedian, err
}

// recipeExperiment is the experiment of a recipe, by the way that a run takes it.
func recipeExperiment(r recipe.Recipe) (e *config.Experiment, err error) {
	dir, err := os.MkdirTemp("", "seer-recipe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "recipe.toml")
	r.Steps = 1
	if err := durable.WriteFile(path, func(w io.Writer) error { return r.Write(w, "images", "folder") }); err != nil {
		return nil, err
	}
	return config.Load(path, nil)
}
