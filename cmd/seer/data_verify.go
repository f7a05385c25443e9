// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"seer/data/verify"
	"seer/internal/durable"
)

// errFindings is the exit status of a check that found something.
var errFindings = errors.New("the data have findings; training replaces what is corrupt, the rest is your choice")

func dataVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "read every image once and report what is wrong",
		ArgsUsage: "SOURCE | FILE.toml",
		Description: "Corrupt images by reason, exact duplicates by content, duplicates under different labels, images too small to\n" +
			"learn from, names that say another format than the bytes; then sizes, formats and classes. Nothing is changed.\n" +
			"Exit status 0: nothing found; 1: findings, or the check could not be made.\n\nExamples:\n" +
			"   seer data verify /data/images\n" +
			"   seer data verify --labels --list findings.jsonl 'shards/{0000..0127}.tar'\n" +
			"   seer data verify experiments/mine.toml --json",
		Flags: sourceFlags(
			&cli.IntFlag{Name: "workers", Usage: "goroutines that decode; 0: one for each CPU, as data.workers = 0"},
			&cli.IntFlag{Name: "min-side", Value: 32, Usage: "pixels; images whose shorter side is below are tiny"},
			&cli.StringFlag{Name: "list", Usage: "write the findings, a JSON line each, to `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print the counts as one JSON line"},
		),
		Action: runDataVerify,
	}
}

func runDataVerify(c *cli.Context) error {
	list := output{flag: "list", path: c.String("list"), what: "lines of JSON", endings: []string{".jsonl", ".json", ".ndjson", ".txt", ".log"}}
	report, err := runVerify(c, false, list)
	if report != nil {
		err = errors.Join(writeVerify(c, report), err)
	}
	if err == nil && !report.Clean() {
		err = errFindings
	}
	return err
}

// runVerify reads the source of the command line, or only its headers; out is what the command also writes, if its path
// is given. An interrupted check returns what it has.
func runVerify(c *cli.Context, headersOnly bool, out output) (report *verify.Report, err error) {
	least := map[string]int{"workers": 0}
	if !headersOnly {
		least["min-side"] = 0
	}
	if err := within(c, 1<<16, least); err != nil {
		return nil, err
	}
	b := newBars(c)
	spec, err := sourceSpec(c, b)
	if err != nil {
		return nil, err
	}
	out.inputs = []string{spec.Path, c.Args().First()}
	if err := out.checkGiven(c); err != nil {
		return nil, err
	}
	src, err := openSource(c, spec, b)
	if err != nil {
		return nil, err
	}
	defer sayCache(c, spec.Cache)
	defer src.Close()
	run := func(find func(verify.Finding)) error {
		report, err = verify.Run(c.Context, src, verify.CheckOptions{
			Workers: c.Int("workers"), MinSide: c.Int("min-side"), HeadersOnly: headersOnly, Find: find,
			Progress: func(done, total int64) { b.update("checking", done, total) },
		})
		b.finish()
		return err
	}
	path := c.String("list")
	if path == "" {
		err = run(nil)
		return report, err
	}
	err = durable.WriteFile(path, func(w io.Writer) error {
		lines := json.NewEncoder(w)
		var failed error
		err := run(func(f verify.Finding) { failed = errors.Join(failed, lines.Encode(f)) })
		return errors.Join(err, failed)
	})
	return report, err
}

func writeVerify(c *cli.Context, r *verify.Report) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	if err := r.WriteText(c.App.Writer); err != nil {
		return err
	}
	if path := c.String("list"); path != "" {
		fmt.Fprintf(c.App.Writer, "\nthe findings are listed in %s\n", path)
	}
	return nil
}
