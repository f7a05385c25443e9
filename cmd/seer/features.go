// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/data/augment"
	"seer/data/loader"
	"seer/data/source"
	"seer/eval"
	"seer/eval/featurefile"
	"seer/inputs"
)

func featuresCommand() *cli.Command {
	return &cli.Command{
		Name:  "features",
		Usage: "write the features of images to a file, or find the images that are most like others",
		Description: "Writes float32 [images, width], a row an image: as a NumPy array or a safetensors file with the images' names\n" +
			"in a text file beside it, or as parquet with a column of names. Images are resized (short side) and cropped at\n" +
			"the centre as torchvision does with PIL; those that cannot be read are left out and listed. For a run, its own\n" +
			"normalisation is used; for a file without metadata of this program, ImageNet's. A pass that was stopped goes\n" +
			"on where it was when the same command comes again.\n\n" +
			"--search prints the images whose features are nearest to those of an image, by cosine similarity, of the images\n" +
			"that were just looked at or of a .npy file of an earlier pass of the same trunk.\n\nExamples:\n" +
			"   seer features --weights runs/x --images photos --out photos.npy\n" +
			"   seer features --weights regnet_y_16gf.pth --arch regnet_y_16gf --images photos --size 384 --out photos.parquet\n" +
			"   seer features --weights runs/x --images photos --layers stage3:2x2,pool --out stages.safetensors\n" +
			"   seer features --weights runs/x --images photos --search photos/holiday.jpg --sheet nearest.png\n" +
			"   seer features --weights runs/x --features photos.npy --search photos/holiday.jpg --nearest 20",
		Flags: append(weightFlags(),
			&cli.StringFlag{Name: "images", Aliases: []string{"i"}, Usage: "a folder, list, tar shards or IDX file"},
			&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of --images: " + strings.Join(source.Kinds, ", ")},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the .npy, .parquet or .safetensors `FILE`"},
			&cli.StringFlag{Name: "layers", Value: "pool", Usage: "pool, stage3:2x1 (a stage averaged over 2×1 cells), blocks4+mean (of a transformer), or several with commas: a\n\tcolumn or tensor each, and of .npy a file each"},
			&cli.StringSliceFlag{Name: "search", Usage: "find the images that are most like `IMAGE` (repeatable)"},
			&cli.StringFlag{Name: "features", Usage: "search in this .npy `FILE` in place of computing features anew; its .txt has the names"},
			&cli.IntFlag{Name: "nearest", Value: 10, Usage: "images to find for each --search"},
			&cli.StringFlag{Name: "sheet", Usage: "draw what was found as the PNG `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print what was found as JSON"},
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
	if err := checkFeatures(c); err != nil {
		return err
	}
	layers, err := featureLayers(c)
	if err != nil {
		return err
	}
	progress := newBars(c)
	b, err := eval.OpenBackbone(eval.TrunkSource{
		Weights: c.String("weights"), Random: c.Bool("random-init"), Arch: c.String("arch"), Prefix: c.String("prefix"),
		Experiment: bareExperiment(c), Warn: progress.warn,
	})
	if err != nil {
		return err
	}
	defer b.Close()
	reading, widths, err := b.Reading(layers)
	if err != nil {
		return fmt.Errorf("--layers: %w", err)
	}
	p := &featurePass{c: c, backbone: reading, columns: featureColumns(layers, widths), progress: progress}
	if c.String("features") != "" {
		return p.searchFile()
	}
	return p.run()
}

// checkFeatures refuses flags that do not fit before a trunk is read.
func checkFeatures(c *cli.Context) error {
	needed := []string{"images"}
	switch {
	case c.String("features") != "":
		needed = []string{"search"}
	case !c.IsSet("search"):
		needed = append(needed, "out")
	}
	if err := given(c, needed...); err != nil {
		return err
	}
	if err := local("the weights", c.String("weights")); err != nil {
		return err
	}
	if err := checkFeatureFlags(c); err != nil {
		return err
	}
	return errors.Join(checkFeatureFiles(c), checkSearch(c))
}

// featureLayers reads --layers.
func featureLayers(c *cli.Context) (layers []config.Layer, err error) {
	for _, text := range strings.Split(c.String("layers"), ",") {
		l, err := config.ParseLayer(text)
		if err != nil {
			return nil, fmt.Errorf("--layers: %w", err)
		}
		if slices.Contains(layers, l) {
			return nil, fmt.Errorf("--layers: %q twice", l)
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// featureColumns names the layers in a file; where there is one, it needs no name of its own.
func featureColumns(layers []config.Layer, widths []int64) []featurefile.Column {
	columns := make([]featurefile.Column, len(layers))
	for i, l := range layers {
		columns[i].Name = l.String()
		if len(widths) > 0 {
			columns[i].Width = widths[i]
		}
	}
	if len(columns) == 1 {
		columns[0].Name = "features"
	}
	return columns
}

// checkFeatureFlags looks at the numbers before a trunk is read and its features are computed.
func checkFeatureFlags(c *cli.Context) error {
	if err := within(c, math.MaxInt, map[string]int{"size": 1, "batch": 1, "nearest": 1, "resize": 0, "workers": 0, "threads": 0}); err != nil {
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

// checkFeatureFiles looks at the files that features writes.
func checkFeatureFiles(c *cli.Context) error {
	out := c.String("out")
	if out == "" {
		return nil
	}
	layers, err := featureLayers(c)
	if err != nil {
		return err
	}
	inputs := []string{c.String("images"), c.String("weights")}
	whole := output{flag: "out", path: out, what: "a NumPy array, parquet or safetensors", endings: featurefile.Endings, inputs: inputs}
	if err := whole.check(); err != nil {
		return err
	}
	for _, path := range featurefile.Files(out, featureColumns(layers, nil)) {
		if filepath.Ext(path) != ".txt" {
			part := whole
			part.path = path
			if err := part.check(); err != nil {
				return err
			}
			continue
		}
		names := output{flag: "out", path: path, what: "text", endings: []string{".txt"}, inputs: inputs}
		if err := names.check(); err != nil {
			return fmt.Errorf("the names of the images go beside the features: %w", err)
		}
		_, noArray := os.Stat(featurefile.Files(out, featureColumns(layers, nil))[0])
		if _, err := os.Stat(path); err == nil && noArray != nil {
			return fmt.Errorf("--out %s: the names of the images would replace %s, which belongs to other features: choose another name, or move that file", out, path)
		}
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
