// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/data"
)

func dataCommand() *cli.Command {
	return &cli.Command{
		Name:  "data",
		Usage: "look at images before a run: check, count, list, show crops",
		Description: "A SOURCE is what data.source of an experiment may be: a folder, a list, tar shards, an IDX file, an index.\n" +
			"An experiment file in its place stands for its data.source and data.kind.",
		Subcommands: []*cli.Command{dataShowCommand(), dataVerifyCommand(), dataStatsCommand(), dataIndexCommand()},
	}
}

// sourceFlags choose a source beside the command's one argument.
func sourceFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of the source: " + strings.Join(data.Kinds, ", ")},
		&cli.BoolFlag{Name: "labels", Usage: "a class for every image: sub-folders, a list's labels, .cls or .json members"},
		setFlag(),
	}, more...)
}

// sourceSpec is the source that the command's one argument names.
func sourceSpec(c *cli.Context, b *bars) (data.SourceSpec, error) {
	if c.NArg() != 1 {
		return data.SourceSpec{}, fmt.Errorf("data %s takes one argument, a source or an experiment file; got %d", c.Command.Name, c.NArg())
	}
	spec := data.SourceSpec{Path: c.Args().First(), Kind: c.String("kind"), Labels: c.Bool("labels")}
	if strings.HasSuffix(spec.Path, ".toml") {
		e, err := config.Load(spec.Path, c.StringSlice("set"))
		if err != nil {
			return spec, err
		}
		spec.Path = e.Data.Source
		if !c.IsSet("kind") {
			spec.Kind = e.Data.Kind
		}
	}
	spec.Progress = func(p data.Progress) { b.update("listing "+spec.Path, p.Images, -1) }
	return spec, nil
}

// openSource lists the source of the command line, with progress.
func openSource(c *cli.Context, b *bars) (data.Source, error) {
	spec, err := sourceSpec(c, b)
	if err != nil {
		return nil, err
	}
	defer b.finish()
	return data.OpenContext(c.Context, spec)
}
