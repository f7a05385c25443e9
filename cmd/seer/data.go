// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/data/source"
	"seer/inputs"
	"seer/internal/redact"
)

func dataCommand() *cli.Command {
	return &cli.Command{
		Name:  "data",
		Usage: "look at images before a run: check, count, list, show crops",
		Description: "A SOURCE is what data.source of an experiment may be: a folder, a list, tar shards, an IDX file, a list of URLs,\n" +
			"an index. An experiment file in its place stands for its data.source, data.kind and data.urls.",
		Subcommands: []*cli.Command{dataShowCommand(), dataVerifyCommand(), dataStatsCommand(), dataIndexCommand()},
	}
}

// sourceFlags choose a source beside the command's one argument.
func sourceFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "kind", Value: "auto", Usage: "kind of the source: " + strings.Join(source.Kinds, ", ")},
		&cli.BoolFlag{Name: "labels", Usage: "a class for every image: sub-folders, a list's labels, .cls or .json members"},
		&cli.StringFlag{Name: "cache", Usage: "keep what is read of shards that are URLs in `DIR`"},
		&cli.StringFlag{Name: "cache-size", Usage: "the most that the cache may take, such as 200GB"},
		setFlag(),
	}, more...)
}

// sourceSpec is the source that the command's one argument names.
func sourceSpec(c *cli.Context, b *bars) (source.Location, error) {
	if c.NArg() != 1 {
		return source.Location{}, fmt.Errorf("data %s takes one argument, a source or an experiment file; got %d", c.Command.Name, c.NArg())
	}
	e, err := sourceExperiment(c.Args().First(), c.StringSlice("set"))
	if err != nil {
		return source.Location{}, err
	}
	spec := inputs.Location(e.Data)
	spec.Labels = spec.Labels || c.Bool("labels")
	if c.IsSet("kind") {
		spec.Kind = c.String("kind")
	}
	if err := cacheFlags(c, &spec.Cache); err != nil {
		return spec, err
	}
	spec.Progress = func(p source.Progress) { b.update("listing "+redact.URL(spec.Path), p.Images, -1) }
	return spec, nil
}

// sourceExperiment is the experiment in a file, or the default one about a source.
func sourceExperiment(path string, sets []string) (*config.Experiment, error) {
	if strings.HasSuffix(path, ".toml") {
		return config.Load(path, sets)
	}
	e := config.Default()
	e.Data.Source = path
	return e, e.Set(sets)
}

// cacheFlags lays the flags over the cache of an experiment file.
func cacheFlags(c *cli.Context, cache *source.Cache) error {
	if c.IsSet("cache") {
		cache.Dir = c.String("cache")
	}
	if c.IsSet("cache-size") {
		size, err := config.ParseBytes(c.String("cache-size"))
		if err != nil {
			return fmt.Errorf("--cache-size: %w", err)
		}
		cache.Bytes = int64(size)
	}
	switch {
	case cache.Dir != "" && cache.Bytes == 0:
		return fmt.Errorf("--cache %s: say how much of the disk it may take, such as --cache-size 200GB", cache.Dir)
	case cache.Dir == "" && cache.Bytes != 0:
		return fmt.Errorf("--cache-size without --cache: name the cache's folder")
	}
	return nil
}

// sayCache tells what a cache was good for, if there is one and anything was far away.
func sayCache(c *cli.Context, cache source.Cache) {
	if s := cache.Stats(); s.Hits+s.Misses > 0 {
		fmt.Fprintf(c.App.ErrWriter, "cache %s: %v\n", cache.Dir, s)
	}
}

// openSource lists a source with progress.
func openSource(c *cli.Context, spec source.Location, b *bars) (source.Source, error) {
	defer b.finish()
	return source.OpenContext(c.Context, spec)
}

// sayListing tells what was left out of a source.
func sayListing(c *cli.Context, l source.Listing) {
	if said := l.String(); said != "" {
		fmt.Fprintln(c.App.ErrWriter, said)
	}
}
