// SPDX-License-Identifier: MIT

package dist_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/nn"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
	"seer/torch/torchtest"
)

// One member has nobody to talk to, but its messages take the whole way: on a GPU that is NCCL.
func TestCollectivesOnTheDevice(t *testing.T) {
	disttest.Run(t, 1, func(t *testing.T, g *dist.Group) {
		torchtest.NoLeaks(t)
		values := []float32{1, 2, 3, 4, 5, 6}
		x := torchtest.Float32(values, 2, 3)
		assert.Equal(t, values, g.SumInPlace(x).Float32s())
		assert.Equal(t, values, g.MaxInPlace(x).Float32s())
		assert.Equal(t, []int64{1, 2, 3}, g.Gather(x).Shape())
		assert.Equal(t, values, g.Gather(x).Float32s())
		g.BroadcastInPlace(x, 0)
		a := g.Averages()
		a.Add(x, torch.Ones(torch.BFloat16, torchtest.Device, 8<<20))
		a.Wait()
		assert.Equal(t, values, x.Float32s())
		assert.Equal(t, torchtest.Device, x.Device())
		g.Barrier()
	})
}

func TestBatchNormOfAGroupOfOneOnTheDevice(t *testing.T) {
	disttest.Run(t, 1, func(t *testing.T, g *dist.Group) {
		torchtest.NoLeaks(t)
		torch.ManualSeed(1)
		for _, dtype := range []torch.DType{torch.Float32, torch.BFloat16} {
			x, dy := torch.Randn(torchtest.Device, 6, 5, 4, 4).To(dtype), torch.Randn(torchtest.Device, 6, 5, 4, 4).To(dtype)
			want, dwant := normalise(nil, x, dy)
			got, dgot := normalise(g, x, dy)
			tolerance := map[torch.DType]float64{torch.Float32: 1e-5, torch.BFloat16: 0.02}[dtype]
			torchtest.Close(t, "output", got, want, tolerance)
			torchtest.Close(t, "gradient", dgot, dwant, tolerance)
		}
	})
}

func normalise(g *dist.Group, x, dy *torch.Tensor) (y, dx []float32) {
	b := nn.NewBatchNorm(torchtest.Device, x.Size(1))
	defer nn.Close(b)
	own := x.Clone().SetRequiresGrad(true)
	out := b.Forward(&nn.Context{Training: true, Norm: g}, own)
	out.BackwardWith(dy)
	return out.Detach().To(torch.Float32).Float32s(), own.Grad().To(torch.Float32).Float32s()
}
