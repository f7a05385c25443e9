// SPDX-License-Identifier: MIT

package inputs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"seer/config"
	"seer/data/fetch"
	"seer/data/labelled"
	"seer/data/sampler"
	"seer/data/source"
	"seer/data/subset"
	"seer/internal/redact"
)

// Location says where the images of [data] are and how they are had. For another source under the same settings its path,
// kind and labels take their place, and members and windows do not apply.
func Location(d config.Data) source.Location {
	u := d.URLs
	return source.Location{
		Path: d.Source, Kind: d.Kind, Labels: d.Labels, Members: d.Members, Window: d.ShuffleWindow * d.ShuffleLanes,
		Cache:  source.Cache{Dir: d.Cache.Dir, Bytes: int64(d.Cache.Size)},
		Column: u.Column, URLs: fetch.DownloadOptions{
			Concurrency: u.Concurrency, PerHost: u.PerHost, Timeout: time.Duration(u.TimeoutSeconds * float64(time.Second)),
			MaxBytes: int64(u.MaxMB) << 20, AllowPrivate: u.AllowPrivate, IgnoreRobotsTag: !u.RespectRobotsTag, Contact: u.Contact,
		},
	}
}

// BadFraction is data.max_bad_fraction as the loader wants it: there 0 stands for a default, and here for none at all.
func BadFraction(share float64) float64 {
	if share == 0 {
		return -1
	}
	return share
}

// Order is the order of a pretraining run with a global batch of so many images: windows of shards, or everything shuffled.
func Order(src source.Source, d config.Data, batch int, seed uint64) (*sampler.Sampler, error) {
	if d.ShuffleWindow == 0 {
		s, err := Sampler(src, d.Subset, seed)
		if err != nil {
			return nil, fmt.Errorf("data.subset: %w", err)
		}
		return s, nil
	}
	shards, ok := src.(interface{ ShardImages() []int64 })
	if !ok {
		return nil, fmt.Errorf("data.shuffle_window = %d: only tar shards are read in windows, and data.source %s is something else; leave it out", d.ShuffleWindow, redact.URL(d.Source))
	}
	return sampler.Windowed(sampler.Windows{Shards: shards.ShardImages(), Size: d.ShuffleWindow, Lanes: d.ShuffleLanes, Batch: int64(batch)}, seed)
}

// Sampler draws from the subset of a source in an order that the seed decides.
func Sampler(src source.Source, s config.Subset, seed uint64) (*sampler.Sampler, error) {
	switch {
	case s.First > 0:
		return sampler.First(src.Len(), s.First, seed)
	case s.Balanced:
		return listed(src, seed, "fraction", func() ([]int64, error) { return subset.Balanced(src, s.Fraction, s.Seed) })
	case s.Fraction > 0:
		return sampler.Fraction(src.Len(), s.Fraction, s.Seed, seed)
	case s.Shots > 0:
		return listed(src, seed, "shots", func() ([]int64, error) { return subset.Shots(src, s.Shots, s.Seed) })
	case s.List != "":
		return listed(src, seed, "list", func() ([]int64, error) { return subset.Named(src, s.List) })
	}
	return sampler.New(src.Len(), seed), nil
}

// listed draws from a list of indices that a key of a subset means.
func listed(src source.Source, seed uint64, key string, choose func() ([]int64, error)) (*sampler.Sampler, error) {
	indices, err := choose()
	if err != nil {
		return nil, fmt.Errorf("subset.%s: %w", key, err)
	}
	return sampler.List(src.Len(), indices, seed)
}

// Labelled opens images with labels: a source of any kind, or a data set in the layout in which it is published, whose
// part for training or for validation is taken. Of PASCAL VOC these are trainval and test, as benchmarks have them.
func Labelled(ctx context.Context, d config.Data, path, kind string, validation bool) (source.Source, error) {
	if !slices.Contains(config.Layouts, kind) {
		spec := Location(d)
		spec.Path, spec.Kind, spec.Labels = path, kind, true
		spec.Window, spec.Members = 0, nil // are about data.source
		return source.OpenContext(ctx, spec)
	}
	split := map[bool]string{false: "train", true: "val"}
	if kind == "voc" {
		split = map[bool]string{false: "trainval", true: "test"}
	}
	set, err := labelled.Open(ctx, path, labelled.SetOptions{Kind: kind, Split: split[validation]})
	if err != nil {
		return nil, err // and no typed nil
	}
	return set, nil
}
