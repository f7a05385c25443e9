// SPDX-License-Identifier: MIT

package recipe_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/data/source"
	"seer/recipe"
)

var (
	laptop = recipe.Machine{CPUs: 2, Memory: 16 << 30}
	gpu    = recipe.Machine{CPUs: 16, Memory: 128 << 30, GPU: true}
)

// look is what n images with a shorter side of so many pixels are like.
func look(n int64, side int, gray float64) recipe.Look {
	return recipe.Look{Images: n, Sample: 256, ShortSide: [3]int{side / 2, side, 2 * side}, Gray: gray, Mean: [3]float64{.5, .4, .3}, Std: [3]float64{.2, .2, .2}}
}

// Whatever the images are, the file is read and found in order, and nothing in it is warned of.
func TestRecipesAreExperimentsWithoutWarnings(t *testing.T) {
	for _, m := range []recipe.Machine{laptop, gpu} {
		for _, n := range []int64{1, 2, 30, 800, 5_000, 50_000, 1_281_167, 1_000_000_000} {
			for _, side := range []int{1, 20, 32, 64, 300, 4000} {
				r := recipe.Choose(look(n, side, 0), m)
				r.Fit(200, 3600)
				var text bytes.Buffer
				require.NoError(t, r.Write(&text, `C:\my "images"`, "folder"))
				path := filepath.Join(t.TempDir(), "mine.toml")
				require.NoError(t, os.WriteFile(path, text.Bytes(), 0o644))
				e, err := config.Load(path, nil)
				require.NoError(t, err, text.String())
				require.Equal(t, `C:\my "images"`, e.Data.Source)
				warnings, err := e.Validate(config.Pretrain)
				require.NoError(t, err, text.String())
				require.Empty(t, warnings, "%d images of %d: %s", n, side, text.String())
			}
		}
	}
}

func TestChoices(t *testing.T) {
	tiny := recipe.Choose(look(50_000, 32, 0), laptop)
	assert.Equal(t, recipe.Tiny, tiny.Arch)
	assert.Equal(t, []int{32, 0, 256, 100, 0}, []int{tiny.Size, tiny.Small, tiny.Batch, tiny.Prototypes, tiny.Queue})
	photographs := recipe.Choose(look(800, 500, 0), laptop)
	assert.Equal(t, "regnet_y_200mf", photographs.Arch)
	assert.Equal(t, []int{64, 64}, []int{photographs.Size, photographs.Batch})
	assert.Equal(t, 8, recipe.Choose(look(30, 500, 0), laptop).Batch)
	large := recipe.Choose(look(1_281_167, 400, 0), gpu)
	assert.Equal(t, []int{224, 96}, []int{large.Size, large.Small})
	assert.Equal(t, "regnet_y_8gf", large.Arch)
	large.Fit(1000, 8*3600)
	assert.EqualValues(t, 8*3600, large.Steps)
	assert.InDelta(t, 8*3600, large.Took, 2000)

	var grey bytes.Buffer
	x := recipe.Choose(look(5_000, 1000, 1), laptop)
	require.NoError(t, x.Write(&grey, "x", "auto"))
	assert.Contains(t, grey.String(), "saturation = 0.0, hue = 0.0")
	assert.NotContains(t, grey.String(), "auto")
}

// A run too short for its images gets cheaper steps, and more of them: smaller crops, then smaller batches, never less than
// what learns.
func TestShortRunsAreMadeLighter(t *testing.T) {
	r := recipe.Choose(look(20_000, 64, 0), laptop)
	assert.Equal(t, []any{64, "regnet_y_200mf", 256}, []any{r.Size, r.Arch, r.Batch})
	assert.False(t, r.Lighter(100, 80), "800 steps fit")
	var seen [][]any
	for r.Lighter(2000, 80) {
		seen = append(seen, []any{r.Size, r.Arch, r.Batch, r.Queue > 0})
	}
	assert.Equal(t, [][]any{{32, recipe.Tiny, 256, false}, {32, recipe.Tiny, 128, false}, {32, recipe.Tiny, 64, true}}, seen)
	r.Fit(100, 80)
	assert.EqualValues(t, 800, r.Steps)
	assert.InDelta(t, 80, r.Took, 1)

	few := recipe.Choose(look(30, 500, 0), laptop)
	few.Fit(10, 36_000)
	assert.EqualValues(t, 3000, few.Steps, "800 epochs")
	one := recipe.Choose(look(1, 500, 0), laptop)
	one.Fit(10, 36_000)
	assert.EqualValues(t, 100, one.Steps)
}

// Reading counts: beside the computation on a CPU, under it on a GPU.
func TestTheTimeOfReadingCounts(t *testing.T) {
	l := look(50_000, 4000, 0)
	l.ReadMs = 2
	r := recipe.Choose(l, laptop)
	r.Fit(488, 1000)
	assert.EqualValues(t, 1000, r.Steps)
	l.ReadMs = 10
	slow := recipe.Choose(l, laptop)
	assert.True(t, slow.Lighter(2000, 80))
	assert.Equal(t, []int{64, 128}, []int{slow.Size, slow.Batch}, "a lighter trunk would only wait for its images")
	l.ReadMs = 2
	r = recipe.Choose(l, gpu)
	r.Fit(500, 1024)
	assert.EqualValues(t, 2000, r.Steps)
}

// Sizes, colour and statistics are those of the images.
func TestSeeLooksAtImages(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, filepath.Join(dir, "broken.jpg"), []byte("no image"))
	for i, name := range []string{"a.png", "b.png", "c.png"} {
		datatest.Write(t, filepath.Join(dir, name), datatest.PNG(100+i, 60+10*i, uint64(i)))
	}
	src, err := source.Open(source.Location{Path: dir})
	require.NoError(t, err)
	defer src.Close()
	l, err := recipe.See(t.Context(), src, true)
	require.NoError(t, err)
	assert.EqualValues(t, 4, l.Images)
	assert.Equal(t, 1, l.Bad)
	assert.Equal(t, [3]int{60, 70, 80}, l.ShortSide)
	assert.Zero(t, l.Gray)
	for c := range 3 {
		assert.Greater(t, l.Mean[c], 0.)
		assert.Less(t, l.Mean[c], 1.)
		assert.Greater(t, l.Std[c], 0.)
	}
	idx, err := source.Open(source.Location{Path: datatest.MNIST(t, 20, false), Kind: "idx"})
	require.NoError(t, err)
	defer idx.Close()
	l, err = recipe.See(t.Context(), idx, true)
	require.NoError(t, err)
	assert.EqualValues(t, 1, l.Gray)

	nothing := t.TempDir()
	datatest.Write(t, filepath.Join(nothing, "broken.jpg"), []byte("no image"))
	none, err := source.Open(source.Location{Path: nothing})
	require.NoError(t, err)
	defer none.Close()
	_, err = recipe.See(t.Context(), none, true)
	require.ErrorContains(t, err, "none of 1 images of the source could be used")
}
