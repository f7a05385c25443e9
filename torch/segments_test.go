// SPDX-License-Identifier: MIT

package torch_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch"
	"seer/torch/torchtest"
)

// A backward pass ends at a cut, which keeps the gradient once, and goes on from it with the same result.
func TestABackwardPassInPieces(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torchtest.Float32([]float32{1, 2, 3}, 3).SetRequiresGrad(true)
	y := x.Square()
	cut := y.Cut()
	assert.True(t, cut.RequiresGrad())
	assert.Nil(t, cut.TakeGradient(), "nothing has arrived")
	cut.MulScalar(5).Sum().Backward()
	assert.Nil(t, x.Grad())
	g := cut.TakeGradient()
	require.Equal(t, []float32{5, 5, 5}, g.Float32s())
	assert.Nil(t, cut.TakeGradient(), "it is taken once")
	torch.BackwardFrom([]*torch.Tensor{y}, []*torch.Tensor{g})
	assert.Equal(t, []float32{10, 20, 30}, x.Grad().Float32s())
	require.ErrorContains(t, torch.Try(func() { x.TakeGradient() }), "does not begin a segment")
	torch.BackwardFrom(nil, nil)
}

// A product that is known gives the layer's gradients without being computed: here its value is another one.
func TestKnownProductsHaveTheLayersGradients(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(5)
	leaf := func(shape ...int64) *torch.Tensor {
		return torch.Randn(torchtest.Device, shape...).SetRequiresGrad(true)
	}
	for name, c := range map[string]struct {
		inputs []*torch.Tensor
		layer  func(in []*torch.Tensor) *torch.Tensor
		known  func(y *torch.Tensor, in []*torch.Tensor) *torch.Tensor
	}{
		"convolution": {[]*torch.Tensor{leaf(2, 4, 6, 6), leaf(8, 2, 3, 3), leaf(8)},
			func(in []*torch.Tensor) *torch.Tensor { return torch.Conv2d(in[0], in[1], in[2], 2, 1, 2) },
			func(y *torch.Tensor, in []*torch.Tensor) *torch.Tensor {
				return torch.Conv2dKept(y, in[0], in[1], in[2], 2, 1, 2)
			}},
		"linear layer": {[]*torch.Tensor{leaf(2, 5, 4), leaf(3, 4), leaf(3)},
			func(in []*torch.Tensor) *torch.Tensor { return torch.Linear(in[0], in[1], in[2]) },
			func(y *torch.Tensor, in []*torch.Tensor) *torch.Tensor {
				return torch.LinearKept(y, in[0], in[1], in[2])
			}},
	} {
		for _, precision := range []torch.DType{torch.Float32, torch.BFloat16} {
			run := func(f func() *torch.Tensor) (gradients [][]float32) {
				torch.Autocast(torchtest.Device, precision, func() { f().To(torch.Float32).Sum().Backward() })
				for _, in := range c.inputs {
					gradients = append(gradients, in.Grad().Float32s())
				}
				torch.ClearGrads(c.inputs)
				return gradients
			}
			want := run(func() *torch.Tensor { return c.layer(c.inputs) })
			got := run(func() *torch.Tensor {
				y := c.layer(c.inputs).Detach()
				return c.known(torch.Full(7, y.DType(), torchtest.Device, y.Shape()...), c.inputs)
			})
			assert.Equal(t, want, got, "%s in %v", name, precision)
		}
	}
}

// The account knows what is left and what there was at most.
func TestAccountOfTensors(t *testing.T) {
	torchtest.NoLeaks(t)
	var kept *torch.Tensor
	left, peak := torch.Account(func() {
		scope := torch.NewScope()
		defer scope.Close()
		torch.Zeros(torch.Float32, torchtest.Device, 1<<18)
		kept = torch.Zeros(torch.Float32, torchtest.Device, 1<<16).Release()
	})
	assert.EqualValues(t, 4<<16, left)
	assert.EqualValues(t, 4<<18+4<<16, peak)
	left, peak = torch.Account(kept.Close)
	assert.EqualValues(t, -4<<16, left)
	assert.Zero(t, peak)
}
