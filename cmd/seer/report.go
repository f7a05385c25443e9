// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"seer/internal/durable"
	runreport "seer/report"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "draw a run's curves and probes as one HTML page",
		ArgsUsage: "RUN",
		Description: "Works while the run goes on. The page needs no network and no other file.\n\nExamples:\n" +
			"   seer report runs/quickstart\n   seer report runs/quickstart --out /tmp/quickstart.html --svg figures/",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the page; default report.html in the run folder"},
			&cli.StringFlag{Name: "svg", Usage: "also write each curve as an SVG file into this `FOLDER`"},
		},
		Action: runReport,
	}
}

func runReport(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("report takes one run folder, got %d arguments", c.NArg())
	}
	if err := local("the run", c.Args().First()); err != nil {
		return err
	}
	page := output{flag: "out", path: c.String("out"), what: "HTML", endings: []string{".html", ".htm"}, inputs: []string{c.Args().First()}}
	if err := page.checkGiven(c); err != nil {
		return err
	}
	if dir := c.String("svg"); dir != "" {
		if err := checkFolder(dir); err != nil {
			return fmt.Errorf("--svg %s: %w", dir, err)
		}
	}
	run, err := runreport.Read(c.Args().First())
	if err != nil {
		return err
	}
	path := c.String("out")
	if path == "" {
		path = filepath.Join(run.Dir, "report.html")
	}
	if err := durable.WriteFile(path, run.HTML); err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, path)
	if dir := c.String("svg"); dir != "" {
		return writeCurves(run, dir)
	}
	return nil
}

func writeCurves(run *runreport.Run, dir string) error {
	for _, curve := range runreport.Curves {
		svg, err := curve.SVG(run.Lines)
		if err != nil {
			return err
		}
		if svg == nil {
			continue
		}
		err = durable.WriteFile(filepath.Join(dir, curve.Key+".svg"), func(w io.Writer) error {
			_, err := w.Write(svg)
			return err
		})
		if err != nil {
			return fmt.Errorf("%w; does the folder exist?", err)
		}
	}
	return nil
}
