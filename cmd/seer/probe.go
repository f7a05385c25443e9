// SPDX-License-Identifier: MIT

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/eval"
	"seer/internal/durable"
	"seer/runfolder"
	"seer/tasks/probe"
)

func linearEvalCommand() *cli.Command {
	return &cli.Command{
		Name:      "linear-eval",
		Usage:     "train a linear classifier on a frozen trunk, print its accuracy",
		ArgsUsage: "RUN | FILE.toml",
		Description: "With a run folder, or one of its checkpoints, the run's own settings ([linear]) and newest weights are used.\n" +
			"With an experiment file, say which weights: --weights, or --random-init for the baseline that any pretraining\n" +
			"has to beat. A file of weights may have the parameter names of torchvision, timm, transformers, VISSL,\n" +
			"ClassyVision or pycls, behind any prefix: of a teacher and a student the teacher is taken, unless --prefix says\n" +
			"otherwise.\n\n" +
			"Features are computed once, unless linear.augment = true. Lists of linear.layers, linear.base_lr and\n" +
			"linear.batch_norm train a grid of classifiers in the same pass over the images; the best is the result. Images\n" +
			"with several classes each are learned too, and judged by mean average precision. The result is printed, and\n" +
			"kept in results.jsonl of the run folder, or in --out.\n\nExamples:\n" +
			"   seer linear-eval runs/quickstart\n" +
			"   seer linear-eval runs/quickstart --set 'linear.base_lr=[0.01, 0.1, 1]' --set 'linear.layers=[\"stage1:2x2\", \"pool\"]'\n" +
			"   seer linear-eval runs/quickstart --random-init\n" +
			"   seer linear-eval experiments/linear_in1k.toml --weights runs/x/latest \\\n" +
			"      --set linear.train=/data/imagenet/train --set linear.val=/data/imagenet/val\n" +
			"   seer linear-eval experiments/linear_in1k.toml --weights model.pth --arch regnet_y_16gf",
		Flags:  probeFlags(),
		Action: func(c *cli.Context) error { return runProbe(c, config.LinearEval, (*probe.Session).Linear) },
	}
}

func knnCommand() *cli.Command {
	return &cli.Command{
		Name:      "knn",
		Usage:     "classify by the nearest neighbours of a frozen trunk's features",
		ArgsUsage: "RUN | FILE.toml",
		Description: "Each validation image gets the class for which its knn.k nearest training images vote, weighted with\n" +
			"exp(cosine / knn.temperature). Nothing is trained: the quickest look at what a trunk has learned. A list of knn.k\n" +
			"gives a figure for each in one pass; the result is the best of them. Arguments and results are those of\n" +
			"linear-eval; images come from [knn], or from [linear] where that says nothing.\n\nExamples:\n" +
			"   seer knn runs/quickstart\n" +
			"   seer knn runs/quickstart/checkpoints/step-000000500 --set knn.k=50\n" +
			"   seer knn runs/quickstart --set 'knn.k=[5, 10, 20]'\n" +
			"   seer knn experiments/quickstart.toml --random-init",
		Flags:  probeFlags(),
		Action: func(c *cli.Context) error { return runProbe(c, config.KNNEval, (*probe.Session).KNN) },
	}
}

func probeFlags() []cli.Flag {
	return append(weightFlags(),
		setFlag(),
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the result as JSON to `FILE`, instead of adding it to the run folder's results.jsonl"},
		&cli.BoolFlag{Name: "json", Usage: "print the result as one JSON line"},
	)
}

// weightFlags choose a trunk.
func weightFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "weights", Aliases: []string{"w"}, Usage: "a run folder, a checkpoint, a .safetensors or .pth file, a folder or index of its shards"},
		prefixFlag(),
		&cli.StringFlag{Name: "arch", Usage: "architecture of a file of weights, where it does not show: `NAME` as in model.arch"},
		&cli.BoolFlag{Name: "random-init", Usage: "a trunk that was never trained"},
	}
}

// prefixFlag chooses among the trunks of a self-supervised program's checkpoint.
func prefixFlag() cli.Flag {
	return &cli.StringFlag{Name: "prefix", Usage: "which trunk of a file with several, by what stands before its names: `NAME` such as student."}
}

// probeSubject reads the argument: an experiment, or a run that brings its experiment and its weights.
func probeSubject(c *cli.Context) (*config.Experiment, eval.TrunkSource, error) {
	s := eval.TrunkSource{Weights: c.String("weights"), Random: c.Bool("random-init"), Arch: c.String("arch"), Prefix: c.String("prefix")}
	if c.NArg() != 1 {
		return nil, s, fmt.Errorf("%s takes one argument, a run folder or an experiment file; got %d", c.Command.Name, c.NArg())
	}
	path := c.Args().First()
	if err := errors.Join(local("the run", path), local("the weights", s.Weights)); err != nil {
		return nil, s, err
	}
	if strings.HasSuffix(path, ".toml") {
		e, err := config.Load(path, c.StringSlice("set"))
		s.Experiment = e
		return e, s, err
	}
	resolved, dir, err := runfolder.Experiment(path)
	if err != nil {
		return nil, s, fmt.Errorf("%w; give a run folder or an experiment file (.toml)", err)
	}
	if resolved == "" {
		return nil, s, fmt.Errorf("%s is no run folder: it has no %s. For a file of weights give an experiment: seer linear-eval FILE.toml --weights %s",
			path, runfolder.ConfigFile, path)
	}
	e, err := config.Load(resolved, c.StringSlice("set"))
	if err != nil {
		return nil, s, err
	}
	e.Run.Dir = dir
	if s.Weights == "" && !s.Random {
		s.Weights = path
	}
	s.Experiment = e
	return e, s, nil
}

func runProbe(c *cli.Context, task config.Task, run func(*probe.Session, context.Context) (probe.Result, error)) error {
	e, spec, err := probeSubject(c)
	if err != nil {
		return err
	}
	out := output{flag: "out", path: c.String("out"), what: "JSON", endings: []string{".json", ".jsonl", ".ndjson", ".txt", ".log"},
		inputs: []string{c.Args().First(), spec.Weights}}
	if err := out.checkGiven(c); err != nil {
		return err
	}
	progress := newBars(c)
	warnings, err := e.Validate(task)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		progress.warn(w.String())
	}
	if err := e.CheckData(task); err != nil {
		return err
	}
	spec.Warn = progress.warn
	b, err := eval.OpenBackbone(spec)
	if err != nil {
		return err
	}
	defer b.Close()
	s := &probe.Session{Backbone: b, Experiment: e, Progress: progress.update, Warn: progress.warn, State: stateOf(c, b.Origin, e)}
	r, err := run(s, c.Context)
	progress.finish()
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	return showResult(c, r, e)
}

// showResult prints a result and keeps it.
func showResult(c *cli.Context, r probe.Result, e *config.Experiment) error {
	path, err := keepResult(c, r, e)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	if err := printResults(c.App.Writer, r); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.ErrWriter, "kept in %s\n", path)
	return err
}

// printResults writes a table with a row for each result, and one for each trial of a result.
func printResults(w io.Writer, results ...probe.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	precision := slices.ContainsFunc(results, func(r probe.Result) bool { return r.Task == "svm" || r.MAP > 0 })
	head := "top-1 %\ttop-5 %"
	if precision {
		head = "mAP %\t" + head
	}
	fmt.Fprintln(t, "probe\tweights\tarch\t"+head+"\tclasses\ttrain\tval")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\n", r.Task, r.Origin, r.Arch, figures(r.Top1, r.Top5, r.MAP, precision), r.Classes, r.TrainImages, r.ValImages)
		for _, trial := range r.Trials {
			fmt.Fprintf(t, "%s, %v\t\t\t%s\n", r.Task, trial, trialFigures(trial, trial.String() == r.Best, precision))
		}
		for _, k := range r.Shots {
			fmt.Fprintf(t, "%s, %d a class\t\t\t%.2f ± %.2f\n", r.Task, k.K, k.Mean, k.Std)
		}
	}
	return t.Flush()
}

// figures are the columns of one row, per cent.
func figures(top1, top5, precision float64, withPrecision bool) string {
	text := fmt.Sprintf("%.2f\t%.2f", top1, top5)
	if top5 == 0 && precision > 0 { // several classes an image: none is the best
		text = "-\t-"
	}
	if withPrecision {
		text = fmt.Sprintf("%.2f\t%s", precision, text)
	}
	return text
}

func trialFigures(t probe.Trial, best, precision bool) string {
	switch {
	case t.Diverged > 0:
		return fmt.Sprintf("diverged at step %d", t.Diverged)
	case best:
		return figures(t.Top1, t.Top5, t.MAP, precision) + "\tbest"
	}
	return figures(t.Top1, t.Top5, t.MAP, precision)
}

// resultsFile keeps the results of probes in a run folder.
const resultsFile = "results.jsonl"

// stateOf is the beginning of the names of folders beside the result.
func stateOf(c *cli.Context, o eval.Origin, e *config.Experiment) string {
	if path := c.String("out"); path != "" {
		return path + ".linear-"
	}
	return filepath.Join(resultsDir(o.Run, e), "linear-")
}

// resultsDir is the run that the weights come from, or else that of the experiment.
func resultsDir(run string, e *config.Experiment) string { return cmp.Or(run, e.Run.Dir) }

// keepResult writes --out, or adds a line to the results of the run that the weights come from, or else of the
// experiment.
func keepResult(c *cli.Context, r probe.Result, e *config.Experiment) (string, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	line = append(line, '\n')
	if path := c.String("out"); path != "" {
		return path, durable.WriteFile(path, func(w io.Writer) error {
			_, err := w.Write(line)
			return err
		})
	}
	dir := resultsDir(r.Run, e)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("%w; say where to keep the result with --out FILE", err)
	}
	path := filepath.Join(dir, resultsFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return "", fmt.Errorf("%w; say where to keep the result with --out FILE", err)
	}
	_, err = f.Write(line)
	return path, errors.Join(err, f.Sync(), f.Close())
}
