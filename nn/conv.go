// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"seer/torch"
)

// Conv2d is torch.nn.Conv2d with square kernels and zero padding.
type Conv2d struct {
	Weight *torch.Tensor // [out, in/groups, k, k]
	Bias   *torch.Tensor // [out], or nil

	Stride, Padding, Groups int64
}

// ConvSpec are the sizes of a [Conv2d]. Stride and Groups of 0 mean 1. The padding is Kernel/2, so that a stride of 1
// keeps the size of the image, or none with Unpadded.
type ConvSpec struct {
	In, Out, Kernel, Stride, Groups int64
	Bias, Unpadded                  bool
}

// NewConv2d allocates a convolution on dev and initialises it as RegNet and torchvision's ResNet do: weights N(0, 2/(k²·out)), not divided by
// the groups; a bias keeps PyTorch's default U(±1/sqrt(fan_in)) (ClassyVision and torchvision, RegNet.__init__).
func NewConv2d(dev torch.Device, s ConvSpec) *Conv2d {
	groups, stride := max(s.Groups, 1), max(s.Stride, 1)
	c := &Conv2d{Stride: stride, Padding: s.Kernel / 2, Groups: groups}
	fanIn := float64(s.In / groups * s.Kernel * s.Kernel)
	fanOut := float64(s.Out * s.Kernel * s.Kernel)
	if s.Unpadded {
		c.Padding = 0
	}
	c.Weight = NewParameter(dev, s.Out, s.In/groups, s.Kernel, s.Kernel)
	Normal(c.Weight, math.Sqrt(2/fanOut))
	if s.Bias {
		c.Bias = NewParameter(dev, s.Out)
		Uniform(c.Bias, 1/math.Sqrt(fanIn))
	}
	return c
}

// Forward maps [N,in,H,W] to [N,out,⌈H/stride⌉,⌈W/stride⌉], rounded down where it is unpadded.
func (c *Conv2d) Forward(ctx *Context, x *torch.Tensor) *torch.Tensor {
	return ctx.seen(c.Weight, ctx.product(func() *torch.Tensor {
		return torch.Conv2d(x, c.Weight, c.Bias, c.Stride, c.Padding, c.Groups)
	}, func(y *torch.Tensor) *torch.Tensor {
		return torch.Conv2dKept(y, x, c.Weight, c.Bias, c.Stride, c.Padding, c.Groups)
	}))
}

// Walk visits weight and bias.
func (c *Conv2d) Walk(prefix string, visit func(Entry)) {
	visit(Entry{Join(prefix, "weight"), Parameter, c.Weight})
	if c.Bias != nil {
		visit(Entry{Join(prefix, "bias"), Parameter, c.Bias})
	}
}
