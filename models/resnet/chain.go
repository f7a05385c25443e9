// SPDX-License-Identifier: MIT

package resnet

import (
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
)

// chain is what the networks of this package share: segments, named below the network, with an average behind them.
type chain struct {
	network  sketch.Network
	segments []nn.Child
	fc       *nn.Linear // nil: the trunk alone
}

// Segments lists stem and blocks.
func (c *chain) Segments() []nn.Module {
	all := make([]nn.Module, len(c.segments))
	for i, s := range c.segments {
		all[i] = s.Module
	}
	return all
}

// Pool averages the last segment's output over its pixels, to features [N,Width].
func (c *chain) Pool(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor { return x.AdaptiveAvgPool2d(1, 1).Flatten(1, 3) })
}

// Forward gives logits [N,classes] of images [N,3,H,W] when there is a classifier, pooled features [N,Width] otherwise.
func (c *chain) Forward(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		x := images
		for _, s := range c.segments {
			y := s.Module.Forward(ctx, x)
			if x != images {
				x.Close()
			}
			x = y
		}
		x = c.Pool(x)
		if c.fc != nil {
			x = c.fc.Forward(ctx, x)
		}
		return x
	})
}

// Walk visits stem, blocks and classifier.
func (c *chain) Walk(prefix string, visit func(nn.Entry)) {
	nn.Sequential(c.segments).Walk(prefix, visit)
	if c.fc != nil {
		c.fc.Walk(nn.Join(prefix, "fc"), visit)
	}
}

// Width is the number of pooled features.
func (c *chain) Width() int64 { return int64(c.network.Width()) }

// Ends are the indices of each stage's last segment.
func (c *chain) Ends() []int { return sketch.Draw(c.network, 0, 0).Ends }

// StageWidths are the channels behind each stage.
func (c *chain) StageWidths() []int64 { return sketch.Draw(c.network, 0, 0).Widths }

// Cost is the work and memory of each segment for an image of height×width pixels.
func (c *chain) Cost(height, width int) []sketch.SegmentCost {
	return sketch.Draw(c.network, height, width).Segments
}
