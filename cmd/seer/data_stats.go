// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"seer/internal/durable"
)

func dataStatsCommand() *cli.Command {
	return &cli.Command{
		Name:      "stats",
		Usage:     "histograms of image sizes, file sizes and classes",
		ArgsUsage: "SOURCE | FILE.toml",
		Description: "Reads headers and decodes nothing: much faster than verify, and blind for what is broken inside.\n\nExamples:\n" +
			"   seer data stats /data/images\n" +
			"   seer data stats --labels --svg sizes.svg imagenet/train",
		Flags: sourceFlags(
			&cli.IntFlag{Name: "workers", Usage: "goroutines that read; 0: one for each CPU, as data.workers = 0"},
			&cli.StringFlag{Name: "svg", Usage: "also draw the histograms into `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print the counts as one JSON line"},
		),
		Action: runDataStats,
	}
}

func runDataStats(c *cli.Context) error {
	drawing := output{flag: "svg", path: c.String("svg"), what: "SVG", endings: []string{".svg"}}
	report, err := runVerify(c, true, drawing)
	if report != nil {
		err = errors.Join(writeVerify(c, report), err)
	}
	if path := c.String("svg"); err == nil && path != "" {
		if err = durable.WriteFile(path, report.WriteSVG); err == nil {
			fmt.Fprintln(c.App.ErrWriter, "drawn in", path)
		}
	}
	return err
}
