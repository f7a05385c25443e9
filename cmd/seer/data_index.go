// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"seer/data/source"
	"time"

	"github.com/urfave/cli/v2"
)

func dataIndexCommand() *cli.Command {
	return &cli.Command{
		Name:      "index",
		Usage:     "list a large source once, into a file that opens in milliseconds",
		ArgsUsage: "SOURCE | FILE.toml",
		Description: "Writes paths, offsets, lengths and labels; the result stands for the source: data.source = \"images.seeridx\".\n" +
			"Needs little memory for any number of images. With --shards each tar shard gets an index of its own beside it,\n" +
			"which every later run uses.\n\nExamples:\n" +
			"   seer data index /data/images --out images.seeridx\n" +
			"   seer data index --labels imagenet/train --out train.seeridx\n" +
			"   seer data index 'shards/{0000..0127}.tar' --shards --out all.seeridx\n" +
			"   seer data index 's3://bucket/{0000..0127}.tar' --out far.seeridx --cache /scratch/seer --cache-size 500GB",
		Flags: sourceFlags(
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the index `FILE`, by custom *.seeridx"},
			&cli.BoolFlag{Name: "sort", Usage: "order by name: for lists whose order is arbitrary"},
			&cli.IntFlag{Name: "memory", Value: 256, Usage: "MiB that sorting may take"},
			&cli.BoolFlag{Name: "shards", Usage: "also write <shard>.seeridx beside each tar shard"},
		),
		Action: runDataIndex,
	}
}

func runDataIndex(c *cli.Context) error {
	if err := within(c, 1<<24, map[string]int{"memory": 1}); err != nil {
		return err
	}
	if err := given(c, "out"); err != nil {
		return err
	}
	b := newBars(c)
	defer b.finish()
	spec, err := sourceSpec(c, b)
	if err != nil {
		return err
	}
	out := output{flag: "out", path: c.String("out"), what: "an index", endings: []string{".seeridx"}, inputs: []string{spec.Path, c.Args().First()}}
	if err := out.check(); err != nil {
		return err
	}
	spec.WriteIndex = c.Bool("shards")
	start := time.Now()
	var said source.Listing
	n, err := source.BuildIndex(c.Context, spec, out.path, source.IndexOptions{Sort: c.Bool("sort"), Memory: c.Int("memory") << 20, Listed: func(l source.Listing) { said = l }})
	if err != nil {
		return err
	}
	b.finish()
	sayListing(c, said)
	sayCache(c, spec.Cache)
	st, err := os.Stat(out.path)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "%s: %d images in %d bytes, %.1f an image, %.1f s\n", out.path, n, st.Size(), float64(st.Size())/float64(n), time.Since(start).Seconds())
	return nil
}
