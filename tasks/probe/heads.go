// SPDX-License-Identifier: MIT

package probe

import (
	"fmt"
	"math"
	"strconv"

	"seer/config"
	"seer/nn"
	"seer/optim/rules"
	"seer/supervised"
	"seer/torch"
	"seer/train"
)

// head is one classifier of a grid. It begins as it would begin alone, and nothing of the others reaches it.
type head struct {
	config.LinearHead
	*supervised.Classifier
	offset, width int64     // of its layer among the columns of the features
	loss          float64   // of the latest step
	losses        []float64 // of the last epoch
	diverged      int64     // the step, from 1, whose loss was not finite; 0: none
}

// heads learn beside each other from one batch: the views of a batch are features [B, Width], those of all layers.
type heads struct {
	all []*head
	// rows are the targets of images with several classes; else they have one each.
	rows bool
}

// newHeads allocates the classifiers of a grid, each drawn from the seed.
func newHeads(dev torch.Device, plan *config.LinearPlan, widths []int64, o LinearOptions) (*heads, error) {
	m := &heads{rows: o.Train != nil}
	offsets := make([]int64, len(widths))
	for i := 1; i < len(widths); i++ {
		offsets[i] = offsets[i-1] + widths[i-1]
	}
	for _, h := range plan.Heads {
		width := widths[h.Layer]
		made := &head{LinearHead: h, offset: offsets[h.Layer], width: width}
		err := torch.Try(func() {
			torch.Seeded(o.Seed, func() {
				made.Classifier = supervised.NewClassifier(dev, width, int64(o.Classes), h.BatchNorm)
			})
		})
		if err != nil {
			nn.Close(m)
			return nil, fmt.Errorf("allocating classifier %d of %d, of %d features and %d classes: %w", len(m.all)+1, len(plan.Heads), width, o.Classes, err)
		}
		m.all = append(m.all, made)
	}
	return m, nil
}

// settings are those of the parameters, in their order: one step of the optimizer moves each head at its own rate.
func (m *heads) settings(l config.Linear) (all []rules.Setting) {
	for _, h := range m.all {
		for _, p := range nn.Parameters(h) {
			s := rules.Default(l.WeightDecay, false)
			if h.Norm != nil && !l.DecayBatchNorm && (p.Tensor == h.Norm.Weight || p.Tensor == h.Norm.Bias) {
				s.WeightDecay = 0
			}
			s.LRMult = h.Multiple
			all = append(all, s)
		}
	}
	return all
}

// Walk visits the heads by their numbers.
func (m *heads) Walk(prefix string, visit func(nn.Entry)) {
	for i, h := range m.all {
		h.Walk(nn.Join(prefix, strconv.Itoa(i)), visit)
	}
}

// AfterUpdate implements train.Method.
func (*heads) AfterUpdate(int64) {}

// Forward implements train.Method. The loss is the sum of the heads' losses, so that each gets the gradient of its own. A
// head whose loss is not finite takes no part any more; the others go on.
func (m *heads) Forward(ctx *nn.Context, b *train.Batch, step int64) train.Output {
	var alive []*head
	var losses []*torch.Tensor
	inputs := m.inputs(b.Views[0])
	for _, h := range m.all {
		if h.diverged == 0 {
			alive = append(alive, h)
			losses = append(losses, m.lossOf(h.Forward(ctx, inputs[h.offset]), b.Targets))
		}
	}
	return train.Output{Loss: total(alive, losses, step)}
}

func (m *heads) lossOf(scores *torch.Tensor, t train.Targets) *torch.Tensor {
	if m.rows {
		return supervised.ClasswiseBinaryCrossEntropy(scores, t.Scores)
	}
	return supervised.CrossEntropy(scores, t.Classes, 0)
}

// inputs are the features of each layer, by the first of its columns. Columns among others are copied, so that a head
// computes with the same tensors as alone.
func (m *heads) inputs(x *torch.Tensor) map[int64]*torch.Tensor {
	all := map[int64]*torch.Tensor{}
	for _, h := range m.all {
		if all[h.offset] == nil {
			all[h.offset] = x
			if h.width != x.Size(1) {
				all[h.offset] = x.Narrow(1, h.offset, h.width).Contiguous()
			}
		}
	}
	return all
}

// total is the sum of the losses that are finite; heads of the others end. Where none is finite, the engine is shown one.
func total(of []*head, losses []*torch.Tensor, step int64) *torch.Tensor {
	flat := make([]*torch.Tensor, len(losses))
	for i, l := range losses {
		flat[i] = l.Detach().Reshape(1)
	}
	var sum *torch.Tensor
	var lost []*head
	for i, value := range torch.Cat(0, flat...).Float32s() {
		of[i].loss = float64(value)
		switch {
		case math.IsNaN(of[i].loss) || math.IsInf(of[i].loss, 0):
			lost = append(lost, of[i])
		case sum == nil:
			sum = losses[i]
		default:
			sum = sum.Add(losses[i])
		}
	}
	if sum == nil {
		return losses[0]
	}
	for _, h := range lost {
		h.end(step + 1)
	}
	return sum
}

// meanLoss is over the last epoch; 0 for a head that diverged.
func (h *head) meanLoss() float64 {
	if h.diverged > 0 {
		return 0
	}
	sum := 0.0
	for _, v := range h.losses {
		sum += v
	}
	return sum / float64(len(h.losses))
}
