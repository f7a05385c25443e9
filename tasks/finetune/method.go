// SPDX-License-Identifier: MIT

package finetune

import (
	"seer/models"
	"seer/nn"
	"seer/supervised"
	"seer/torch"
	"seer/torch/dist"
	"seer/train"
)

// Method is a trunk and a head that learn the classes of images.
type Method struct {
	Trunk      models.Trunk
	Head       *supervised.Head
	Classes    int64
	MultiLabel bool          // an image has any number of classes, not one
	Projector  int           // hidden layers of the head that are SwAV's
	Weights    *torch.Tensor // of classes, float32 [Classes]; nil: all alike
	Smoothing  float64       // of labels
	Mix        supervised.Mix
	Group      *dist.Group // processes whose batches are one; nil: this one alone
}

// Forward implements train.Method on one view an image.
func (m *Method) Forward(ctx *nn.Context, b *train.Batch, step int64) train.Output {
	images, targets := b.Views[0], b.Targets
	if m.Mix.Active() {
		images, targets.Scores = m.Mix.Apply(images, targets.Classes, m.Classes, m.Smoothing, step)
	}
	scores := m.Head.Forward(ctx, m.Trunk.Forward(ctx, images))
	var loss *torch.Tensor
	torch.NoAutocast(scores.Device(), func() { loss = m.loss(scores, targets) })
	return train.Output{
		Loss:    loss,
		Metrics: func() []train.Metric { return m.metrics(scores, b.Targets) },
		Dump: func() []train.Named {
			all := []train.Named{{Name: "scores", Tensor: scores.Detach()}}
			if m.Weights != nil {
				all = append(all, train.Named{Name: ClassWeightsName, Tensor: m.Weights})
			}
			return all
		},
	}
}

// loss compares scores with what the images should be recognised as.
func (m *Method) loss(scores *torch.Tensor, targets train.Targets) *torch.Tensor {
	mixed := targets.Scores != nil // shares of classes
	switch weighted := m.Weights != nil; {
	case m.MultiLabel && weighted:
		return supervised.WeightedBinaryCrossEntropy(scores, targets.Scores, m.Weights)
	case m.MultiLabel:
		return supervised.BinaryCrossEntropy(scores, targets.Scores)
	case mixed && weighted:
		return supervised.WeightedSoftCrossEntropy(scores, targets.Scores, m.Weights)
	case mixed:
		return supervised.SoftCrossEntropy(scores, targets.Scores)
	case weighted:
		return supervised.WeightedCrossEntropy(scores, targets.Classes, m.Weights, m.Smoothing)
	}
	return supervised.CrossEntropy(scores, targets.Classes, m.Smoothing)
}

// metrics of a batch: average precision over so few images would say nothing.
func (m *Method) metrics(scores *torch.Tensor, targets train.Targets) []train.Metric {
	if m.MultiLabel {
		return nil
	}
	return []train.Metric{{Name: "train_top1", Value: m.top1(scores, targets.Classes)}}
}

// top1 is the share of images of a batch, that of all processes, in per cent, whose class has the best score.
func (m *Method) top1(scores, classes *torch.Tensor) (percent float64) {
	scope := torch.NewScope()
	defer scope.Close()
	torch.NoGrad(func() {
		wrong := scores.Detach().Argmax(1).To(torch.Float32).Sub(classes.To(torch.Float32)).NeScalar(0)
		percent = 100 * (1 - m.Group.SumInPlace(wrong.To(torch.Float32).Mean()).Item()/float64(m.Group.Size()))
	})
	return percent
}

// AfterUpdate implements train.Method.
func (*Method) AfterUpdate(int64) {}

// ClassWeightsName is that of the classes' weights in what is kept of a broken step.
const ClassWeightsName = "class_weights"

// headName is what the names of the head's tensors begin with.
const headName = "head"

// Walk visits the trunk and the head.
func (m *Method) Walk(prefix string, visit func(nn.Entry)) {
	m.Trunk.Walk(nn.Join(prefix, "trunk"), visit)
	m.Head.Walk(nn.Join(prefix, headName), visit)
}
