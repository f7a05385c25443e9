// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/bench"
	"seer/config"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:        "bench",
		Usage:       "time a training step or the loader on this machine",
		Subcommands: []*cli.Command{benchStepCommand(), benchLoaderCommand()},
	}
}

func benchStepCommand() *cli.Command {
	return &cli.Command{
		Name:  "step",
		Usage: "time whole SwAV steps on random images",
		Description: "Runs the complete step (pixels, forward on all crops, Sinkhorn with 10 iterations, loss, backward,\n" +
			"LARC, prototypes) and prints its time. tools/peers/step_pytorch.py does the same work in PyTorch.\n\n" +
			"Example:\n   seer bench step --arch regnet_y_400mf --batch 16 --crops 2x96,4x48 --hidden 2048,2048 \\\n" +
			"      --out 256 --prototypes 3000 --precision bf16 --channels-last --steps 6 --json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "arch", Value: "regnet_y_400mf", Usage: "trunk, as in model.arch"},
			&cli.IntFlag{Name: "batch", Value: 16, Usage: "images a step"},
			&cli.StringFlag{Name: "crops", Value: "2x96,4x48", Usage: "COUNTxSIZE for each resolution"},
			&cli.StringFlag{Name: "hidden", Value: "2048,2048", Usage: "hidden widths of the head"},
			&cli.IntFlag{Name: "out", Value: 256, Usage: "width of the embedding"},
			&cli.IntFlag{Name: "prototypes", Value: 3000},
			&cli.StringFlag{Name: "precision", Value: "fp32", Usage: "fp32, bf16 or fp16"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
			&cli.BoolFlag{Name: "channels-last", Usage: "NHWC memory format"},
			&cli.BoolFlag{Name: "tf32", Value: true, Usage: "as run.tf32"},
			&cli.StringFlag{Name: "checkpoint", Value: "none", Usage: "as memory.checkpoint: none, selective, blocks, stages or auto"},
			&cli.StringFlag{Name: "budget", Usage: "as memory.budget, for --checkpoint auto"},
			&cli.IntFlag{Name: "steps", Value: 6, Usage: "measured steps, after two that are not"},
			&cli.IntFlag{Name: "threads", Usage: "CPU threads; 0: $OMP_NUM_THREADS, or one for each CPU, as run.threads = 0"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON line"},
		},
		Action: runBenchStep,
	}
}

func runBenchStep(c *cli.Context) error {
	crops, err := parseCrops(c.String("crops"))
	if err != nil {
		return err
	}
	hidden, err := parseInts("hidden", c.String("hidden"))
	if err != nil {
		return err
	}
	if err := within(c, 1<<24, map[string]int{"batch": 1, "out": 1, "prototypes": 1, "steps": 1, "threads": 0}); err != nil {
		return err
	}
	e := config.Default()
	e.Crops = crops
	e.Memory.Checkpoint = c.String("checkpoint")
	if err := e.Memory.Budget.UnmarshalText([]byte(c.String("budget"))); err != nil {
		return fmt.Errorf("--budget: %w", err)
	}
	if err := checkViews(e, c.Int("batch")); err != nil {
		return err
	}
	r, err := bench.Step(bench.StepOptions{
		Model: config.Model{Arch: c.String("arch")}, Batch: c.Int("batch"), Crops: crops, Hidden: hidden, Out: c.Int("out"),
		Prototypes: c.Int("prototypes"), Precision: c.String("precision"), Device: c.String("device"),
		ChannelsLast: c.Bool("channels-last"), TF32: c.Bool("tf32"), Memory: e.Memory, Steps: c.Int("steps"), Threads: c.Int("threads"),
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s, batch %d, %s on %s: %.1f ms a step (best %.1f), %.1f images/s, peak %.0f MB\n",
		r.Arch, r.Batch, r.Precision, r.Device, r.MsMedian, r.MsMin, r.ImgS, r.PeakRSSMB)
	return err
}

func printJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// parseCrops reads "2x224,4x96".
func parseCrops(s string) ([]config.Crop, error) {
	var crops []config.Crop
	for part := range strings.SplitSeq(s, ",") {
		count, size, ok := strings.Cut(part, "x")
		n, err1 := strconv.Atoi(count)
		px, err2 := strconv.Atoi(size)
		if !ok || err1 != nil || err2 != nil || n < 1 || px < 1 {
			return nil, fmt.Errorf("--crops %q: %q is not COUNTxSIZE, as in 2x224,4x96", s, part)
		}
		crops = append(crops, config.Crop{Count: n, Size: px})
	}
	return crops, nil
}

func parseInts(flag, s string) ([]int, error) {
	var out []int
	if s == "" {
		return out, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--%s %q: %q is not a positive number; write widths as 2048,2048", flag, s, part)
		}
		out = append(out, n)
	}
	return out, nil
}
