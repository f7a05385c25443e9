// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
	"seer/internal/redact"
)

// dataImages is how many random images of a source are read and decoded.
const dataImages = 32

func checkData(ctx context.Context, c *cli.Context) finding {
	const what = "data"
	path := c.String("data")
	begin := time.Now()
	src, err := source.OpenContext(ctx, source.Location{Path: path, Kind: c.String("kind")})
	if err != nil {
		return failed(what, err, "name a folder, a list of files, tar shards or an IDX file: --data PATH, --kind KIND")
	}
	defer src.Close()
	opened := time.Since(begin)
	n := min(dataImages, src.Len())
	bad, took, err := decodeSome(ctx, src, n)
	if err != nil {
		return failed(what, err, "look at the source: too few of its images can be decoded")
	}
	f := finding{what: what, text: fmt.Sprintf("%s: %d images, listed in %.1f s; %d random ones decoded at %.0f images/s on one core",
		redact.URL(path), src.Len(), opened.Seconds(), n-int64(len(bad)), float64(n)/took.Seconds())}
	if len(bad) > 0 {
		f.bad = 2*len(bad) > int(n)
		f.advice = fmt.Sprintf("%d of %d cannot be used, for example %s (%s: %v); training replaces such images, up to data.max_bad_fraction",
			len(bad), n, bad[0].Name, bad[0].Reason, bad[0].Err)
	}
	return f
}

// decodeSome decodes n random images in one goroutine, as the loader would for an evaluation at 224 pixels.
func decodeSome(ctx context.Context, src source.Source, n int64) (bad []loader.Bad, took time.Duration, err error) {
	order := sampler.New(src.Len(), 0)
	chosen := make([]int64, n)
	for i := range chosen {
		chosen[i] = order.At(0, int64(i))
	}
	some, err := sampler.List(src.Len(), chosen, 0)
	if err != nil {
		return nil, 0, err
	}
	begin := time.Now()
	l, err := loader.New(ctx, loader.BatchOptions{
		Source: src, Sampler: some, Crops: augment.Eval(256, 224), Decode: jpeg.DecodeOptions{Orient: true}, Sequential: true,
		Batch: 8, Workers: 1, MaxBadFraction: 1, OnBad: func(b loader.Bad) { bad = append(bad, b) },
	})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for _, err := range l.All(ctx) {
		if err != nil {
			return nil, 0, err
		}
	}
	return bad, time.Since(begin), nil
}
