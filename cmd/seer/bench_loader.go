// SPDX-License-Identifier: MIT

package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"seer/bench"
	"seer/config"
	"seer/inputs"
)

func benchLoaderCommand() *cli.Command {
	return &cli.Command{
		Name:  "loader",
		Usage: "time reading, decoding and augmenting images",
		Description: "Runs the loader by itself on your images for some seconds, with SwAV's colours and blur, and prints images a\n" +
			"second and what the stages cost a worker. To feed a trainer, img_s must exceed its images a second.\n\nExamples:\n" +
			"   seer bench loader --images photos --crops 2x224,4x96 --workers 1 --seconds 10 --json\n" +
			"   seer bench loader --images 'shards/{000..127}.tar' --workers 16\n" +
			"   seer bench loader --images far.seeridx --set data.shuffle_window=20000",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "images", Aliases: []string{"i"}, Usage: "a folder, list, tar shards or IDX file; or an experiment file, for its [data]"},
			&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of --images"},
			setFlag(),
			&cli.StringFlag{Name: "crops", Value: "2x224,4x96", Usage: "COUNTxSIZE for each resolution"},
			&cli.IntFlag{Name: "batch", Value: 32, Usage: "images a batch"},
			&cli.IntFlag{Name: "workers", Value: 1, Usage: "goroutines that decode; 0: one for each CPU, as data.workers = 0"},
			&cli.Float64Flag{Name: "seconds", Value: 10, Usage: "how long to measure"},
			&cli.BoolFlag{Name: "exif-orientation", Value: true, Usage: "turn images as their EXIF tag says"},
			&cli.BoolFlag{Name: "scale", Usage: "decode JPEG at 1/2, 1/4 or 1/8 where all crops are smaller; changes pixels slightly"},
			&cli.Uint64Flag{Name: "seed", Usage: "of order and augmentation"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON line"},
		},
		Action: runBenchLoader,
	}
}

// checkViews refuses crops that cannot be made, or would not fit into memory.
func checkViews(e *config.Experiment, batch int) error {
	if err := e.Views().Validate(); err != nil {
		return err
	}
	return inputs.Fit(e.Views(), batch, e.Data.Prefetch)
}

func runBenchLoader(c *cli.Context) error {
	if err := given(c, "images"); err != nil {
		return err
	}
	crops, err := parseCrops(c.String("crops"))
	if err != nil {
		return err
	}
	if err := within(c, 1<<16, map[string]int{"batch": 1, "workers": 0}); err != nil {
		return err
	}
	if s := c.Float64("seconds"); !(s > 0 && s <= 1e6) {
		return fmt.Errorf("--seconds %v: must be over 0, at most 1e6", c.Float64("seconds"))
	}
	e, err := sourceExperiment(c.String("images"), c.StringSlice("set"))
	if err != nil {
		return err
	}
	if c.IsSet("kind") {
		e.Data.Kind = c.String("kind")
	}
	e.Crops = crops
	if err := checkViews(e, c.Int("batch")); err != nil {
		return err
	}
	r, err := bench.Loader(c.Context, bench.LoaderOptions{
		Data: e.Data, Crops: crops, Batch: c.Int("batch"), Workers: c.Int("workers"),
		Seconds: c.Float64("seconds"), Orient: c.Bool("exif-orientation"), Scale: c.Bool("scale"), Seed: c.Uint64("seed"),
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%.1f images/s with %d workers (%s kernels); milliseconds an image: read %.3f, decode %.3f, resize %.3f, jitter %.3f, blur %.3f; peak %.0f MB\n",
		r.ImgS, r.Workers, r.Kernels, r.ReadMs, r.DecodeMs, r.ResizeMs, r.JitterMs, r.BlurMs, r.PeakRSSMB)
	return err
}
