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

func TestBackward(t *testing.T) {
	torchtest.NoLeaks(t)
	w := torchtest.Float32([]float32{1, 2}, 1, 2).SetRequiresGrad(true)
	x := torchtest.Float32([]float32{3, 4}, 1, 2)
	assert.Nil(t, w.Grad())
	torch.Linear(x, w, nil).Sum().Backward()
	assert.Equal(t, []float32{3, 4}, w.Grad().Float32s())
	torch.Linear(x, w, nil).Sum().Backward()
	assert.Equal(t, []float32{6, 8}, w.Grad().Float32s(), "gradients accumulate")
	torch.ClearGrads([]*torch.Tensor{w})
	assert.Nil(t, w.Grad())
	w.Mul(w).BackwardWith(torchtest.Float32([]float32{1, 10}, 1, 2))
	assert.Equal(t, []float32{2, 40}, w.Grad().Float32s())
	w.SetGrad(nil)
	assert.Nil(t, w.Grad())
	assert.False(t, w.Mul(w).Detach().RequiresGrad())
}

func TestNoGradRestoresAfterAPanic(t *testing.T) {
	torchtest.NoLeaks(t)
	w := torch.Ones(torch.Float32, torchtest.Device, 2).SetRequiresGrad(true)
	err := torch.Try(func() {
		torch.NoGrad(func() {
			assert.False(t, w.Mul(w).RequiresGrad())
			w.Reshape(5)
		})
	})
	require.Error(t, err)
	assert.True(t, w.Mul(w).RequiresGrad())
}

func TestAutocast(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, d := range []torch.DType{torch.Float16, torch.BFloat16} {
		w := torch.Randn(torchtest.Device, 4, 8).SetRequiresGrad(true)
		x := torch.Randn(torchtest.Device, 3, 8)
		torch.Autocast(torchtest.Device, d, func() {
			y := torch.Linear(x, w, nil)
			assert.Equal(t, d, y.DType())
			assert.Equal(t, torch.Float32, torch.CrossEntropy(y, torchtest.Int64([]int64{0, 1, 2}, 3)).DType())
			torch.NoAutocast(torchtest.Device, func() {
				assert.Equal(t, torch.Float32, torch.Linear(x, w, nil).DType())
			})
			y.To(torch.Float32).Sum().Backward()
		})
		assert.Equal(t, torch.Float32, w.Grad().DType(), "parameters and gradients stay float32")
		assert.Equal(t, torch.Float32, torch.Linear(x, w, nil).DType(), "the mode ends with the function")
	}
	torch.Autocast(torchtest.Device, torch.Float32, func() {
		assert.Equal(t, torch.Float32, torch.Linear(torch.Ones(torch.Float32, torchtest.Device, 1, 2), torch.Ones(torch.Float32, torchtest.Device, 1, 2), nil).DType())
	})
}

func TestForeachSGDMatchesTheFormula(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, nesterov := range []bool{false, true} {
		p, g, b := torch.Ones(torch.Float32, torchtest.Device, 2), torch.Full(2, torch.Float32, torchtest.Device, 2), torch.Full(3, torch.Float32, torchtest.Device, 2)
		q, h, c := torch.Ones(torch.Float32, torchtest.Device, 1), torch.Full(1, torch.Float32, torchtest.Device, 1), torch.Zeros(torch.Float32, torchtest.Device, 1)
		torch.ForeachSGDInPlace([]*torch.Tensor{p, q}, []*torch.Tensor{g, h}, []*torch.Tensor{b, c}, .5, nesterov, []float64{.1, 1})
		// buffer = .5·3 + 2 = 3.5 and .5·0 + 1 = 1; Nesterov steps along g + .5·buffer.
		want, last := 1-.1*3.5, 1-1.0
		if nesterov {
			want, last = 1-.1*(2+.5*3.5), 1-1*(1+.5*1)
		}
		torchtest.Close(t, "p", p.Float32s(), []float32{float32(want), float32(want)}, 1e-6)
		assert.InDelta(t, last, q.Item(), 1e-6)
		assert.Equal(t, []float32{3.5, 3.5}, b.Float32s())
	}
}

func TestForeachAdaptAndDecay(t *testing.T) {
	torchtest.NoLeaks(t)
	p, g := torch.Full(2, torch.Float32, torchtest.Device, 3), torch.Full(4, torch.Float32, torchtest.Device, 3)
	ps, gs := []*torch.Tensor{p}, []*torch.Tensor{g}
	norms := torch.ForeachNorms([]*torch.Tensor{p, g}).Float32s()
	torchtest.Close(t, "norms", norms, []float32{float32(2 * math.Sqrt(3)), float32(4 * math.Sqrt(3))}, 1e-6)
	torch.ForeachAdaptInPlace(gs, ps, torchtest.Float32([]float32{.5}, 1), torchtest.Float32([]float32{.1}, 1))
	torchtest.Close(t, "adapt", g.Float32s(), []float32{2.1, 2.1, 2.1}, 1e-6)
	torch.ForeachDecayInPlace(gs, ps, []float64{.05})
	torchtest.Close(t, "decay", g.Float32s(), []float32{2.2, 2.2, 2.2}, 1e-6)
	torch.ForeachCopyInPlace(ps, gs)
	assert.True(t, p.Equal(g))
}

func TestLossScale(t *testing.T) {
	torchtest.NoLeaks(t)
	scale := torch.Full(1024, torch.Float32, torchtest.Device, 1)
	tracker := torch.Zeros(torch.Int32, torchtest.Device, 1)
	found := torch.Zeros(torch.Float32, torchtest.Device, 1)
	g := torch.Full(2048, torch.Float32, torchtest.Device, 2)
	torch.ForeachUnscaleInPlace([]*torch.Tensor{g}, found, torch.Full(1.0/1024, torch.Float32, torchtest.Device, 1))
	assert.Equal(t, []float32{2, 2}, g.Float32s())
	torch.UpdateScaleInPlace(scale, tracker, found, 2, .5, 1)
	assert.Equal(t, 2048.0, scale.Item(), "a good step after the interval doubles the scale")
	inf := torch.Full(math.Inf(1), torch.Float32, torchtest.Device, 2)
	torch.ForeachUnscaleInPlace([]*torch.Tensor{inf}, found, torch.Full(1, torch.Float32, torchtest.Device, 1))
	assert.Equal(t, 1.0, found.Item())
	torch.UpdateScaleInPlace(scale, tracker, found, 2, .5, 1)
	assert.Equal(t, 1024.0, scale.Item())
}
