// SPDX-License-Identifier: MIT

package rankme_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/eval/rankme"
	"seer/internal/golden"
	"seer/internal/testrand"
	"seer/torch"
	"seer/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

const seed = 20210302 // of the golden files

func of(t *testing.T, x []float32, width int) float64 {
	t.Helper()
	scope := torch.NewScope()
	defer scope.Close()
	r, err := rankme.Of(torch.FromFloat32(x, int64(len(x)/width), int64(width)))
	require.NoError(t, err)
	return r
}

func TestEqualsNumPy(t *testing.T) {
	var want struct{ Rankme map[string]float64 }
	require.NoError(t, golden.JSON("probes.json", &want))
	assert.InEpsilon(t, want.Rankme["tall"], of(t, golden.Tensor("rankme.tall", []int64{60, 12}, 1, seed), 12), 1e-10)
	assert.InEpsilon(t, want.Rankme["wide"], of(t, golden.Tensor("rankme.wide", []int64{9, 40}, 1, seed), 40), 1e-10)
	left, right := golden.Fill("rankme.left", seed, 150), golden.Fill("rankme.right", seed, 60)
	low := make([]float32, 50*20)
	for i := range low {
		sum := 0.0
		for k := range 3 {
			sum += float64(left[i/20*3+k]) * float64(right[k*20+i%20])
		}
		low[i] = float32(sum)
	}
	assert.InEpsilon(t, want.Rankme["low"], of(t, low, 20), 1e-6, "of rank 3; a sum in another order rounds otherwise")
}

func TestKnownRanks(t *testing.T) {
	identity := make([]float32, 16*16)
	for i := range 16 {
		identity[i*17] = 3
	}
	assert.InDelta(t, 16, of(t, identity, 16), 1e-3, "all dimensions the same")
	collapsed := make([]float32, 50*8)
	for i := range collapsed {
		collapsed[i] = float32(i % 8)
	}
	assert.InDelta(t, 1, of(t, collapsed, 8), 1e-3, "all images the same")
}

func TestScaleOrderAndTranspositionDoNotMatter(t *testing.T) {
	rng := testrand.New(t)
	for range 20 {
		rows, width := 2+rng.IntN(20), 2+rng.IntN(20)
		x := make([]float32, rows*width)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		want := of(t, x, width)
		assert.True(t, want >= 1 && want <= float64(min(rows, width))*(1+1e-4), "%v of %d×%d", want, rows, width)
		changed, transposed := make([]float32, len(x)), make([]float32, len(x))
		order := rng.Perm(rows)
		for i, v := range x {
			changed[order[i/width]*width+i%width] = -4 * v
			transposed[i%width*rows+i/width] = v
		}
		assert.InEpsilon(t, want, of(t, changed, width), 1e-9)
		assert.InEpsilon(t, want, of(t, transposed, rows), 1e-9)
	}
}

func TestRefusals(t *testing.T) {
	torchtest.NoLeaks(t)
	for want, x := range map[string]*torch.Tensor{
		"features of shape [3]":          torch.FromFloat32([]float32{1, 2, 3}, 3),
		"at least one":                   torch.FromFloat32(nil, 0, 2),
		"feature 1 of image 0 is NaN":    torch.FromFloat32([]float32{1, float32(math.NaN())}, 1, 2),
		"all of 1 singular values are 0": torch.FromFloat32([]float32{0, 0}, 1, 2),
	} {
		_, err := rankme.Of(x)
		assert.ErrorContains(t, err, want)
	}
	_, err := rankme.FromSingularValues([]float64{1, -1})
	assert.ErrorContains(t, err, "singular value 1 is -1")
}
