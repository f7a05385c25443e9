// SPDX-License-Identifier: MIT

package finetune

import (
	"seer/models"
	"seer/nn"
	"seer/supervised"
	"seer/torch"
	"seer/train"
)

// Method is a trunk and a head that learn one class an image.
type Method struct {
	Trunk     models.Trunk
	Head      *supervised.Head
	Smoothing float64 // of labels
	Mix       supervised.Mix
	Classes   int64
}

// Forward implements train.Method on one view an image.
func (m *Method) Forward(ctx *nn.Context, b *train.Batch, step int64) train.Output {
	images, shares := b.Views[0], (*torch.Tensor)(nil)
	if m.Mix.Active() {
		images, shares = m.Mix.Apply(images, b.Targets.Classes, m.Classes, m.Smoothing, step)
	}
	scores := m.Head.Forward(ctx, m.Trunk.Forward(ctx, images))
	var loss *torch.Tensor
	torch.NoAutocast(scores.Device(), func() {
		if shares != nil {
			loss = supervised.SoftCrossEntropy(scores, shares)
		} else {
			loss = supervised.CrossEntropy(scores, b.Targets.Classes, m.Smoothing)
		}
	})
	return train.Output{
		Loss: loss,
		Metrics: func() []train.Metric {
			return []train.Metric{{Name: "train_top1", Value: top1(scores, b.Targets.Classes)}}
		},
		Dump: func() []train.Named { return []train.Named{{Name: "scores", Tensor: scores.Detach()}} },
	}
}

// top1 is the share of images of a batch, in per cent, whose class has the best score.
func top1(scores, classes *torch.Tensor) (percent float64) {
	scope := torch.NewScope()
	defer scope.Close()
	torch.NoGrad(func() {
		wrong := scores.Detach().Argmax(1).To(torch.Float32).Sub(classes.To(torch.Float32)).NeScalar(0)
		percent = 100 * (1 - wrong.To(torch.Float32).Mean().Item())
	})
	return percent
}

// AfterUpdate implements train.Method.
func (*Method) AfterUpdate(int64) {}

// headName is what the names of the head's tensors begin with.
const headName = "head"

// Walk visits the trunk and the head.
func (m *Method) Walk(prefix string, visit func(nn.Entry)) {
	m.Trunk.Walk(nn.Join(prefix, "trunk"), visit)
	m.Head.Walk(nn.Join(prefix, headName), visit)
}
