// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/data/augment"
	"seer/data/loader"
	"seer/data/source"
	"seer/inputs"
	"seer/internal/durable"
	"seer/tasks/finetune"
)

func predictCommand() *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Usage:     "write the classes that a fine-tuned run finds in images",
		ArgsUsage: "RUN | CHECKPOINT",
		Description: "Writes a line for each image, or with --top several: its name, the rank, the class and its score (softmax; of a run\n" +
			"with several classes an image the sigmoid of each), as CSV or parquet. Size and normalisation are the run's. Images that cannot be read are left out and named.\n\nExamples:\n" +
			"   seer predict runs/tuned --images photos --out labels.csv\n" +
			"   seer predict runs/tuned --images photos --top 2 --out labels.parquet",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "images", Aliases: []string{"i"}, Usage: "a folder, list, tar shards or IDX file"},
			&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of --images: " + strings.Join(source.Kinds, ", ")},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the .csv or .parquet `FILE`"},
			&cli.IntFlag{Name: "top", Value: 1, Usage: "classes an image, the best first"},
			&cli.IntFlag{Name: "batch", Value: 64, Usage: "images at a time"},
			&cli.IntFlag{Name: "workers", Usage: "decoding goroutines; 0: one for each CPU, as data.workers = 0"},
			&cli.IntFlag{Name: "threads", Usage: "CPU threads of the trunk; 0: $OMP_NUM_THREADS, or one for each CPU, as run.threads = 0"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
			&cli.StringFlag{Name: "precision", Value: "fp32", Usage: "fp32, bf16 or fp16"},
			&cli.StringFlag{Name: "channels-last", Value: "auto", Usage: "memory format: auto, on or off"},
			&cli.Float64Flag{Name: "max-bad-fraction", Value: loader.DefaultMaxBadFraction, Usage: "fail when more images than this cannot be read"},
		},
		Action: runPredict,
	}
}

func runPredict(c *cli.Context) (err error) {
	if c.NArg() != 1 {
		return fmt.Errorf("predict takes one argument, a run of seer finetune or one of its checkpoints; got %d", c.NArg())
	}
	if err := given(c, "images", "out"); err != nil {
		return err
	}
	if err := local("the run", c.Args().First()); err != nil {
		return err
	}
	if err := within(c, math.MaxInt, map[string]int{"top": 1, "batch": 1, "workers": 0, "threads": 0}); err != nil {
		return err
	}
	if f := c.Float64("max-bad-fraction"); !(f >= 0 && f <= 1) {
		return fmt.Errorf("--max-bad-fraction %v: must be 0 (none) to 1 (all)", f)
	}
	out := output{flag: "out", path: c.String("out"), what: "CSV or parquet", endings: []string{".csv", ".parquet"}, inputs: []string{c.String("images"), c.Args().First()}}
	if err := out.check(); err != nil {
		return err
	}
	progress := newBars(c)
	m, err := finetune.OpenModel(c.Args().First(), bareExperiment(c), progress.warn)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := inputs.Fit(augment.Eval(m.Settings.Resize, m.Settings.Crop), c.Int("batch"), 2); err != nil {
		return fmt.Errorf("--batch %d: %w", c.Int("batch"), err)
	}
	return writePredictions(c, m, progress)
}

func writePredictions(c *cli.Context, m *finetune.Model, progress *bars) (err error) {
	im, err := openImages(c, progress, "predictions")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, im.Source.Close()) }()
	im.Resize, im.Crop, im.Bicubic, im.Orient = m.Settings.Resize, m.Settings.Crop, m.Bicubic, m.Orient
	lines := 0
	err = durable.WriteFile(c.String("out"), func(w io.Writer) error {
		buffer := bufio.NewWriterSize(w, 1<<16)
		sheet, err := newSheet(buffer, c.String("out"))
		if err != nil {
			return err
		}
		err = m.Predict(c.Context, im, c.Int("top"), func(all []finetune.Prediction) error {
			lines += len(all)
			return sheet.Write(all)
		})
		if err != nil {
			return err
		}
		return errors.Join(sheet.Close(), buffer.Flush())
	})
	progress.finish()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d lines, of %d classes (%s)\n", c.String("out"), lines, len(m.Classes), m.Origin)
	return err
}

// newSheet writes what the name promises.
func newSheet(w io.Writer, path string) (finetune.Sheet, error) {
	if filepath.Ext(path) == ".parquet" {
		return finetune.NewParquet(w), nil
	}
	return finetune.NewCSV(w)
}
