// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/data/augment"
	"seer/data/loader"
	"seer/data/source"
	"seer/eval"
	"seer/inputs"
	"seer/internal/durable"
	"seer/internal/npy"
	"seer/torch"
)

func featuresCommand() *cli.Command {
	return &cli.Command{
		Name:  "features",
		Usage: "write the pooled features of images as a NumPy array",
		Description: "Writes float32 [images, width], a row an image, and beside it a text file with the images' names in the same\n" +
			"order. Images are resized (short side) and cropped at the centre as torchvision does with PIL; those that\n" +
			"cannot be read are left out and listed. For a run, its own normalisation is used; for a file without metadata\n" +
			"of this program, ImageNet's.\n\nExamples:\n" +
			"   seer features --weights runs/x --images photos --out photos.npy\n" +
			"   seer features --weights regnet_y_16gf.pth --arch regnet_y_16gf --images photos --size 384 --out photos.npy",
		Flags: append(weightFlags(),
			&cli.StringFlag{Name: "images", Aliases: []string{"i"}, Usage: "a folder, list, tar shards or IDX file"},
			&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of --images: " + strings.Join(source.Kinds, ", ")},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the .npy `FILE`; the names go to the same name with .txt"},
			&cli.IntFlag{Name: "size", Value: 224, Usage: "side of the centre crop, pixels"},
			&cli.IntFlag{Name: "resize", Usage: "short side before the crop; 0: size·256/224"},
			&cli.IntFlag{Name: "batch", Value: 64, Usage: "images at a time"},
			&cli.IntFlag{Name: "workers", Usage: "decoding goroutines; 0: one for each CPU, as data.workers = 0"},
			&cli.IntFlag{Name: "threads", Usage: "CPU threads of the trunk; 0: $OMP_NUM_THREADS, or one for each CPU, as run.threads = 0"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
			&cli.StringFlag{Name: "precision", Value: "fp32", Usage: "fp32, bf16 or fp16"},
			&cli.StringFlag{Name: "channels-last", Value: "auto", Usage: "memory format: auto, on or off"},
			&cli.BoolFlag{Name: "exif-orientation", Usage: "turn images as their EXIF tag says; torchvision does not"},
			&cli.Float64Flag{Name: "max-bad-fraction", Value: loader.DefaultMaxBadFraction, Usage: "fail when more images than this cannot be read"},
			&cli.Uint64Flag{Name: "seed", Usage: "of --random-init"},
		),
		Action: runFeatures,
	}
}

func runFeatures(c *cli.Context) error {
	if err := given(c, "images", "out"); err != nil {
		return err
	}
	if err := local("the weights", c.String("weights")); err != nil {
		return err
	}
	if err := checkFeatureFlags(c); err != nil {
		return err
	}
	if err := checkArray(c); err != nil {
		return err
	}
	progress := newBars(c)
	b, err := eval.OpenBackbone(eval.Spec{
		Weights: c.String("weights"), Random: c.Bool("random-init"), Arch: c.String("arch"), Prefix: c.String("prefix"),
		Experiment: bareExperiment(c), Warn: progress.warn,
	})
	if err != nil {
		return err
	}
	defer b.Close()
	return writeFeatures(c, b, progress)
}

// checkFeatureFlags looks at the numbers before a trunk is read and its features are computed.
func checkFeatureFlags(c *cli.Context) error {
	if err := within(c, math.MaxInt, map[string]int{"size": 1, "batch": 1, "resize": 0, "workers": 0, "threads": 0}); err != nil {
		return err
	}
	if f := c.Float64("max-bad-fraction"); !(f >= 0 && f <= 1) {
		return fmt.Errorf("--max-bad-fraction %v: must be 0 (none) to 1 (all)", f)
	}
	views := augment.Eval(c.Int("resize"), c.Int("size"))
	if err := views.Validate(); err != nil {
		return fmt.Errorf("--size %d, --resize %d: %w", c.Int("size"), c.Int("resize"), err)
	}
	if err := inputs.Fit(views, c.Int("batch"), 2); err != nil {
		return fmt.Errorf("--batch %d: %w", c.Int("batch"), err)
	}
	return nil
}

// checkArray looks at both files that features writes.
func checkArray(c *cli.Context) error {
	inputs := []string{c.String("images"), c.String("weights")}
	out := c.String("out")
	array := output{flag: "out", path: out, what: "a NumPy array", endings: []string{".npy"}, inputs: inputs}
	if err := array.check(); err != nil {
		return err
	}
	names := output{flag: "out", path: namesFile(out), what: "text", endings: []string{".txt"}, inputs: inputs}
	if err := names.check(); err != nil {
		return fmt.Errorf("the names of the images go beside the array: %w", err)
	}
	_, noArray := os.Stat(out)
	if _, err := os.Stat(namesFile(out)); err == nil && noArray != nil {
		return fmt.Errorf("--out %s: the names of the images would replace %s, which belongs to no array: choose another name, or move that file", out, namesFile(out))
	}
	return nil
}

// bareExperiment is the default experiment with the flags' machine settings.
func bareExperiment(c *cli.Context) *config.Experiment {
	e := config.Default()
	e.Run.Device, e.Run.Precision = c.String("device"), c.String("precision")
	e.Run.ChannelsLast, e.Run.Threads, e.Run.Seed = c.String("channels-last"), c.Int("threads"), c.Uint64("seed")
	return e
}

// openImages opens --images for a pass of a trunk. What the trunk sees of each, the caller says, who closes the source.
func openImages(c *cli.Context, progress *bars, stage string) (im eval.Images, err error) {
	src, err := source.OpenContext(c.Context, source.Location{Path: c.String("images"), Kind: c.String("kind")})
	if err != nil {
		return im, err
	}
	sayListing(c, source.ListingOf(src))
	return eval.Images{
		Source: src, Batch: c.Int("batch"), Workers: c.Int("workers"), MaxBadFraction: inputs.BadFraction(c.Float64("max-bad-fraction")),
		OnBad:    func(bad loader.Bad) { progress.warn(fmt.Sprintf("left out %s: %s: %v", bad.Name, bad.Reason, bad.Err)) },
		Progress: func(done, total int64) { progress.update(stage, done, total) },
	}, nil
}

func writeFeatures(c *cli.Context, b *eval.Backbone, progress *bars) (err error) {
	im, err := openImages(c, progress, "features")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, im.Source.Close()) }()
	im.Resize, im.Crop, im.Orient = c.Int("resize"), c.Int("size"), c.Bool("exif-orientation")
	if im.Resize == 0 {
		im.Resize = im.Crop * 256 / 224
	}
	rows, err := features(c.Context, b, im, c.String("out"))
	progress.finish()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: float32 [%d, %d] of %s (%s); names in %s\n",
		c.String("out"), rows, b.Trunk.Width(), b.Origin.Arch, b.Origin, namesFile(c.String("out")))
	return err
}

// namesFile is where the names of an array's rows go.
func namesFile(out string) string { return strings.TrimSuffix(out, filepath.Ext(out)) + ".txt" }

// features streams the rows to the array and then the names beside it. The array takes its name last: where it stands,
// its names stand too.
func features(ctx context.Context, b *eval.Backbone, im eval.Images, out string) (rows int64, err error) {
	w, err := npy.Create(out, im.Len(), b.Trunk.Width())
	if err != nil {
		return 0, err
	}
	var indices []int64
	err = b.Each(ctx, im, func(batch *loader.Batch, x *torch.Tensor) error {
		indices = append(indices, batch.Indices...)
		return w.Write(x.Float32s())
	})
	if err == nil {
		err = w.Shorten() // images that could not be read have no row
	}
	if err == nil {
		err = writeNames(namesFile(out), im.Source, indices)
	}
	if err != nil {
		return 0, errors.Join(err, w.Abort())
	}
	return w.Rows(), w.Close()
}

func writeNames(path string, src source.Source, indices []int64) error {
	return durable.WriteFile(path, func(out io.Writer) error {
		w := bufio.NewWriter(out)
		for _, i := range indices {
			// One name a line, whatever a file system allows in names.
			if _, err := fmt.Fprintln(w, strings.ReplaceAll(src.Name(i), "\n", "\\n")); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}
