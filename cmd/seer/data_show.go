// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"image/png"
	"io"

	"github.com/urfave/cli/v2"

	"seer/data/contact"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/source"
	"seer/inputs"
	"seer/internal/durable"
)

func dataShowCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "write a contact sheet of an experiment's crops: what the network sees",
		ArgsUsage: "FILE.toml",
		Description: "A row an image: the image itself with a frame where each crop was cut, then its crops with their colours and\n" +
			"blur, as the run would feed them.\n" +
			"The images are the first of the run's order, or those that follow another number of images.\n\nExamples:\n" +
			"   seer data show experiments/quickstart.toml --out crops.png\n" +
			"   seer data show experiments/swav_in1k.toml --set data.source=/data/images --images 16 --from 1000000",
		Flags: []cli.Flag{
			setFlag(),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Value: "crops.png", Usage: "the PNG `FILE`"},
			&cli.IntFlag{Name: "images", Aliases: []string{"n"}, Value: 8, Usage: "rows"},
			&cli.Int64Flag{Name: "from", Usage: "images of the run's order to pass over; a later epoch has other crops"},
		},
		Action: runDataShow,
	}
}

func runDataShow(c *cli.Context) error {
	e, err := loadExperiment(c)
	if err != nil {
		return err
	}
	if n := c.Int("images"); n < 1 || n > 1000 {
		return fmt.Errorf("--images %d: allowed are 1 to 1000", n)
	}
	if c.Int64("from") < 0 {
		return fmt.Errorf("--from %d: must be at least 0", c.Int64("from"))
	}
	out := output{flag: "out", path: c.String("out"), what: "PNG", endings: []string{".png"}, inputs: []string{c.Args().First(), e.Data.Source}}
	if err := out.check(); err != nil {
		return err
	}
	if err := checkViews(e, c.Int("images")); err != nil {
		return err
	}
	src, err := source.OpenContext(c.Context, inputs.Location(e.Data))
	if err != nil {
		return err
	}
	defer src.Close()
	sayListing(c, source.ListingOf(src))
	if err := out.checkImages(src, e.Data.Source); err != nil {
		return err
	}
	order, err := inputs.Order(src, e.Data, e.Optim.Batch, e.Run.Seed)
	if err != nil {
		return err
	}
	sheet, err := contact.Draw(c.Context, loader.BatchOptions{
		Source: src, Sampler: order, Crops: e.Views(), Decode: jpeg.DecodeOptions{Orient: e.Data.EXIFOrientation},
		Seed: e.Run.Seed, Batch: c.Int("images"), StartPosition: c.Int64("from"), MaxBadFraction: 1,
	})
	if err != nil {
		return err
	}
	err = durable.WriteFile(c.String("out"), func(w io.Writer) error { return png.Encode(w, sheet) })
	if err == nil {
		fmt.Fprintln(c.App.Writer, c.String("out"))
	}
	return err
}
