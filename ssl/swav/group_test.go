// SPDX-License-Identifier: MIT

package swav_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/nn"
	"seer/ssl/swav"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
	"seer/torch/torchtest"
)

// part is what a process has of crops [count·batch, …]: of each crop the images of its share of the batch.
func part(g *dist.Group, crops *torch.Tensor) *torch.Tensor {
	own := int64(batch / g.Size())
	var parts []*torch.Tensor
	for from := int64(0); from < crops.Size(0); from += batch {
		parts = append(parts, crops.Narrow(0, from+own*int64(g.Rank()), own))
	}
	return torch.Cat(0, parts...)
}

// together trains a system for some steps: alone on whole batches, or as a member of a group on its part of them.
func together(t *testing.T, g *dist.Group, o swav.Hyperparameters) (s *swav.SwAV, losses []float32, health swav.Health) {
	s = newSystem(t, o)
	s.Group = g
	ctx := &nn.Context{Training: true, Norm: g}
	for step := range int64(4) {
		images := twoSizes(uint64(step))
		if g != nil {
			images = []*torch.Tensor{part(g, images[0]), part(g, images[1])}
		}
		out := s.Forward(ctx, images, int64(batch/g.Size()), step)
		losses = append(losses, float32(g.SumInPlace(out.Loss.Detach()).Item()/float64(g.Size())))
		health = swav.Measure(g, out)
		out.Loss.Backward()
		params := nn.Tensors(nn.Parameters(s))
		mean := g.Averages()
		torch.NoGrad(func() {
			for _, p := range params {
				mean.Add(p.Grad())
			}
			mean.Wait()
			for _, p := range params {
				p.AddInPlace(p.Grad().MulScalar(-0.1))
			}
		})
		torch.ClearGrads(params)
		s.Prototypes.Normalize()
	}
	return s, losses, health
}

// Batch norm, Sinkhorn, the queue (which fills, turns and is longer than a batch), loss and gradients of three processes
// are those of one with the whole batch.
func TestProcessesLearnWhatOneLearns(t *testing.T) {
	for name, length := range map[string]int64{"without a queue": 0, "with a queue": 7} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.QueueLength = length
			disttest.Run(t, 3, func(t *testing.T, g *dist.Group) {
				torchtest.NoLeaks(t)
				alone, wantLosses, wantHealth := together(t, nil, o)
				s, losses, health := together(t, g, o)
				torchtest.Close(t, "losses", losses, wantLosses, 1e-5)
				want := nn.Entries(alone)
				for i, e := range nn.Entries(s) {
					torchtest.Close(t, e.Name, e.Tensor.To(torch.Float32).Float32s(), want[i].Tensor.To(torch.Float32).Float32s(), 2e-5)
				}
				assert.InEpsilon(t, wantHealth.Entropy, health.Entropy, 1e-5)
				assert.InEpsilon(t, wantHealth.Confidence, health.Confidence, 1e-5)
				assert.InEpsilon(t, wantHealth.EmbeddingStd, health.EmbeddingStd, 1e-5)
				assert.Equal(t, wantHealth.PrototypesUsed, health.PrototypesUsed)
				assert.Equal(t, wantHealth.Assigned, health.Assigned)
			})
		})
	}
}

// Rows may be spread unevenly: with a queue they are.
func TestSinkhornOverUnevenProcesses(t *testing.T) {
	rows := []int64{0, 4, 5, 12}
	disttest.Run(t, 3, func(t *testing.T, g *dist.Group) {
		torchtest.NoLeaks(t)
		torch.ManualSeed(9)
		first, second := cosines(12, 7, 16), cosines(12, 7, 16)
		from, n := rows[g.Rank()], rows[g.Rank()+1]-rows[g.Rank()]
		own := []*torch.Tensor{first.Narrow(0, from, n), second.Narrow(0, from, n)}
		for i, q := range swav.SinkhornOver(g, own, 0.05, 3) {
			want := swav.Sinkhorn([]*torch.Tensor{first, second}[i], 0.05, 3).Narrow(0, from, n)
			torchtest.Close(t, "assignments", q.Float32s(), want.Float32s(), 1e-5)
		}
	})
}
