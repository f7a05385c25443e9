// SPDX-License-Identifier: MIT

package torch_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/wangkuiyi/gotorch"

	"seer/internal/resident"
	"seer/torch"
	"seer/torch/torchtest"
)

func TestScopesOwnAndKeep(t *testing.T) {
	before := torch.LiveTensors()
	outer := torch.NewScope()
	a := torch.Ones(torch.Float32, torchtest.Device, 2)
	inner := torch.NewScope()
	b := a.Add(a)
	kept := inner.Keep(b.Add(b))
	inner.Close()
	inner.Close()
	assert.Error(t, torch.Try(func() { b.Relu() }), "b went with the inner scope")
	assert.Equal(t, []float32{4, 4}, kept.Float32s())
	free := torch.Ones(torch.Float32, torchtest.Device, 1).Release()
	outer.Close()
	assert.Error(t, torch.Try(func() { kept.Relu() }))
	assert.Equal(t, 1.0, free.Item(), "a released tensor outlives every scope")
	free.Close()
	assert.Equal(t, before, torch.LiveTensors())
}

// A use after the end names the place of the end, whichever way the tensor ended.
func TestClosedTensorsNameThePlaceThatClosedThem(t *testing.T) {
	torchtest.NoLeaks(t)
	var inScope *torch.Tensor
	endScope := func() {
		s := torch.NewScope()
		defer s.Close()
		inScope = torch.Ones(torch.Float32, torchtest.Device, 1)
	}
	endScope()
	byHand := torch.Ones(torch.Float32, torchtest.Device, 1)
	closeByHand(byHand)
	for want, use := range map[string]func(){
		"its scope was closed at ":     func() { inScope.Relu() },
		"scope_test.go":                func() { torch.Cat(0, inScope) },
		"closeByHand":                  func() { byHand.Item() },
		"TestClosedTensorsNameThePlac": func() { inScope.Gotorch() },
	} {
		assert.ErrorContains(t, torch.Try(use), want)
	}
	assert.Equal(t, "closed", inScope.String())
}

func closeByHand(x *torch.Tensor) { x.Close() }

// A gotorch view of a closed tensor meets the tensor of nothing, not freed memory.
func TestGotorchViewOfAClosedTensorIsRefused(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torch.Ones(torch.Float32, torchtest.Device, 2)
	view := x.Gotorch()
	x.Close()
	assert.Panics(t, func() { gotorch.Add(view, view, 1) })
}

func TestTensorWithoutScopeBelongsToTheCaller(t *testing.T) {
	before := torch.LiveTensors()
	x := torch.Ones(torch.Float32, torchtest.Device, 2)
	assert.Equal(t, before+1, torch.LiveTensors())
	x.Close()
	assert.Equal(t, before, torch.LiveTensors())
}

func TestScopesCloseInOrder(t *testing.T) {
	outer := torch.NewScope()
	inner := torch.NewScope()
	assert.Panics(t, outer.Close)
	inner.Close()
	outer.Close()
}

func TestScopedFreesAfterAPanic(t *testing.T) {
	torchtest.NoLeaks(t)
	before := torch.LiveTensors()
	err := torch.Try(func() {
		torch.Scoped(func() *torch.Tensor {
			x := torch.Ones(torch.Float32, torchtest.Device, 2)
			return x.Reshape(3)
		})
	})
	require.Error(t, err)
	assert.Equal(t, before, torch.LiveTensors())
}

// Many goroutines use the package at once: each has its own scope, and a scope's grad mode does not leak to bystanders.
func TestGoroutinesDoNotDisturbEachOther(t *testing.T) {
	before := torch.LiveTensors()
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for range 50 {
				torch.NoGrad(func() {
					s := torch.NewScope()
					defer s.Close()
					assert.False(t, torch.GradEnabled())
					torch.Ones(torch.Float32, torchtest.Device, 8).Add(torch.Ones(torch.Float32, torchtest.Device, 8))
				})
			}
		}()
		go func() {
			defer wg.Done()
			for range 50 {
				assert.True(t, torch.GradEnabled(), "a bystander saw gradients switched off")
				s := torch.NewScope()
				x := torch.Ones(torch.Float32, torchtest.Device, 4).SetRequiresGrad(true)
				x.Square().Sum().Backward()
				assert.Equal(t, []float32{2, 2, 2, 2}, x.Grad().Float32s())
				s.Close()
			}
		}()
	}
	wg.Wait()
	assert.Equal(t, before, torch.LiveTensors())
}

func TestGotorchBridge(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torchtest.Float32([]float32{1, 2}, 2)
	y := torch.FromGotorch(gotorch.Add(x.Gotorch(), x.Gotorch(), 1))
	assert.Equal(t, []float32{2, 4}, y.Float32s())
}

// A thousand training steps leave the count of live tensors flat, and the resident memory but for what a step's worth of
// leaks would dwarf: one lost activation a step, of 512 KiB here, would add 512 MiB.
func TestThousandStepsKeepMemoryFlat(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(1)
	weights := []*torch.Tensor{
		torch.Randn(torchtest.Device, 32, 3, 3, 3).SetRequiresGrad(true),
		torch.Randn(torchtest.Device, 10, 32).SetRequiresGrad(true),
	}
	buffers := []*torch.Tensor{torch.Zeros(torch.Float32, torchtest.Device, 32, 3, 3, 3), torch.Zeros(torch.Float32, torchtest.Device, 10, 32)}
	target := torchtest.Int64([]int64{1, 2, 3, 4}, 4)
	step := func() {
		s := torch.NewScope()
		defer s.Close()
		x := torch.Randn(torchtest.Device, 4, 3, 32, 32)
		y := torch.Conv2d(x, weights[0], nil, 1, 1, 1).ReluInPlace().AdaptiveAvgPool2d(1, 1).Flatten(1, 3)
		torch.CrossEntropy(torch.Linear(y, weights[1], nil), target).Backward()
		grads := []*torch.Tensor{weights[0].Grad(), weights[1].Grad()}
		torch.ForeachSGDInPlace(weights, grads, buffers, 0.9, false, []float64{1e-3, 1e-3})
		torch.ClearGrads(weights)
	}
	for range 300 {
		step()
	}
	tensors, memory := torch.LiveTensors(), resident.Now()
	for range 1000 {
		step()
	}
	assert.Equal(t, tensors, torch.LiveTensors())
	assert.Less(t, resident.Now()-memory, int64(32<<20))
}
