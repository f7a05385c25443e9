// SPDX-License-Identifier: MIT

package resnet

import (
	"seer/nn"
	"seer/torch"
)

// convNorm is a convolution with batch norm behind it, each under its own name.
type convNorm struct {
	conv, norm string // names in the parent
	*nn.Conv2d
	*nn.BatchNorm
}

func newConvNorm(dev torch.Device, conv, norm string, s nn.ConvSpec) convNorm {
	return convNorm{conv, norm, nn.NewConv2d(dev, s), nn.NewBatchNorm(dev, s.Out)}
}

func (c convNorm) forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return c.BatchNorm.Forward(ctx, c.Conv2d.Forward(ctx, x))
}

func (c convNorm) walk(prefix string, visit func(nn.Entry)) {
	c.Conv2d.Walk(nn.Join(prefix, c.conv), visit)
	c.BatchNorm.Walk(nn.Join(prefix, c.norm), visit)
}
