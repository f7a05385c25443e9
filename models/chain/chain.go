// SPDX-License-Identifier: MIT

// Package chain is what the families of trunks share: a chain of segments with a pooling behind it. A family makes the
// segments; everything that package models asks of a trunk follows from them and from its description.
package chain

import (
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
)

// Chain is a trunk with an optional classifier.
type Chain struct {
	Network  sketch.Network
	Parts    []nn.Child // the segments in order, under their names in the state dict
	Pooling  func(x *torch.Tensor) *torch.Tensor
	Head     *nn.Linear // nil: the trunk alone
	HeadName string
}

// Average is the pooling of convolutional trunks: maps [N,C,H,W] to their means [N,C].
func Average(x *torch.Tensor) *torch.Tensor { return x.AdaptiveAvgPool2d(1, 1).Flatten(1, 3) }

// Add puts a segment behind those that are there.
func (c *Chain) Add(name string, segment nn.Module) {
	c.Parts = append(c.Parts, nn.Child{Name: name, Module: segment})
}

// Segments lists the segments in order. Between two of them only one tensor passes.
func (c *Chain) Segments() []nn.Module {
	all := make([]nn.Module, len(c.Parts))
	for i, p := range c.Parts {
		all[i] = p.Module
	}
	return all
}

// Pool turns the last segment's output into features [N,Width].
func (c *Chain) Pool(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor { return c.Pooling(x) })
}

// Forward gives logits [N,classes] of images [N,3,H,W] when there is a classifier, pooled features [N,Width] otherwise.
func (c *Chain) Forward(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		x := c.Pool(c.last(ctx, images))
		if c.Head != nil {
			x = c.Head.Forward(ctx, x)
		}
		return x
	})
}

// last is the output of the last segment, on the context's tape where there is one and gradients are recorded.
func (c *Chain) last(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	if ctx.Tape != nil && torch.GradEnabled() {
		return ctx.Tape.Run(ctx, c.Segments(), images)
	}
	return nn.Run(ctx, c.Segments(), images)
}

// Stages computes the outputs of the stages for images [N,3,H,W], finest first, which detectors take as their pyramid.
func (c *Chain) Stages(ctx *nn.Context, images *torch.Tensor) []*torch.Tensor {
	ends, out, x := c.Ends(), []*torch.Tensor{}, images
	if ctx.Tape != nil && torch.GradEnabled() {
		return ctx.Tape.Stages(ctx, c.Segments(), ends, images)
	}
	for i, p := range c.Parts {
		x = p.Module.Forward(ctx, x)
		if len(out) < len(ends) && i == ends[len(out)] {
			out = append(out, x)
		}
	}
	return out
}

// Walk visits the segments and the classifier.
func (c *Chain) Walk(prefix string, visit func(nn.Entry)) {
	nn.Sequential(c.Parts).Walk(prefix, visit)
	if c.Head != nil {
		c.Head.Walk(nn.Join(prefix, c.HeadName), visit)
	}
}

// Width is the number of pooled features.
func (c *Chain) Width() int64 { return int64(c.Network.Width()) }

// Ends are the indices of each stage's last segment.
func (c *Chain) Ends() []int { return sketch.Draw(c.Network, 0, 0).Ends }

// StageWidths are the channels behind each stage.
func (c *Chain) StageWidths() []int64 { return sketch.Draw(c.Network, 0, 0).Widths }

// Cost is the work and memory of each segment for an image of height×width pixels.
func (c *Chain) Cost(height, width int) []sketch.SegmentCost {
	return sketch.Draw(c.Network, height, width).Segments
}
