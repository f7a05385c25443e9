// SPDX-License-Identifier: MIT

package main

import (
	"errors"
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
		Usage:     "draw runs' curves, probes and what they see as one HTML page",
		ArgsUsage: "RUN…",
		Description: "Works while a run goes on; several runs stand beside each other. The page needs no network and no other file.\n\nExamples:\n" +
			"   seer report runs/quickstart\n   seer report runs/quickstart --out /tmp/quickstart.html --svg figures/\n" +
			"   seer report runs/quickstart runs/x --out both.html",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the page; default report.html in the folder of the run, where there is one run"},
			&cli.StringFlag{Name: "svg", Usage: "also write each curve as an SVG file into this `FOLDER`"},
		},
		Action: runReport,
	}
}

func runReport(c *cli.Context) error {
	dirs := c.Args().Slice()
	if err := checkReport(c, dirs); err != nil {
		return err
	}
	page, err := readRuns(dirs)
	if err != nil {
		return err
	}
	path := c.String("out")
	if path == "" {
		path = filepath.Join(dirs[0], "report.html")
	}
	if err := durable.WriteFile(path, page.HTML); err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, path)
	if dir := c.String("svg"); dir != "" {
		return writeCurves(page.Runs, dir)
	}
	return nil
}

// checkReport looks at all that is asked for before any work.
func checkReport(c *cli.Context, dirs []string) error {
	if len(dirs) == 0 {
		return errors.New("report takes a run folder, or several; got none")
	}
	for _, dir := range dirs {
		if err := local("the run", dir); err != nil {
			return err
		}
	}
	if len(dirs) > 1 && c.String("out") == "" {
		return errors.New("--out is missing: name the page of several runs, such as --out report.html")
	}
	page := output{flag: "out", path: c.String("out"), what: "HTML", endings: []string{".html", ".htm"}, inputs: dirs}
	if err := page.checkGiven(c); err != nil {
		return err
	}
	if dir := c.String("svg"); dir != "" {
		if err := checkFolder(dir); err != nil {
			return fmt.Errorf("--svg %s: %w", dir, err)
		}
	}
	return nil
}

func readRuns(dirs []string) (*runreport.Page, error) {
	page := &runreport.Page{}
	for _, dir := range dirs {
		run, err := runreport.Read(dir)
		if err != nil {
			return nil, err
		}
		page.Runs = append(page.Runs, run)
	}
	return page, nil
}

func writeCurves(runs []*runreport.Run, dir string) error {
	for _, curve := range runreport.Curves {
		svg, err := curve.SVG(runs...)
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
