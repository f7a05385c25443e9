// SPDX-License-Identifier: MIT

package inputs

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/data/fetch"
	"seer/data/source"
)

func TestSamplerTakesTheSubset(t *testing.T) {
	src, err := source.Open(source.Location{Path: datatest.Folder(t, 8, "ape", "owl"), Labels: true})
	require.NoError(t, err)
	defer src.Close()
	list := filepath.Join(t.TempDir(), "list.txt")
	datatest.Write(t, list, []byte("owl/00001.jpg\n\nape/00004.jpg\n"))
	for name, c := range map[string]struct {
		subset config.Subset
		want   int64
	}{
		"everything": {config.Subset{}, 8},
		"the first":  {config.Subset{First: 3}, 3},
		"a fraction": {config.Subset{Fraction: .5, Seed: 1}, 4},
		"balanced":   {config.Subset{Fraction: .5, Balanced: true, Seed: 1}, 4},
		"shots":      {config.Subset{Shots: 1}, 2},
		"some names": {config.Subset{List: list}, 2},
	} {
		s, err := Sampler(src, c.subset, 1)
		require.NoError(t, err, name)
		require.Equal(t, c.want, s.Len(), name)
		require.EqualValues(t, 8, s.Total(), name)
	}
	s, err := Sampler(src, config.Subset{List: list}, 1)
	require.NoError(t, err)
	var names []string
	for k := range s.Len() {
		names = append(names, src.Name(s.Sequential(k)))
	}
	require.Equal(t, []string{"ape/00004.jpg", "owl/00001.jpg"}, names, "in the order of the source")
}

// With a window, the images of a shard are seen together, and those of other sources are refused.
func TestOrderInWindows(t *testing.T) {
	d := config.Data{Source: datatest.Shards(t, 4, 10, 2), ShuffleWindow: 10, ShuffleLanes: 1}
	src, err := source.Open(Location(d))
	require.NoError(t, err)
	defer src.Close()
	s, err := Order(src, d, 8, 1)
	require.NoError(t, err)
	for pos := range s.Len() {
		require.Equal(t, s.At(0, pos/10*10)/10, s.At(0, pos)/10, "a window is a shard here")
	}
	folder, err := source.Open(source.Location{Path: datatest.Folder(t, 8)})
	require.NoError(t, err)
	defer folder.Close()
	_, err = Order(folder, config.Data{Source: "photos", ShuffleWindow: 10, ShuffleLanes: 1}, 8, 1)
	require.ErrorContains(t, err, "data.shuffle_window = 10: only tar shards are read in windows, and data.source photos is something else")
}

func TestSubsetListErrors(t *testing.T) {
	src, err := source.Open(source.Location{Path: datatest.Folder(t, 2)})
	require.NoError(t, err)
	defer src.Close()
	list := filepath.Join(t.TempDir(), "list.txt")
	_, err = Sampler(src, config.Subset{List: list}, 1)
	require.ErrorContains(t, err, "subset.list")
	datatest.Write(t, list, []byte("00000.jpg\nnone.jpg\n"))
	_, err = Sampler(src, config.Subset{List: list}, 1)
	require.ErrorContains(t, err, `1 of its names are not in the source, "none.jpg"`)
}

// The defaults of the file are those of the library: commands without a file behave alike.
func TestSpec(t *testing.T) {
	d := config.Default().Data
	want := fetch.Defaults
	want.MaxRedirects, want.Retries = 0, 0 // these have no key, and zero stands for them
	require.Equal(t, source.Location{Kind: "auto", URLs: want}, Location(d))
	d.Members = config.Patterns{"jpg"}
	d.Source, d.Kind, d.Labels, d.URLs = "l.parquet", "urls", true, config.URLs{TimeoutSeconds: .5, MaxMB: 3, AllowPrivate: true, Contact: "me", Column: "link"}
	d.Cache, d.ShuffleWindow, d.ShuffleLanes = config.Cache{Dir: "cache", Size: 2e9}, 100, 4
	require.Equal(t, source.Location{Path: "l.parquet", Kind: "urls", Labels: true, Members: []string{"jpg"}, Window: 400, Cache: source.Cache{Dir: "cache", Bytes: 2e9}, Column: "link", URLs: fetch.DownloadOptions{
		Timeout: 500 * time.Millisecond, MaxBytes: 3 << 20, AllowPrivate: true, IgnoreRobotsTag: true, Contact: "me",
	}}, Location(d))
}

func TestBadFractionZeroAllowsNone(t *testing.T) {
	require.Equal(t, -1., BadFraction(0))
	require.Equal(t, .25, BadFraction(.25))
}

func TestMembersAreThoseOfTheOrder(t *testing.T) {
	src, err := source.Open(source.Location{Path: datatest.Folder(t, 8, "ape", "owl"), Labels: true})
	require.NoError(t, err)
	defer src.Close()
	order, err := Sampler(src, config.Subset{First: 5}, 1)
	require.NoError(t, err)
	members, err := Members(src, order)
	require.NoError(t, err)
	require.Equal(t, [][]int64{{0, 1, 2, 3}, {4}}, members)
}

// A validation folder may lack a class, and number those behind it differently.
func TestClassesAreAlignedByTheirNames(t *testing.T) {
	require.Equal(t, []int64{1, 2, -1}, AlignClasses([]string{"ape", "bee", "owl"}, []string{"bee", "owl", "yak"}))
}
