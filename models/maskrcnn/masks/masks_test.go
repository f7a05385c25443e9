// SPDX-License-Identifier: MIT

package masks

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/mask"
	"seer/internal/golden"
	"seer/models/maskrcnn/boxes"
)

const (
	seed          = 20210302 // of the golden files
	height, width = 150, 200
)

// reference is what torchvision says, and detectron2's formulas: tools/golden/make_mask_head.py.
type reference struct {
	Targets []struct{ Torchvision, Detectron2 []float32 }
	Pasted  []struct{ Torchvision, Detectron2 string }
}

func load(t *testing.T) (r reference) {
	t.Helper()
	require.NoError(t, golden.JSON("mask_head.json", &r))
	require.Len(t, r.Targets, 24)
	return r
}

// cases are the script's boxes.
func cases(name string, n int) []boxes.Box {
	v := golden.Fill(name, seed, 4*n)
	all := make([]boxes.Box, n)
	for i := range all {
		x, y := float32((v[4*i]+1)*100), float32((v[4*i+1]+1)*80)
		w, h := float32((v[4*i+2]+1)*40)+1, float32((v[4*i+3]+1)*30)+1
		all[i] = boxes.Box{x - 25, y - 25, float32(x+w) - 25, float32(y+h) - 25}
	}
	copy(all, []boxes.Box{{3.2, 4.1, 3.9, 4.3}, {-30, -20, 260, 170}, {300, 20, 340, 70}, {10, 20, 38, 48}, {0, 0, 200, 150}})
	return all
}

// polygon is the script's.
func polygon(i int) []float64 {
	n := 3 + i%17
	xy := make([]float64, 2*n)
	unit := []float64{0, 1, 10, 100}[i%4]
	for k, v := range golden.Fill(fmt.Sprintf("polygon.%d", i), seed, 2*n) {
		xy[k] = (float64(float64(v)*0.7) + 0.5) * []float64{width, height}[k%2]
		if unit > 0 {
			xy[k] = math.Floor(float64(xy[k]*unit)+0.5) / unit
		}
	}
	return xy
}

func TestTargets(t *testing.T) {
	want := load(t).Targets
	for i, b := range cases("mask.targets", len(want)) {
		polygons := [][]float64{polygon(i)}
		m, err := mask.FromPolygons(height, width, polygons)
		require.NoError(t, err)
		got, err := Target(m.Bitmap(), height, width, b, 7)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want[i].Torchvision, got, 2e-6, "box %v", b)
		got, err = PolygonTarget(polygons, b, 7)
		require.NoError(t, err)
		assert.Equal(t, want[i].Detectron2, got, "box %v", b)
	}
}

// probabilities are the script's: five by five patches.
func probabilities(i, side int) []float32 {
	v := golden.Fill(fmt.Sprintf("mask.paste.%d", i), seed, 25)
	all := make([]float32, side*side)
	for k := range all {
		y, x := k/side*5/side, k%side*5/side
		if all[k] = v[5*y+x]*.5 + .5; y >= 1 && y < 4 && x >= 1 && x < 4 {
			all[k] += .2
		}
	}
	return all
}

func TestPastedMasks(t *testing.T) {
	want := load(t).Pasted
	for i, b := range cases("mask.pasted", len(want)) {
		for c, text := range map[boxes.Convention]string{boxes.Torchvision: want[i].Torchvision, boxes.Detectron2: want[i].Detectron2} {
			got, err := Paste(probabilities(i, 14), 14, b, height, width, c)
			require.NoError(t, err)
			assert.Equal(t, text, got.Text(), "box %d %v, convention %d", i, b, c)
		}
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	_, err := Paste(make([]float32, 3), 2, boxes.Box{}, 5, 5, boxes.Torchvision)
	assert.ErrorContains(t, err, "3 probabilities for a mask of 2 × 2")
	_, err = Paste(make([]float32, 4), 2, boxes.Box{0, 0, float32(math.Inf(1)), 1}, 5, 5, boxes.Torchvision)
	assert.ErrorContains(t, err, "has a border that is no place in an image")
	_, err = Target(make([]byte, 3), 2, 2, boxes.Box{}, 7)
	assert.ErrorContains(t, err, "3 pixels of height 2 and width 2")
	_, err = PolygonTarget([][]float64{{1}}, boxes.Box{0, 0, 1, 1}, 7)
	assert.Error(t, err)
}

func BenchmarkTarget(b *testing.B) {
	m, err := mask.FromPolygons(800, 1333, [][]float64{{100, 100, 900, 150, 800, 700, 150, 600}})
	require.NoError(b, err)
	pixels := m.Bitmap()
	for b.Loop() {
		if _, err := Target(pixels, 800, 1333, boxes.Box{90, 80, 500, 610}, 28); err != nil {
			b.Fatal(err)
		}
	}
}
