// SPDX-License-Identifier: MIT

package torch_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch"
	"seer/torch/torchtest"
)

func TestPools(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torchtest.Float32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 1, 3, 3)
	assert.Equal(t, []float32{5, 6, 8, 9}, x.MaxPool2d(3, 2, 1).Float32s())
	assert.Equal(t, []float32{3, 4, 4.5 / 2, 6, 7, 15.0 / 4, 15.0 / 4, 17.0 / 4, 9.0 / 4}, x.AvgPool2d(2, 1, 1).Float32s(), "zeros behind count")
	assert.Equal(t, []float32{3, 4.5 / 2, 15.0 / 4, 9.0 / 4}, x.AvgPool2d(2, 2, 1).Float32s())
}

func TestGelu(t *testing.T) {
	torchtest.NoLeaks(t)
	y := torchtest.Float32([]float32{-1, 0, 2}, 3).Gelu().Float32s()
	phi := func(x float64) float32 { return float32(x * (1 + math.Erf(x/math.Sqrt2)) / 2) }
	torchtest.Close(t, "gelu", y, []float32{phi(-1), 0, phi(2)}, 1e-6)
}

// A ramp stays a ramp: bicubic interpolation is exact for it away from the border.
func TestResizeBicubic(t *testing.T) {
	torchtest.NoLeaks(t)
	ramp := make([]float32, 16)
	for i := range ramp {
		ramp[i] = float32(i)
	}
	x := torchtest.Float32(ramp, 1, 1, 1, 16).Expand(1, 1, 16, 16)
	y := x.ResizeBicubic(16, 32)
	require.Equal(t, []int64{1, 1, 16, 32}, y.Shape())
	torchtest.Close(t, "middle", y.Narrow(2, 8, 1).Narrow(3, 14, 4).Contiguous().Float32s(), []float32{6.75, 7.25, 7.75, 8.25}, 1e-5)
}

func TestTruncatedNormal(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(1)
	x := torch.Empty(torch.Float32, torchtest.Device, 1<<16, 1)
	x.TruncatedNormalInPlace(3, 6)
	assert.LessOrEqual(t, x.Abs().Max().Item(), 6.0)
	assert.Greater(t, x.Abs().Max().Item(), 5.9)
	assert.InDelta(t, 0, x.Mean().Item(), 0.05)
	assert.InDelta(t, 3*0.8796, x.StdDims(false, 0).Item(), 0.03)
}

// Wrong inputs are errors that name the operation and the shapes.
func TestLayersRefuseWhatDoesNotFit(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torch.Ones(torch.Float32, torchtest.Device, 2, 3, 5)
	w := torch.Ones(torch.Float32, torchtest.Device, 4)
	for op, f := range map[string]func(){
		"layer_norm":     func() { torch.LayerNorm(x, w, w, 1e-6) },
		"attention":      func() { torch.Attention(x, w, w) },
		"max_pool2d":     func() { w.MaxPool2d(3, 2, 1) },
		"avg_pool2d":     func() { w.AvgPool2d(2, 2, 1) },
		"resize_bicubic": func() { x.ResizeBicubic(2, 2) },
	} {
		var e *torch.OpError
		require.ErrorAs(t, torch.Try(f), &e, op)
		assert.Equal(t, op, e.Op)
	}
}
