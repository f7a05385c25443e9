// SPDX-License-Identifier: MIT

package detect

import (
	"seer/models/maskrcnn"
	"seer/nn"
	"seer/torch"
	"seer/train"
)

// Method is a detector that learns the objects of images.
type Method struct{ *maskrcnn.Model }

// Forward implements train.Method: the five losses of Mask R-CNN. Batches are those of this package.
func (m *Method) Forward(ctx *nn.Context, b *train.Batch, _ int64) train.Output {
	examples, ok := b.Targets.Objects.([]maskrcnn.Example)
	if !ok {
		panic(&torch.OpError{Op: "detect", Message: "the batch has no objects"})
	}
	sizes := make([]maskrcnn.Size, len(examples))
	for i, e := range examples {
		sizes[i] = e.Size
	}
	blank(b.Views[0], sizes)
	l, err := m.Losses(ctx, b.Views[0], examples)
	if err != nil {
		panic(&torch.OpError{Op: "detect", Message: err.Error()})
	}
	return train.Output{
		Loss: l.Sum(),
		Metrics: func() []train.Metric {
			return []train.Metric{
				{Name: "loss_objectness", Value: l.Objectness.Item()}, {Name: "loss_proposals", Value: l.Proposals.Item()},
				{Name: "loss_classes", Value: l.Classes.Item()}, {Name: "loss_boxes", Value: l.Boxes.Item()}, {Name: "loss_masks", Value: l.Masks.Item()},
			}
		},
	}
}

// AfterUpdate implements train.Method.
func (*Method) AfterUpdate(int64) {}

// Walk visits the detector's tensors under torchvision's names.
func (m *Method) Walk(prefix string, visit func(nn.Entry)) { m.Model.Walk(prefix, visit) }
