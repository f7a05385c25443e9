// SPDX-License-Identifier: MIT

package supervised

import (
	"seer/nn"
	"seer/torch"
)

// Classifier maps features [N,Width] to scores [N,classes]: an optional trainable batch norm, then one Linear. VISSL
// calls the two forms "eval_mlp" and "mlp"; the batch norm makes the probe insensitive to the scale of the features,
// which differs by orders of magnitude between trunks.
type Classifier struct {
	Norm   *nn.BatchNorm // nil without
	Linear *nn.Linear
}

// NewClassifier allocates a classifier on dev: weights N(0, 0.01²) from the device's generator, biases 0.
func NewClassifier(dev torch.Device, width, classes int64, batchNorm bool) *Classifier {
	c := &Classifier{Linear: nn.NewClassifier(dev, width, classes)}
	if batchNorm {
		c.Norm = nn.NewBatchNorm(dev, width)
	}
	return c
}

// Forward computes scores.
func (c *Classifier) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	if c.Norm != nil {
		x = c.Norm.Forward(ctx, x)
	}
	return c.Linear.Forward(ctx, x)
}

// Walk visits the batch norm as "norm" and the Linear as "linear".
func (c *Classifier) Walk(prefix string, visit func(nn.Entry)) {
	if c.Norm != nil {
		c.Norm.Walk(nn.Join(prefix, "norm"), visit)
	}
	c.Linear.Walk(nn.Join(prefix, "linear"), visit)
}

var _ nn.Module = (*Classifier)(nil)
