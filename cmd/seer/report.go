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
		Description: "Works while a run goes on; several runs stand beside each other. The page needs no network and no other file.\n" +
			"--images adds a map of the features of some images, and the nearest neighbours of a few of them.\n" +
			"--watch serves the page on this machine alone while the runs go on, in place of a file.\n\nExamples:\n" +
			"   seer report runs/quickstart\n   seer report runs/quickstart --out /tmp/quickstart.html --svg figures/\n" +
			"   seer report runs/quickstart runs/x --out both.html\n" +
			"   seer report runs/x --images photos --size 32 --out seen.html",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the page; default report.html in the folder of the run, where there is one run"},
			&cli.StringFlag{Name: "svg", Usage: "also write each curve as an SVG file into this `FOLDER`"},
			&cli.BoolFlag{Name: "watch", Usage: "serve the page on 127.0.0.1, drawn anew for each look at it"},
			&cli.IntFlag{Name: "port", Value: 8787, Usage: "of --watch; 0: any that is free"},
			&cli.StringFlag{Name: "images", Usage: "show what the run sees of these: a folder, list, tar shards or IDX file"},
			&cli.IntFlag{Name: "size", Value: 224, Usage: "side of the centre crop that the trunk sees of --images, pixels"},
		},
		Action: runReport,
	}
}

func runReport(c *cli.Context) error {
	dirs := c.Args().Slice()
	if err := checkReport(c, dirs); err != nil {
		return err
	}
	if c.Bool("watch") {
		return watchRuns(c, dirs)
	}
	page, err := readRuns(dirs)
	if err != nil {
		return err
	}
	if c.String("images") != "" {
		if page.Pictures, err = seenPictures(c, dirs[0]); err != nil {
			return err
		}
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
	if err := checkReportFlags(c, dirs); err != nil {
		return err
	}
	if len(dirs) > 1 && c.String("out") == "" && !c.Bool("watch") {
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

// checkReportFlags refuses flags that do not fit together.
func checkReportFlags(c *cli.Context, dirs []string) error {
	for _, flag := range []string{"out", "svg", "images"} {
		if c.Bool("watch") && c.String(flag) != "" {
			return fmt.Errorf("--watch writes no file: leave --%s away", flag)
		}
	}
	if c.IsSet("port") && !c.Bool("watch") {
		return errors.New("--port is about --watch, which serves the page")
	}
	if c.IsSet("size") && c.String("images") == "" {
		return errors.New("--size is about --images, whose features it is for")
	}
	if c.String("images") != "" && len(dirs) > 1 {
		return errors.New("--images are seen by one run: name one")
	}
	return errors.Join(within(c, 1<<16-1, map[string]int{"port": 0}), within(c, 1<<12, map[string]int{"size": 8}))
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
