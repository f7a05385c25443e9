// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"seer/config"
	"seer/eval"
	"seer/tasks/launch"
	"seer/tasks/pretrain"
	"seer/tasks/probe"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "pretrain a small trunk on Fashion-MNIST and compare it with a random one",
		Description: "Runs an experiment from nothing to accuracies: pretraining, then linear and k-NN probes of the trunk and of\n" +
			"the same trunk with random weights. A run that was stopped continues. ./build.sh demo calls it.\n\nExample:\n" +
			"   seer demo --set run.dir=runs/mine",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "experiment", Value: "experiments/quickstart.toml", Usage: "the experiment `FILE`"},
			&cli.StringFlag{Name: "data", EnvVars: []string{"SEER_FASHION_MNIST"}, Usage: "the `FOLDER` with Fashion-MNIST's IDX files"},
			setFlag(),
		},
		Action: runDemo,
	}
}

func runDemo(c *cli.Context) error {
	begin := time.Now()
	e, err := demoExperiment(c)
	if err != nil {
		return err
	}
	stage := func(n int, what string) {
		fmt.Fprintf(c.App.ErrWriter, "\n[%d/3] %s (%s since the start)\n", n, what, time.Since(begin).Round(time.Second))
	}
	stage(1, "Pretraining without labels")
	err = pretrain.Run(c.Context, e, launch.StartOptions{
		Out: c.App.ErrWriter, Terminal: term.IsTerminal(int(os.Stderr.Fd())), Version: version(),
	})
	if err != nil {
		return err
	}
	stage(2, "Probing the pretrained trunk")
	results, err := probeBoth(c, e, eval.TrunkSource{Experiment: e, Weights: e.Run.Dir})
	if err != nil {
		return err
	}
	stage(3, "Probing the same trunk with random weights")
	random, err := probeBoth(c, e, eval.TrunkSource{Experiment: e, Random: true})
	if err != nil {
		return err
	}
	if err := printComparison(c, results, random); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "\nEverything is in %s: metrics.jsonl (the curve), resolved.toml, checkpoints/.\n"+
		"Took %s. Next:\n"+
		"   seer export %s --out trunk.safetensors      for torchvision, timm, …\n"+
		"   seer pretrain %s --set data.source=YOUR_IMAGES --set run.dir=runs/mine\n",
		e.Run.Dir, time.Since(begin).Round(time.Second), e.Run.Dir, c.String("experiment"))
	return nil
}

// demoExperiment points the experiment at the data, wherever the installer has put it.
func demoExperiment(c *cli.Context) (*config.Experiment, error) {
	sets := c.StringSlice("set")
	path := c.String("experiment")
	if dir := c.String("data"); dir != "" {
		e, err := config.Load(path, nil)
		if err != nil {
			return nil, err
		}
		for key, file := range map[string]string{"data.source": e.Data.Source, "linear.train": e.Linear.Train, "linear.val": e.Linear.Val} {
			sets = append([]string{key + "=" + filepath.Join(dir, filepath.Base(file))}, sets...)
		}
	}
	e, err := config.Load(path, sets)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; run it in the folder of the project, or name an experiment with --experiment", err)
	}
	return e, err
}

// probeBoth runs the linear and the k-NN probe on one trunk, computing its features once.
func probeBoth(c *cli.Context, e *config.Experiment, spec eval.TrunkSource) (results []probe.Result, err error) {
	progress := newBars(c)
	defer progress.finish()
	spec.Warn = progress.warn
	b, err := eval.OpenBackbone(spec)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	s := &probe.Session{Backbone: b, Experiment: e, Progress: progress.update, Warn: progress.warn}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, run := range []func(*probe.Session, context.Context) (probe.Result, error){(*probe.Session).Linear, (*probe.Session).KNN} {
		r, err := run(s, c.Context)
		if err != nil {
			return nil, err
		}
		if _, err := keepResult(c, r, e); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// printComparison is the demo's table: what pretraining has brought.
func printComparison(c *cli.Context, pretrained, random []probe.Result) error {
	_, err := fmt.Fprintf(c.App.Writer, "\nTop-1 accuracy in per cent, %d validation images\n\n%-22s%12s%12s\n%-22s%12.2f%12.2f\n%-22s%12.2f%12.2f\n%-22s%+12.2f%+12.2f\n",
		pretrained[0].ValImages, "", "linear", "k-NN",
		"random weights", random[0].Top1, random[1].Top1,
		"pretrained by SwAV", pretrained[0].Top1, pretrained[1].Top1,
		"difference", pretrained[0].Top1-random[0].Top1, pretrained[1].Top1-random[1].Top1)
	return err
}
