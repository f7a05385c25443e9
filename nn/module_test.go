// SPDX-License-Identifier: MIT

package nn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// small is a network with every layer of the package.
func small(t *testing.T) nn.Sequential {
	t.Helper()
	torch.ManualSeed(1)
	s := nn.Sequential{
		{Name: "stem", Module: nn.Sequential{
			{Name: "0", Module: nn.NewConv2d(torchtest.Device, nn.ConvSpec{In: 3, Out: 8, Kernel: 3, Stride: 2})},
			{Name: "1", Module: nn.NewBatchNorm(torchtest.Device, 8)},
			{Name: "2", Module: nn.ReLU{}},
		}},
		{Name: "gate", Module: nn.NewConv2d(torchtest.Device, nn.ConvSpec{In: 8, Out: 4, Kernel: 1, Groups: 2, Bias: true})},
		{Name: "pool", Module: pool{}},
		{Name: "fc", Module: nn.NewLinear(torchtest.Device, 4, 2, true)},
		{Name: "free", Module: nn.NewLinear(torchtest.Device, 2, 5, false)},
	}
	t.Cleanup(func() { nn.Close(s) })
	return s
}

// pool shows that a module of another package takes part.
type pool struct{}

func (pool) Forward(_ *nn.Context, x *torch.Tensor) *torch.Tensor {
	return x.AdaptiveAvgPool2d(1, 1).Flatten(1, 3)
}
func (pool) Walk(string, func(nn.Entry)) {}

// Definition order and PyTorch's names: parameters of a layer, then its statistics, layer after layer.
func TestWalkOrder(t *testing.T) {
	torchtest.NoLeaks(t)
	type named struct {
		Name  string
		Kind  nn.Kind
		Shape []int64
	}
	var got []named
	for _, e := range nn.Entries(small(t)) {
		got = append(got, named{e.Name, e.Kind, e.Tensor.Shape()})
	}
	assert.Equal(t, []named{
		{"stem.0.weight", nn.Parameter, []int64{8, 3, 3, 3}},
		{"stem.1.weight", nn.Parameter, []int64{8}},
		{"stem.1.bias", nn.Parameter, []int64{8}},
		{"stem.1.running_mean", nn.Buffer, []int64{8}},
		{"stem.1.running_var", nn.Buffer, []int64{8}},
		{"gate.weight", nn.Parameter, []int64{4, 4, 1, 1}},
		{"gate.bias", nn.Parameter, []int64{4}},
		{"fc.weight", nn.Parameter, []int64{2, 4}},
		{"fc.bias", nn.Parameter, []int64{2}},
		{"free.weight", nn.Parameter, []int64{5, 2}},
	}, got)
}

func TestParametersAndBuffers(t *testing.T) {
	torchtest.NoLeaks(t)
	s := small(t)
	assert.Len(t, nn.Parameters(s), 8)
	assert.Len(t, nn.Buffers(s), 2)
	assert.Equal(t, int64(8*27+8+8+16+4+8+2+10), nn.CountParameters(s))
	for _, p := range nn.Parameters(s) {
		assert.True(t, p.Tensor.RequiresGrad(), p.Name)
	}
	for _, b := range nn.Buffers(s) {
		assert.False(t, b.Tensor.RequiresGrad(), b.Name)
	}
	nn.RequireGrad(s, false)
	for _, p := range nn.Parameters(s) {
		assert.False(t, p.Tensor.RequiresGrad(), p.Name)
	}
	assert.Equal(t, "a.b", nn.Join("a", "b"))
	assert.Equal(t, "b", nn.Join("", "b"))
	assert.Equal(t, "a", nn.Join("a", ""))
}

func TestForwardAndBackward(t *testing.T) {
	torchtest.NoLeaks(t)
	s := small(t)
	x := torch.Randn(torchtest.Device, 4, 3, 9, 7)
	y := s.Forward(&nn.Context{Training: true}, x)
	require.Equal(t, []int64{4, 5}, y.Shape())
	y.Square().Sum().Backward()
	for _, p := range nn.Parameters(s) {
		g := p.Tensor.Grad()
		require.NotNil(t, g, p.Name)
		assert.Equal(t, p.Tensor.Shape(), g.Shape(), p.Name)
	}
}

// The switch of the layout happens in place: every handle sees it, values stay, and parameters stay leaves.
func TestChannelsLast(t *testing.T) {
	torchtest.NoLeaks(t)
	s := small(t)
	x := torch.Randn(torchtest.Device, 2, 3, 8, 8)
	weight := nn.Parameters(s)[0].Tensor
	before, want := weight.Float32s(), s.Forward(&nn.Context{}, x).Detach().Float32s()
	for _, on := range []bool{true, true, false, true} {
		nn.SetChannelsLast(s, on)
		assert.Equal(t, on, weight.ChannelsLast())
		assert.Equal(t, before, weight.Float32s())
		assert.True(t, weight.RequiresGrad())
		y := s.Forward(&nn.Context{}, x)
		torchtest.Close(t, "output", y.Detach().Float32s(), want, 1e-5)
		y.Sum().Backward()
		assert.NotNil(t, weight.Grad(), "only leaves have a gradient")
		torch.ClearGrads(nn.Tensors(nn.Parameters(s)))
	}
}

func TestCloseFreesEverything(t *testing.T) {
	before := torch.LiveTensors()
	s := nn.Sequential{{Name: "norm", Module: nn.NewBatchNorm(torchtest.Device, 3)}, {Name: "fc", Module: nn.NewLinear(torchtest.Device, 3, 2, true)}}
	assert.Equal(t, before+6, torch.LiveTensors())
	nn.Close(s)
	nn.Close(s)
	assert.Equal(t, before, torch.LiveTensors())
}

// Modules made inside a scope outlive it: they own their tensors.
func TestModulesOutliveScopes(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	l := nn.NewLinear(torchtest.Device, 3, 2, true)
	b := nn.NewBatchNorm(torchtest.Device, 2)
	scope.Close()
	b.Forward(&nn.Context{}, l.Forward(nil, torch.Ones(torch.Float32, torchtest.Device, 4, 3)))
	t.Cleanup(func() { nn.Close(l); nn.Close(b) })
}
