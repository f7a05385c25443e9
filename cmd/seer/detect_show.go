// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/internal/durable"
	"seer/tasks/detect"
)

func detectShowCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "write what a detector learns from: images as the network sees them, with their objects",
		ArgsUsage: "FILE.toml",
		Description: "Resizes, jitters and mirrors the first images of the run's order as seer detect train would, and paints the boxes, masks\n" +
			"and names that are learned. A PNG an image, numbered.\n\nExamples:\n" +
			"   seer detect show experiments/detect_coco_regnety_4gf_lsj.toml --out figures --images 2",
		Flags: []cli.Flag{
			setFlag(),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the `FOLDER`"},
			&cli.IntFlag{Name: "images", Aliases: []string{"n"}, Value: 8, Usage: "how many"},
		},
		Action: runDetectShow,
	}
}

func runDetectShow(c *cli.Context) error {
	e, err := loadExperiment(c)
	if err != nil {
		return err
	}
	if err := given(c, "out"); err != nil {
		return err
	}
	if err := within(c, 1000, map[string]int{"images": 1}); err != nil {
		return err
	}
	if _, err := e.Validate(config.Detection); err != nil {
		return err
	}
	if err := e.CheckData(config.Detection); err != nil {
		return err
	}
	if err := os.MkdirAll(c.String("out"), 0o755); err != nil {
		return err
	}
	number := 0
	return detect.Show(c.Context, e, c.Int("images"), func(s detect.Shown) error {
		path := filepath.Join(c.String("out"), fmt.Sprintf("%03d.png", number))
		number++
		if err := durable.WriteFile(path, func(w io.Writer) error { return png.Encode(w, s.Picture) }); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.App.Writer, "%s: %s, %d × %d, %d objects\n", path, s.Name, s.Picture.Bounds().Dx(), s.Picture.Bounds().Dy(), s.Objects)
		return err
	})
}
