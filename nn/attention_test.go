// SPDX-License-Identifier: MIT

package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/nn"
	"seer/nn/nntest"
	"seer/torch"
	"seer/torch/torchtest"
)

// Two tokens of two channels by hand: each has mean 2 and deviation 1, or mean 0 and deviation 2.
func TestLayerNorm(t *testing.T) {
	torchtest.NoLeaks(t)
	l := nn.NewLayerNorm(torchtest.Device, 2, 1e-6)
	t.Cleanup(func() { nn.Close(l) })
	nntest.Set(t, l.Weight, []float32{1, 3})
	nntest.Set(t, l.Bias, []float32{0, 10})
	y := l.Forward(nil, torchtest.Float32([]float32{1, 3, -2, 2}, 1, 2, 2))
	torchtest.Close(t, "normalised", y.Detach().Float32s(), []float32{-1, 13, -1, 13}, 1e-5)
	assert.Equal(t, []string{"weight", "bias"}, nntest.Names(nn.Parameters(l)))
}

// One head of one channel with unit projections: each token becomes the mean of all, weighted by exp(q·k).
func TestSelfAttention(t *testing.T) {
	torchtest.NoLeaks(t)
	a := nn.NewSelfAttention(torchtest.Device, 1, 1)
	t.Cleanup(func() { nn.Close(a) })
	nntest.Set(t, a.Weight, []float32{1, 1, 1})
	nntest.Set(t, a.Out.Weight, []float32{2})
	y := a.Forward(nil, torchtest.Float32([]float32{1, 3}, 1, 2, 1))
	mean := func(q float64) float32 {
		one, three := math.Exp(q), math.Exp(3*q)
		return float32(2 * (one + 3*three) / (one + three))
	}
	torchtest.Close(t, "attention", y.Detach().Float32s(), []float32{mean(1), mean(3)}, 1e-5)
	assert.Equal(t, []string{"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}, nntest.Names(nn.Parameters(a)))
}

// Heads see their own channels only: each half of the width attends by itself.
func TestHeadsAreIndependent(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(4)
	a := nn.NewSelfAttention(torchtest.Device, 8, 2)
	t.Cleanup(func() { nn.Close(a) })
	one := torch.Zeros(torch.Float32, torchtest.Device, 8, 8)
	for i := range int64(8) {
		one.Narrow(0, i, 1).Narrow(1, i, 1).FillInPlace(1)
	}
	torch.NoGrad(func() { a.Out.Weight.CopyInPlace(one) })
	x := torch.Randn(torchtest.Device, 1, 5, 8)
	torch.NoGrad(func() {
		before := a.Forward(nil, x)
		a.Weight.Narrow(0, 4, 4).ZeroInPlace() // the second head's queries
		after := a.Forward(nil, x)
		assert.True(t, before.Narrow(2, 0, 4).Equal(after.Narrow(2, 0, 4)))
		assert.False(t, before.Narrow(2, 4, 4).Equal(after.Narrow(2, 4, 4)))
	})
}

func TestUnpaddedConvolution(t *testing.T) {
	torchtest.NoLeaks(t)
	c := nn.NewConv2d(torchtest.Device, nn.ConvSpec{In: 1, Out: 2, Kernel: 4, Stride: 4, Unpadded: true})
	t.Cleanup(func() { nn.Close(c) })
	assert.Equal(t, []int64{1, 2, 2, 3}, c.Forward(nil, torch.Ones(torch.Float32, torchtest.Device, 1, 1, 8, 15)).Shape())
}
