// SPDX-License-Identifier: MIT

package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/nn/nntest"
	"seer/torch"
	"seer/torch/torchtest"
)

// norm makes a layer of two channels whose batch [4,2] has channel means 2.5 and 0 and (biased) variances 1.25 and 4.
func norm(t *testing.T) (*nn.BatchNorm, *torch.Tensor) {
	t.Helper()
	b := nn.NewBatchNorm(torchtest.Device, 2)
	t.Cleanup(func() { nn.Close(b) })
	return b, torchtest.Float32([]float32{1, -2, 2, 2, 3, -2, 4, 2}, 4, 2)
}

func statistics(b *nn.BatchNorm) [2][]float32 {
	return [2][]float32{b.RunningMean.Float32s(), b.RunningVar.Float32s()}
}

func TestBatchNormTraining(t *testing.T) {
	torchtest.NoLeaks(t)
	b, x := norm(t)
	y := b.Forward(&nn.Context{Training: true}, x).Detach()
	s := float32(1 / math.Sqrt(1.25))
	torchtest.Close(t, "normalised", y.Float32s(), []float32{-1.5 * s, -1, -.5 * s, 1, .5 * s, -1, 1.5 * s, 1}, 1e-5)
	got := statistics(b)
	// A tenth of the way from 0 and 1 to the mean and to the variance over n-1.
	torchtest.Close(t, "running mean", got[0], []float32{0.25, 0}, 1e-6)
	torchtest.Close(t, "running variance", got[1], []float32{0.9 + 0.1*5.0/3, 0.9 + 0.1*16.0/3}, 1e-6)
}

// A recomputed forward pass normalises as the first one did and counts the batch no second time.
func TestBatchNormKeepStatistics(t *testing.T) {
	torchtest.NoLeaks(t)
	b, x := norm(t)
	first := b.Forward(&nn.Context{Training: true}, x)
	before := statistics(b)
	again := b.Forward(&nn.Context{Training: true, KeepStatistics: true}, x)
	assert.True(t, first.Equal(again))
	assert.Equal(t, before, statistics(b))
	again.Square().Sum().Backward()
	assert.NotNil(t, b.Weight.Grad(), "it trains all the same")
}

func TestBatchNormEvaluation(t *testing.T) {
	torchtest.NoLeaks(t)
	b, x := norm(t)
	nntest.Set(t, b.RunningMean, []float32{1, 2})
	nntest.Set(t, b.RunningVar, []float32{4, 1})
	nntest.Set(t, b.Weight, []float32{2, 1})
	nntest.Set(t, b.Bias, []float32{0, 10})
	for _, ctx := range []*nn.Context{{}, {KeepStatistics: true}} {
		before := statistics(b)
		y := b.Forward(ctx, x).Detach()
		torchtest.Close(t, "output", y.Float32s(), []float32{0, 6, 1, 10, 2, 6, 3, 10}, 1e-5)
		assert.Equal(t, before, statistics(b))
	}
}

// The padding keeps ⌈n/stride⌉, for odd kernels of 1 and 3.
func TestConvShapes(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, c := range []struct {
		spec nn.ConvSpec
		want []int64
	}{
		{nn.ConvSpec{In: 4, Out: 6, Kernel: 1}, []int64{2, 6, 7, 10}},
		{nn.ConvSpec{In: 4, Out: 6, Kernel: 3}, []int64{2, 6, 7, 10}},
		{nn.ConvSpec{In: 4, Out: 6, Kernel: 3, Stride: 2, Groups: 2}, []int64{2, 6, 4, 5}},
		{nn.ConvSpec{In: 4, Out: 6, Kernel: 1, Stride: 2, Bias: true}, []int64{2, 6, 4, 5}},
	} {
		conv := nn.NewConv2d(torchtest.Device, c.spec)
		x := torch.Randn(torchtest.Device, 2, 4, 7, 10)
		assert.Equal(t, c.want, conv.Forward(nil, x).Shape(), "%+v", c.spec)
		nn.Close(conv)
	}
}

// A grouped 1×1 convolution by hand: each half of the channels meets its own weights.
func TestConvGroupsAndBias(t *testing.T) {
	torchtest.NoLeaks(t)
	conv := nn.NewConv2d(torchtest.Device, nn.ConvSpec{In: 4, Out: 2, Kernel: 1, Groups: 2, Bias: true})
	t.Cleanup(func() { nn.Close(conv) })
	nntest.Set(t, conv.Weight, []float32{1, 2, 3, 4})
	nntest.Set(t, conv.Bias, []float32{0.5, -0.5})
	y := conv.Forward(nil, torchtest.Float32([]float32{1, 10, 100, 1000}, 1, 4, 1, 1))
	assert.Equal(t, []float32{21.5, 4299.5}, y.Detach().Float32s())
}

func bounds(x *torch.Tensor) (low, high float64) {
	return x.Detach().Min().Item(), x.Detach().Max().Item()
}

// PyTorch's default for linear layers, and the classifier's own.
func TestLinearInitialisation(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(2)
	l, c := nn.NewLinear(torchtest.Device, 100, 300, true), nn.NewClassifier(torchtest.Device, 200, 100)
	t.Cleanup(func() { nn.Close(l); nn.Close(c) })
	for _, x := range []*torch.Tensor{l.Weight, l.Bias} {
		low, high := bounds(x)
		assert.GreaterOrEqual(t, low, -0.1)
		assert.LessOrEqual(t, high, 0.1)
		assert.Greater(t, high-low, 0.19)
	}
	std := c.Weight.Detach().Reshape(-1, 1).StdDims(false, 0).Item()
	assert.InEpsilon(t, 0.01, std, 0.03)
	low, high := bounds(c.Bias)
	assert.Zero(t, low)
	assert.Zero(t, high)
}

func TestLinearForward(t *testing.T) {
	torchtest.NoLeaks(t)
	l := nn.NewLinear(torchtest.Device, 2, 2, true)
	t.Cleanup(func() { nn.Close(l) })
	nntest.Set(t, l.Weight, []float32{1, 2, 3, 4})
	nntest.Set(t, l.Bias, []float32{10, 20})
	y := l.Forward(nil, torchtest.Float32([]float32{1, 1, 0, 1}, 2, 2))
	assert.Equal(t, []float32{13, 27, 12, 24}, y.Detach().Float32s())
}

// Wrong inputs are errors that name the operation and both shapes.
func TestWrongInputs(t *testing.T) {
	torchtest.NoLeaks(t)
	for op, f := range map[string]func(){
		"linear":     func() { small(t)[3].Module.Forward(nil, torch.Ones(torch.Float32, torchtest.Device, 2, 5)) },
		"conv2d":     func() { small(t)[1].Module.Forward(nil, torch.Ones(torch.Float32, torchtest.Device, 1, 3, 2, 2)) },
		"batch_norm": func() { b, _ := norm(t); b.Forward(&nn.Context{}, torch.Ones(torch.Float32, torchtest.Device, 2, 3)) },
	} {
		var e *torch.OpError
		require.ErrorAs(t, torch.Try(f), &e, op)
		assert.Equal(t, op, e.Op)
		assert.GreaterOrEqual(t, len(e.Inputs), 2)
	}
}

// Meta tensors have shapes and no memory: initialisation passes over them.
func TestMetaDevice(t *testing.T) {
	torchtest.NoLeaks(t)
	l := nn.NewLinear(torch.Meta, 1<<20, 1<<20, true)
	c := nn.NewConv2d(torch.Meta, nn.ConvSpec{In: 1 << 12, Out: 1 << 14, Kernel: 3, Bias: true})
	t.Cleanup(func() { nn.Close(l); nn.Close(c) })
	assert.Equal(t, int64(1<<40+1<<20), nn.CountParameters(l))
	assert.Equal(t, []int64{1 << 14, 1 << 12, 3, 3}, c.Weight.Shape())
}
