// SPDX-License-Identifier: MIT

package regnet_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models/regnet/arch"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// half is ⌈n/2⌉, applied times times: what convolutions of stride 2 leave of a side.
func half(n int64, times int) int64 {
	for range times {
		n = (n + 1) / 2
	}
	return n
}

// Every image size gives features: odd, oblong, and a single pixel. libtorch has no convolution on the meta device, so
// this computes, with the smallest model.
func TestShapesForAnyImageSize(t *testing.T) {
	torchtest.NoLeaks(t)
	m := load(t, "regnet_y_200mf", 7)
	for _, s := range [][2]int64{{64, 64}, {33, 47}, {40, 96}, {7, 1}, {1, 1}} {
		x := torch.Rand(torchtest.Device, 4, 3, s[0], s[1])
		stages := m.Stages(&nn.Context{}, x)
		checkStages(t, m.Params, stages, s)
		assert.Equal(t, []int64{4, m.Width()}, m.Pool(stages[3]).Shape())
		assert.Equal(t, []int64{4, 7}, m.Forward(&nn.Context{Training: true}, x).Shape())
		assert.Equal(t, []int64{4, 7}, m.Forward(&nn.Context{}, x).Shape())
	}
}

func checkStages(t *testing.T, p arch.Params, got []*torch.Tensor, size [2]int64) {
	stages, err := p.Stages()
	require.NoError(t, err)
	require.Len(t, got, len(stages))
	for i, s := range stages {
		want := []int64{4, int64(s.Width), half(size[0], i+2), half(size[1], i+2)}
		assert.Equal(t, want, got[i].Shape(), "stage %d of images of %v", i+1, size)
	}
}

// Stages, the segments and the forward pass are three views of one computation.
func TestStagesSegmentsAndForwardAgree(t *testing.T) {
	torchtest.NoLeaks(t)
	m := load(t, "regnet_y_200mf", 0)
	x := torch.Randn(torchtest.Device, 2, 3, 40, 40)
	ctx := &nn.Context{}
	torch.NoGrad(func() {
		last := m.Stages(ctx, x)[3]
		y := x
		for _, s := range m.Segments() {
			y = s.Forward(ctx, y)
		}
		assert.True(t, last.Equal(y))
		pooled := last.MeanDims(false, 2, 3)
		torchtest.Close(t, "features", m.Forward(ctx, x).Float32s(), pooled.Float32s(), 1e-6)
		assert.True(t, m.Forward(ctx, x).Equal(m.Pool(last)), "without classifier Forward gives features")
	})
	assert.Len(t, m.Segments(), 1+m.Params.Depth, "stem and blocks")
	assert.Equal(t, "trunk_output.block1.block1-0", m.Parts[1].Name)
}

// The input is the caller's: no in-place operation may reach it, nor any stage's output that was handed out.
func TestInputsAreNotOverwritten(t *testing.T) {
	torchtest.NoLeaks(t)
	m := load(t, "regnet_y_200mf", 0)
	x := torch.Randn(torchtest.Device, 1, 3, 32, 32)
	before := x.Clone()
	stages := m.Stages(&nn.Context{}, x)
	copies := make([]*torch.Tensor, len(stages))
	for i, s := range stages {
		copies[i] = s.Clone()
	}
	assert.True(t, x.Equal(before))
	m.Segments()[2].Forward(&nn.Context{}, stages[0])
	for i := range stages {
		assert.True(t, stages[i].Equal(copies[i]), "stage %d", i+1)
	}
}

func TestWrongInputNamesTheOperation(t *testing.T) {
	torchtest.NoLeaks(t)
	m := load(t, "regnet_y_200mf", 0)
	for what, x := range map[string]*torch.Tensor{
		"one channel": torch.Zeros(torch.Float32, torchtest.Device, 1, 1, 32, 32),
		"no channels": torch.Zeros(torch.Float32, torchtest.Device, 32, 32),
		"bytes":       torch.Zeros(torch.UInt8, torchtest.Device, 1, 3, 32, 32),
	} {
		err := torch.Try(func() { m.Forward(&nn.Context{}, x) })
		var op *torch.OpError
		require.True(t, errors.As(err, &op), "%s: %v", what, err)
		assert.Equal(t, "conv2d", op.Op, what)
		require.ErrorContains(t, err, x.String(), what)
		require.ErrorContains(t, err, "float32[32,3,3,3]", "%s: the weight's shape", what)
	}
}

// A forward and backward pass frees all it made but the gradients, and a block keeps no handle besides its result.
func TestForwardKeepsNoHandles(t *testing.T) {
	torchtest.NoLeaks(t)
	m := load(t, "regnet_y_200mf", 0)
	x := torch.Randn(torchtest.Device, 2, 3, 32, 32)
	before := torch.LiveTensors()
	y := m.Forward(&nn.Context{Training: true}, x)
	assert.Equal(t, before+1, torch.LiveTensors())
	y.Sum().Backward()
	for _, p := range nn.Parameters(m) {
		require.NotNil(t, p.Tensor.Grad(), p.Name)
	}
	torch.ClearGrads(nn.Tensors(nn.Parameters(m)))
}
