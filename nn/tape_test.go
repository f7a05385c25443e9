// SPDX-License-Identifier: MIT

package nn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/recompute"
	"seer/torch"
	"seer/torch/torchtest"
)

// dropout multiplies by noise from libtorch's generator.
type dropout struct{}

func (dropout) Forward(_ *nn.Context, x *torch.Tensor) *torch.Tensor {
	return x.Mul(torch.Rand(torchtest.Device, x.Shape()...).GtScalar(0.5).To(torch.Float32))
}
func (dropout) Walk(string, func(nn.Entry)) {}

// segments are a small chain with batch norm and noise in it.
func segments(t *testing.T) []nn.Module {
	t.Helper()
	torch.ManualSeed(1)
	conv := func(in, out int64) nn.Module {
		return nn.Sequential{
			{Name: "0", Module: nn.NewConv2d(torchtest.Device, nn.ConvSpec{In: in, Out: out, Kernel: 3, Bias: true})},
			{Name: "1", Module: nn.NewBatchNorm(torchtest.Device, out)}, {Name: "2", Module: nn.ReLU{}}, {Name: "3", Module: dropout{}},
		}
	}
	all := []nn.Module{conv(3, 8), conv(8, 8), conv(8, 4)}
	t.Cleanup(func() {
		for _, s := range all {
			nn.Close(s)
		}
	})
	return all
}

// gradients runs two passes over the segments and returns all gradients, and the next random number.
func gradients(segments []nn.Module, tape *nn.Tape) (all [][]float32, next float32) {
	scope := torch.NewScope()
	defer scope.Close()
	torch.ManualSeed(7)
	ctx := &nn.Context{Training: true}
	loss := torch.Zeros(torch.Float32, torchtest.Device, 1)
	for _, side := range []int64{8, 6} {
		x := torch.Randn(torchtest.Device, 2, 3, side, side)
		if tape != nil {
			x = tape.Run(ctx, segments, x)
		} else {
			x = nn.Run(ctx, segments, x)
		}
		loss = loss.Add(x.Square().Sum())
	}
	next = torch.Rand(torchtest.Device, 1).Float32s()[0]
	loss.Backward()
	tape.Backward()
	for _, s := range segments {
		for _, p := range nn.Parameters(s) {
			if g := p.Tensor.Grad(); g != nil {
				all = append(all, g.Float32s())
			}
		}
		torch.ClearGrads(nn.Tensors(nn.Parameters(s)))
	}
	return all, next
}

// A segment that is computed again draws the same random numbers again, and whoever draws next gets what he would have
// got without.
func TestRecomputationDrawsTheSameNumbers(t *testing.T) {
	torchtest.NoLeaks(t)
	s := segments(t)
	want, wantNext := gradients(s, nil)
	require.Len(t, want, 12)
	for _, mode := range []recompute.Mode{recompute.KeepAll, recompute.KeepProducts, recompute.KeepInput} {
		for _, plan := range []recompute.Plan{recompute.Each(3, mode), {{Segments: 2, Mode: mode}, {Segments: 1, Mode: mode}}} {
			got, next := gradients(s, &nn.Tape{Plan: plan})
			assert.Equal(t, want, got, "%v", plan)
			assert.Equal(t, wantNext, next, "%v", plan)
			after := torch.Rand(torchtest.Device, 1).Float32s()
			gradients(s, nil)
			assert.Equal(t, torch.Rand(torchtest.Device, 1).Float32s(), after, "%v: draws behind the step", plan)
		}
	}
}

// Each segment is told once, the last one first, and then all its gradients are there.
func TestSegmentsAreToldWhenTheirGradientsAreFinal(t *testing.T) {
	torchtest.NoLeaks(t)
	s := segments(t)
	want, _ := gradients(s, nil)
	for _, plan := range []recompute.Plan{recompute.Each(3, recompute.KeepAll), {{Segments: 2, Mode: recompute.KeepInput}, {Segments: 1}}} {
		var told []nn.Module
		var got [][]float32
		tape := &nn.Tape{Plan: plan, Done: func(segment nn.Module) {
			told = append(told, segment)
			var final [][]float32
			for _, p := range nn.Parameters(segment) {
				final = append(final, p.Tensor.Grad().Float32s())
			}
			got = append(final, got...)
		}}
		gradients(s, tape)
		assert.Equal(t, want, got, "%v", plan)
		assert.Len(t, told, 3)
	}
}

// What is frozen in front of the first layer that trains has no backward pass, and is not computed again.
func TestFrozenSegmentsInFrontAreLeftOut(t *testing.T) {
	torchtest.NoLeaks(t)
	s := segments(t)
	nn.RequireGrad(s[0], false)
	want, _ := gradients(s, nil)
	require.Len(t, want, 8)
	for _, mode := range []recompute.Mode{recompute.KeepAll, recompute.KeepProducts, recompute.KeepInput} {
		got, _ := gradients(s, &nn.Tape{Plan: recompute.Each(3, mode)})
		assert.Equal(t, want, got, "%v", mode)
	}
}

// The parameters that did not run on a tape are the others.
func TestParametersOutsideTheTape(t *testing.T) {
	torchtest.NoLeaks(t)
	s := segments(t)
	whole := nn.Sequential{{Name: "trunk", Module: nn.Sequential{{Name: "0", Module: s[0]}, {Name: "1", Module: s[1]}, {Name: "2", Module: s[2]}}},
		{Name: "head", Module: nn.NewLinear(torchtest.Device, 4, 2, true)}}
	defer nn.Close(whole[1].Module)
	tape := &nn.Tape{Plan: recompute.Each(3, recompute.KeepAll)}
	defer tape.Close()
	tape.Run(&nn.Context{}, s, torch.Randn(torchtest.Device, 1, 3, 4, 4))
	assert.Equal(t, nn.Tensors(nn.Parameters(whole[1].Module)), tape.Others(whole))
	var none *nn.Tape
	assert.Equal(t, nn.Tensors(nn.Parameters(whole)), none.Others(whole))
}

// A step that fails gives everything back, and says what does not fit.
func TestATapeIsForOneTrunk(t *testing.T) {
	torchtest.NoLeaks(t)
	s, other := segments(t), segments(t)
	x := torch.Randn(torchtest.Device, 1, 3, 4, 4)
	tape := &nn.Tape{Plan: recompute.Each(2, recompute.KeepInput)}
	err := torch.Try(func() { tape.Run(&nn.Context{}, s, x) })
	require.ErrorContains(t, err, "the plan is for 2 segments, and the trunk has 3")
	tape = &nn.Tape{Plan: recompute.Each(3, recompute.KeepInput)}
	tape.Run(&nn.Context{Training: true}, s, x)
	require.ErrorContains(t, torch.Try(func() { tape.Run(&nn.Context{}, other, x) }), "a second one ran on it")
	tape.Close()
	tape.Close()
	for _, mode := range []recompute.Mode{recompute.KeepAll, recompute.KeepProducts, recompute.KeepInput} {
		tape = &nn.Tape{Plan: recompute.Each(3, mode)}
		require.Error(t, torch.Try(func() { tape.Run(&nn.Context{}, []nn.Module{s[0], s[1], s[0]}, x) }), "8 channels in place of 3")
		tape.Close()
	}
}

// Computing again holds less: of each segment its input, or its products.
func TestRecomputationHoldsLess(t *testing.T) {
	torchtest.NoLeaks(t)
	s := segments(t)
	peak := func(mode recompute.Mode) int64 {
		_, peak := torch.Account(func() {
			scope := torch.NewScope()
			defer scope.Close()
			tape := &nn.Tape{Plan: recompute.Each(3, mode)}
			defer tape.Close()
			tape.Run(&nn.Context{Training: true}, s, torch.Randn(torchtest.Device, 4, 3, 64, 64)).Sum().Backward()
			tape.Backward()
		})
		for _, m := range s {
			torch.ClearGrads(nn.Tensors(nn.Parameters(m)))
		}
		return peak
	}
	all, products, input := peak(recompute.KeepAll), peak(recompute.KeepProducts), peak(recompute.KeepInput)
	t.Logf("at most %d bytes with everything kept, %d with products, %d with inputs", all, products, input)
	assert.Less(t, products, all)
	assert.Less(t, input, products)
}
