// SPDX-License-Identifier: MIT

package nn_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/nn"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
	"seer/torch/torchtest"
)

// normalised is what a batch norm makes of a batch, and the gradients of a loss in which every value weighs differently.
type normalised struct {
	y, dx, dw, db, mean, variance *torch.Tensor
}

// normalise runs forward and backward of a fresh layer. x and the gradient of the output are all of the batch, of which
// this member has the rows [from, to).
func normalise(g *dist.Group, x, dy *torch.Tensor, from, to int64) normalised {
	b := nn.NewBatchNorm(torch.CPU, x.Size(1))
	torch.NoGrad(func() {
		b.Weight.CopyInPlace(torch.FromFloat32([]float32{0.5, 2, -1}, 3))
		b.Bias.CopyInPlace(torch.FromFloat32([]float32{1, 0, -2}, 3))
	})
	own := x.Narrow(0, from, to-from).Clone().SetRequiresGrad(true)
	y := b.Forward(&nn.Context{Training: true, Norm: g}, own)
	y.BackwardWith(dy.Narrow(0, from, to-from).To(y.DType()))
	return normalised{y.Detach(), own.Grad(), b.Weight.Grad(), b.Bias.Grad(), b.RunningMean, b.RunningVar}
}

func close32(t *testing.T, what string, got, want *torch.Tensor, tol float64) {
	t.Helper()
	torchtest.Close(t, what, got.To(torch.Float32).Float32s(), want.To(torch.Float32).Float32s(), tol)
}

// Three processes with 1, 4 and 3 images see what one process with 8 images sees.
func TestBatchNormOverProcessesIsThatOfTheWholeBatch(t *testing.T) {
	rows := []int64{0, 1, 5, 8}
	disttest.Run(t, 3, func(t *testing.T, g *dist.Group) {
		torch.ManualSeed(7)
		for _, shape := range [][]int64{{8, 3, 5, 4}, {8, 3}} {
			for _, layout := range []string{"row-major", "channels-last"} {
				x := torch.Randn(torch.CPU, shape...).MulScalar(3).AddScalar(5)
				dy := torch.Randn(torch.CPU, shape...)
				if layout == "channels-last" && len(shape) == 4 {
					x, dy = x.ToChannelsLast(), dy.ToChannelsLast()
				}
				from, to := rows[g.Rank()], rows[g.Rank()+1]
				want := normalise(nil, x, dy, 0, 8)
				got := normalise(g, x, dy, from, to)
				name := fmt.Sprint(shape, " ", layout)
				close32(t, name+" output", got.y, want.y.Narrow(0, from, to-from), 2e-5)
				close32(t, name+" gradient", got.dx, want.dx.Narrow(0, from, to-from), 2e-5)
				close32(t, name+" mean", got.mean, want.mean, 1e-6)
				close32(t, name+" variance", got.variance, want.variance, 1e-6)
				close32(t, name+" gradients of weight, summed", g.SumInPlace(got.dw), want.dw, 2e-5)
				close32(t, name+" gradients of bias, summed", g.SumInPlace(got.db), want.db, 2e-5)
			}
		}
	})
}

// In bfloat16 the statistics stay in float32.
func TestBatchNormOverProcessesInMixedPrecision(t *testing.T) {
	disttest.Run(t, 2, func(t *testing.T, g *dist.Group) {
		torch.ManualSeed(8)
		x := torch.Randn(torch.CPU, 8, 3, 6, 6).To(torch.BFloat16)
		dy := torch.Randn(torch.CPU, 8, 3, 6, 6).To(torch.BFloat16)
		want := normalise(nil, x.To(torch.Float32), dy.To(torch.Float32), 0, 8)
		from := int64(4 * g.Rank())
		got := normalise(g, x, dy, from, from+4)
		assert.Equal(t, torch.BFloat16, got.y.DType())
		close32(t, "mean", got.mean, want.mean, 1e-5)
		close32(t, "variance", got.variance, want.variance, 1e-5)
		difference := got.y.To(torch.Float32).Sub(want.y.Narrow(0, from, 4)).Abs().Max().Item()
		assert.Less(t, difference, 0.05)
		difference = got.dx.To(torch.Float32).Sub(want.dx.Narrow(0, from, 4)).Abs().Max().Item()
		assert.Less(t, difference, 0.05)
	})
}

// A recomputed pass leaves the running statistics alone, and evaluation needs no other process.
func TestBatchNormOverProcessesKeepsStatisticsWhenAsked(t *testing.T) {
	disttest.Run(t, 2, func(t *testing.T, g *dist.Group) {
		torchtest.NoLeaks(t)
		b := nn.NewBatchNorm(torch.CPU, 3)
		defer nn.Close(b)
		x := torch.Randn(torch.CPU, 4, 3, 2, 2)
		b.Forward(&nn.Context{Training: true, KeepStatistics: true, Norm: g}, x)
		assert.Equal(t, []float32{0, 0, 0, 1, 1, 1}, append(b.RunningMean.Float32s(), b.RunningVar.Float32s()...))
		if g.Rank() == 0 {
			y := b.Forward(&nn.Context{Norm: g}, x)
			close32(t, "output", y, x, 2e-5)
		}
	})
}
