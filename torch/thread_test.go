// SPDX-License-Identifier: MIT

package torch_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch"
)

// Each goroutine has the number of threads that it asked for, whatever others ask for meanwhile and wherever the
// scheduler would like to put it.
func TestOnThreadHoldsItsNumberOfThreads(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 20 {
		want := 1 + g%3
		wg.Go(func() {
			before := 0
			check := func() error {
				for range 50 {
					if got := torch.Threads(); got != want {
						t.Errorf("goroutine %d has %d threads, and asked for %d", g, got, want)
					}
					runtime.Gosched()
				}
				return nil
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			before = torch.Threads()
			assert.NoError(t, torch.OnThread(want, check))
			assert.Equal(t, before, torch.Threads(), "the thread's former number comes back")
		})
	}
	wg.Wait()
}

func TestOnThreadNestsAndPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	err := torch.OnThread(3, func() error {
		assert.NoError(t, torch.OnThread(2, func() error {
			assert.Equal(t, 2, torch.Threads())
			return nil
		}))
		assert.Equal(t, 3, torch.Threads())
		assert.NoError(t, torch.OnThread(0, func() error {
			assert.Equal(t, 1, torch.Threads(), "0 is the number that these tests have set")
			return nil
		}))
		return broken
	})
	assert.ErrorIs(t, err, broken)
}

// What is drawn behind a seed does not depend on who else draws.
func TestSeededDrawsDependOnTheSeedAlone(t *testing.T) {
	draw := func(seed uint64) (values []float32) {
		scope := torch.NewScope()
		defer scope.Close()
		torch.Seeded(seed, func() {
			for range 20 {
				values = append(values, torch.Randn(torch.CPU, 3).Float32s()...)
				runtime.Gosched()
			}
		})
		return values
	}
	want := [][]float32{draw(0), draw(1), draw(2)}
	var wg sync.WaitGroup
	for g := range 20 {
		wg.Go(func() { assert.Equal(t, want[g%3], draw(uint64(g%3))) })
	}
	wg.Wait()
}

// A parameter that is used twice in 16 bits is cast once: its gradients are added up in 16 bits. With the cast forgotten
// in between, because another thread left its Autocast, they would be added up in float32.
func TestAutocastIsNotDisturbedByOtherThreads(t *testing.T) {
	gradient := func(pause func()) []float32 {
		scope := torch.NewScope()
		defer scope.Close()
		w := torch.FromFloat32([]float32{0.3, 0.7, -0.2, 0.9}, 1, 4).SetRequiresGrad(true)
		torch.Autocast(torch.CPU, torch.BFloat16, func() {
			sum := torch.Zeros(torch.Float32, torch.CPU, 1)
			for i := range 8 {
				x := torch.FromFloat32([]float32{1.01, 0.33, 0.77, float32(i) / 7}, 1, 4)
				sum = sum.Add(torch.Linear(x, w, nil).To(torch.Float32).Square().Sum())
				pause()
			}
			sum.Sum().Backward()
		})
		return w.Grad().Float32s()
	}
	want := gradient(func() {})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				assert.Equal(t, want, gradient(runtime.Gosched))
			}
		})
	}
	wg.Wait()
}

func TestDeviceNames(t *testing.T) {
	for _, bad := range []string{"cpu:1", "auto:0", "cuda:", "cuda:-1", "cuda:1x", "CUDA"} {
		_, err := torch.ParseDevice(bad)
		require.ErrorContains(t, err, bad)
	}
}
