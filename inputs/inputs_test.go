// SPDX-License-Identifier: MIT

package inputs

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data"
	"seer/data/augment"
	"seer/data/datatest"
)

func TestSamplerTakesTheSubset(t *testing.T) {
	src, err := data.Open(data.SourceSpec{Path: datatest.Folder(t, 8, "ape", "owl"), Labels: true})
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

func TestSpecIsTheSection(t *testing.T) {
	require.Equal(t, data.SourceSpec{Path: "a.tar", Kind: "tar", Cache: data.Cache{Dir: "cache", Bytes: 2e9}},
		Spec(config.Data{Source: "a.tar", Kind: "tar", Cache: config.Cache{Dir: "cache", Size: 2e9}}))
}

func TestSubsetListErrors(t *testing.T) {
	src, err := data.Open(data.SourceSpec{Path: datatest.Folder(t, 2)})
	require.NoError(t, err)
	defer src.Close()
	list := filepath.Join(t.TempDir(), "list.txt")
	_, err = Sampler(src, config.Subset{List: list}, 1)
	require.ErrorContains(t, err, "subset.list")
	datatest.Write(t, list, []byte("00000.jpg\nnone.jpg\n"))
	_, err = Sampler(src, config.Subset{List: list}, 1)
	require.ErrorContains(t, err, `1 of its names are not in the source, "none.jpg"`)
}

func TestBadFractionZeroAllowsNone(t *testing.T) {
	require.Equal(t, -1., BadFraction(0))
	require.Equal(t, .25, BadFraction(.25))
}

func TestCropsShareColours(t *testing.T) {
	spec := Crops(
		[]config.Crop{{Count: 2, Size: 224, Scale: [2]float64{.14, 1}}, {Count: 4, Size: 96, Scale: [2]float64{.05, .14}}},
		config.Augment{Flip: .5, Gray: .2,
			Jitter: config.Jitter{P: .8, Brightness: .8, Contrast: .8, Saturation: .8, Hue: .2},
			Blur:   config.Blur{P: .5, Sigma: [2]float64{.1, 2}}})
	require.Equal(t, augment.SEER(), spec)
}
