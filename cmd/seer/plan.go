// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/footprint"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "tell what an experiment takes on so many GPUs, without allocating anything",
		ArgsUsage: "FILE.toml",
		Description: "Prints parameters, FLOPs, memory by memory.checkpoint, the largest batch that fits, communication and time\n" +
			"of a step. Memory is that of tensors; --reserve is for the rest. docs/memory.md says how it is counted.\n\nExamples:\n" +
			"   seer plan experiments/seer_regnety_256gf.toml --gpus 512 --gpu-memory 32GiB\n" +
			"   seer plan experiments/finetune_in1k.toml --task finetune --set model.arch=regnet_y_16gf --gpus 8 \\\n      --gpu-memory 80GiB --tflops 990 --json",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "set", Usage: "another value for a key, as in pretrain: `KEY=VALUE`"},
			&cli.StringFlag{Name: "task", Value: "pretrain", Usage: "pretrain or finetune"},
			&cli.IntFlag{Name: "classes", Value: 1000, Usage: "of fine-tuning"},
			&cli.IntFlag{Name: "gpus", Value: 1, Usage: "processes, a GPU each"},
			&cli.StringFlag{Name: "gpu-memory", Value: "32GiB", Usage: "of a GPU"},
			&cli.StringFlag{Name: "reserve", Value: "2GiB", Usage: "of it for driver, libraries and fragments"},
			&cli.Float64Flag{Name: "tflops", Value: 125, Usage: "peak of a GPU in the experiment's precision, 10^12 operations a second"},
			&cli.Float64Flag{Name: "efficiency", Value: 0.15, Usage: "share of the peak that training reaches"},
			&cli.StringFlag{Name: "bandwidth", Value: "12.5GB", Usage: "that a GPU sends in a second, and receives"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON line"},
		},
		Action: runPlan,
	}
}

func runPlan(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("plan takes one experiment file, got %d arguments", c.NArg())
	}
	e, err := config.Load(c.Args().First(), c.StringSlice("set"))
	if err != nil {
		return err
	}
	task := config.Task(c.String("task"))
	if task != config.Pretrain && task != config.FineTuning {
		return fmt.Errorf("--task %q: allowed are pretrain and finetune", task)
	}
	cluster, err := clusterOf(c)
	if err != nil {
		return err
	}
	if err := checkPlanned(e); err != nil {
		return err
	}
	s, err := footprint.Size(e, task, int64(c.Int("classes")), cluster)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, s)
	}
	return printSizing(c.App.Writer, e, s, cluster)
}

// checkPlanned wants what the arithmetic needs of an experiment; its data may be missing.
func checkPlanned(e *config.Experiment) error {
	switch {
	case e.Model.Arch == "":
		return fmt.Errorf("model.arch = \"\": which trunk? For example --set model.arch=regnet_y_16gf")
	case len(e.Crops) == 0:
		return fmt.Errorf("crops is empty: the experiment must say how many crops of which size an image has")
	case e.Optim.Batch < 1:
		return fmt.Errorf("optim.batch = %d: how many images has a step?", e.Optim.Batch)
	}
	return nil
}

func clusterOf(c *cli.Context) (footprint.Cluster, error) {
	var sizes [3]config.Bytes
	for i, flag := range []string{"gpu-memory", "reserve", "bandwidth"} {
		n, err := config.ParseBytes(c.String(flag))
		if err != nil {
			return footprint.Cluster{}, fmt.Errorf("--%s: %w", flag, err)
		}
		sizes[i] = n
	}
	if err := within(c, 1<<24, map[string]int{"gpus": 1, "classes": 1}); err != nil {
		return footprint.Cluster{}, err
	}
	if t, share := c.Float64("tflops"), c.Float64("efficiency"); !(t > 0 && t <= 1e6 && share > 0 && share <= 1) {
		return footprint.Cluster{}, fmt.Errorf("--tflops %v --efficiency %v: the first must be over 0, the second over 0 and at most 1", t, share)
	}
	if sizes[1] >= sizes[0] {
		return footprint.Cluster{}, fmt.Errorf("--reserve %s leaves nothing of --gpu-memory %s", sizes[1], sizes[0])
	}
	return footprint.Cluster{
		GPUs: int64(c.Int("gpus")), Memory: int64(sizes[0]), Reserve: int64(sizes[1]), FLOPS: 1e12 * c.Float64("tflops"),
		Efficiency: c.Float64("efficiency"), Bandwidth: float64(sizes[2]),
	}, nil
}

func printSizing(w io.Writer, e *config.Experiment, s *footprint.Sizing, c footprint.Cluster) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	var crops []string
	for _, crop := range e.Crops {
		crops = append(crops, fmt.Sprintf("%dx%d", crop.Count, crop.Size))
	}
	line("%s, %s of %s in %s: %.2f M parameters, %.2f M of them the trunk's", s.Arch, s.Task, strings.Join(crops, "+"), s.Precision,
		float64(s.Parameters)/1e6, float64(s.Trunk)/1e6)
	line("%.1f GFLOPs an image, forward and backward over all crops", float64(s.FLOPsImage)/1e9)
	line("%d GPUs with %s each for tensors; batch %d, %d images a GPU", s.GPUs, footprint.Human(s.Available), s.Images*s.GPUs, s.Images)
	line("On each: weights %s, gradients %s, momentum %s\n", footprint.Human(s.Weights), footprint.Human(s.Gradients), footprint.Human(s.Momentum))
	line("%-17s  %-11s  %-10s  %-5s  %-15s  %-14s  %s", "memory.checkpoint", "activations", "peak", "fits", "most images/GPU", "computed twice", "time of a step")
	for _, way := range s.Ways {
		line("%s", wayLine(way))
	}
	line("\nA step sends, on each GPU: gradients %s, batch norm %s in %d collectives, Sinkhorn %s: %.3f s at %s/s", footprint.Human(s.GradientsSent),
		footprint.Human(s.BatchNormSent), s.BatchNormCalls, footprint.Human(s.SinkhornSent), s.CommunicationSeconds, config.Bytes(c.Bandwidth))
	line("Times are for %.4g TFLOPS at %.3g %%, gradients sent during the backward pass.", c.FLOPS/1e12, 100*c.Efficiency)
	_, err := io.WriteString(w, b.String())
	return err
}

func wayLine(w footprint.Way) string {
	if w.Peak == 0 {
		return fmt.Sprintf("%-17s  %-11s  %-10s  %-5s  %-15d", w.Checkpoint, "-", "-", "no", w.LargestBatch)
	}
	fits := "no"
	if w.Fits {
		fits = "yes"
	}
	return fmt.Sprintf("%-17s  %-11s  %-10s  %-5s  %-15d  %-14s  %.3f s", w.Checkpoint, footprint.Human(w.Activations), footprint.Human(w.Peak), fits,
		w.LargestBatch, fmt.Sprintf("%.0f %%", w.TwicePercent), w.StepSeconds)
}
