// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/data/instances"
	"seer/data/loader"
	"seer/data/source"
	"seer/internal/durable"
	"seer/tasks/detect"
)

func detectPredictCommand() *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Usage:     "find objects in images: COCO's results, and pictures",
		ArgsUsage: "DIR",
		Description: "Looks for objects in the images of a folder, list or tar shards with a run of seer detect train, and writes a file of\n" +
			"results with boxes and masks. Images are numbered as --annotations numbers them, without by their order from 1, and\n" +
			"named in the file. With --pictures, each image is written there with boxes, masks and names over --score.\n\nExamples:\n" +
			"   seer detect predict photos --run runs/detector --out found.json --pictures figures\n" +
			"   seer detect predict /data/coco/val2017 --run runs/detector \\\n" +
			"      --annotations /data/coco/annotations/instances_val2017.json --out found.json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Aliases: []string{"r"}, Usage: "`RUN` of seer detect train, or one of its checkpoints"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the .json `FILE` of results"},
			&cli.StringFlag{Name: "annotations", Aliases: []string{"a"}, Usage: "a `FILE` that numbers the images, such as instances_val2017.json; others are left out"},
			&cli.StringFlag{Name: "pictures", Usage: "a `FOLDER` for pictures, PNG"},
			&cli.Float64Flag{Name: "score", Value: 0.5, Usage: "the least score of what is painted; the file has all from 0.05"},
			&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of the images: " + strings.Join(source.Kinds, ", ")},
			&cli.IntFlag{Name: "batch", Value: 1, Usage: "images at a time"},
			&cli.IntFlag{Name: "workers", Usage: "decoding goroutines; 0: one for each CPU, as data.workers = 0"},
			&cli.IntFlag{Name: "threads", Usage: "CPU threads of the network; 0: $OMP_NUM_THREADS, or one for each CPU, as run.threads = 0"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
			&cli.StringFlag{Name: "precision", Value: "fp32", Usage: "fp32, bf16 or fp16"},
			&cli.StringFlag{Name: "channels-last", Value: "auto", Usage: "memory format: auto, on or off"},
			&cli.Float64Flag{Name: "max-bad-fraction", Value: loader.DefaultMaxBadFraction, Usage: "fail when more images than this cannot be read"},
		},
		Action: runDetectPredict,
	}
}

func runDetectPredict(c *cli.Context) (err error) {
	if c.NArg() != 1 {
		return fmt.Errorf("detect predict takes one argument, the images; got %d", c.NArg())
	}
	if err := given(c, "run", "out"); err != nil {
		return err
	}
	if err := errors.Join(local("the run", c.String("run")), local("the annotations", c.String("annotations")),
		within(c, math.MaxInt, map[string]int{"batch": 1, "workers": 0, "threads": 0})); err != nil {
		return err
	}
	out := output{flag: "out", path: c.String("out"), what: "JSON", endings: []string{".json"}, inputs: []string{c.Args().First(), c.String("run"), c.String("annotations")}}
	if err := out.check(); err != nil {
		return err
	}
	var truth *instances.Dataset
	if path := c.String("annotations"); path != "" {
		if truth, err = instances.Open(path); err != nil {
			return err
		}
	}
	progress := newBars(c)
	m, err := detect.OpenModel(c.String("run"), bareExperiment(c), progress.warn)
	if err != nil {
		return err
	}
	defer m.Close()
	src, err := source.OpenContext(c.Context, source.Location{Path: c.Args().First(), Kind: c.String("kind")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	p := &painter{Context: c, model: m, source: src}
	if truth != nil {
		if p.ids = detect.Numbered(src, truth); len(p.ids) == 0 {
			return fmt.Errorf("--annotations %s: none of its %d images is among the %d of %s", c.String("annotations"), len(truth.Images), src.Len(), c.Args().First())
		}
	}
	err = durable.WriteFile(c.String("out"), func(w io.Writer) error { return detect.WriteResults(w, p.find) })
	progress.finish()
	if err == nil {
		_, err = fmt.Fprintf(c.App.Writer, "%s: %d objects in %d images\n", c.String("out"), p.objects, p.images)
	}
	return err
}

// painter writes what is found in images.
type painter struct {
	*cli.Context
	model           *detect.Model
	source          source.Source
	ids             map[int64]int64 // nil: images have their places as numbers
	images, objects int
}

// find hands on all that is found, and paints it.
func (p *painter) find(add func(detect.Result) error) error {
	bad := p.Float64("max-bad-fraction")
	if bad == 0 {
		bad = -1
	}
	im := detect.Images{Source: p.source, Batch: p.Int("batch"), Workers: p.Int("workers"), MaxBadFraction: bad,
		OnBad: func(b loader.Bad) { fmt.Fprintf(p.App.ErrWriter, "left out: %s (%s)\n", b.Name, b.Reason) }}
	return p.model.Find(p.Context.Context, im, func(index int64, _, _ int, found []detect.Found) error {
		id, known := p.ids[index]
		if p.ids != nil && !known {
			return nil
		}
		if p.ids == nil {
			id = index + 1
		}
		p.images++
		for _, f := range found {
			p.objects++
			if err := add(p.model.Result(id, p.source.Name(index), f)); err != nil {
				return err
			}
		}
		return p.paint(index, found)
	})
}

// paint writes the picture of an image, if pictures are asked for.
func (p *painter) paint(index int64, found []detect.Found) error {
	folder := p.String("pictures")
	if folder == "" {
		return nil
	}
	var sure []detect.Found
	for _, f := range found {
		if f.Score >= p.Float64("score") {
			sure = append(sure, f)
		}
	}
	picture, err := p.model.Picture(p.Context.Context, p.source, index, sure)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Clean("/"+p.source.Name(index)), filepath.Ext(p.source.Name(index))) + ".png"
	path := filepath.Join(folder, name) // a name from an archive stays below the folder
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(path, func(w io.Writer) error { return png.Encode(w, picture) })
}
