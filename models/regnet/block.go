// SPDX-License-Identifier: MIT

package regnet

import (
	"seer/models/regnet/arch"
	"seer/nn"
	"seer/torch"
)

// convNorm is a convolution with batch norm behind it: children "0" and "1" in torchvision's names. The activation
// stands with whoever knows whether one follows.
type convNorm struct {
	conv *nn.Conv2d
	norm *nn.BatchNorm
}

func newConvNorm(dev torch.Device, s nn.ConvSpec) convNorm {
	return convNorm{nn.NewConv2d(dev, s), nn.NewBatchNorm(dev, s.Out)}
}

func (c convNorm) forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return c.norm.Forward(ctx, c.conv.Forward(ctx, x))
}

func (c convNorm) walk(prefix string, visit func(nn.Entry)) {
	c.conv.Walk(nn.Join(prefix, "0"), visit)
	c.norm.Walk(nn.Join(prefix, "1"), visit)
}

// squeeze is squeeze-and-excitation (arXiv 1709.01507): every channel is scaled by a gate in (0,1) computed from the
// image's channel means.
type squeeze struct {
	fc1, fc2 *nn.Conv2d // 1×1 convolutions with bias: width → SE → width
}

func newSqueeze(dev torch.Device, width, hidden int64) *squeeze {
	return &squeeze{
		fc1: nn.NewConv2d(dev, nn.ConvSpec{In: width, Out: hidden, Kernel: 1, Bias: true}),
		fc2: nn.NewConv2d(dev, nn.ConvSpec{In: hidden, Out: width, Kernel: 1, Bias: true}),
	}
}

func (s *squeeze) forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	ctx = ctx.WithoutProducts() // both are overwritten
	gate := s.fc1.Forward(ctx, x.AdaptiveAvgPool2d(1, 1)).ReluInPlace()
	return x.Mul(s.fc2.Forward(ctx, gate).SigmoidInPlace())
}

func (s *squeeze) walk(prefix string, visit func(nn.Entry)) {
	s.fc1.Walk(nn.Join(prefix, "fc1"), visit)
	s.fc2.Walk(nn.Join(prefix, "fc2"), visit)
}

// block is a residual bottleneck: relu(shortcut(x) + f(x)), where f is a 1×1 convolution (a), a 3×3 grouped convolution
// that carries the stride (b), squeeze-and-excitation (se; not in a RegNetX) and a 1×1 convolution without activation (c).
type block struct {
	proj *convNorm // nil: the shortcut is x itself
	a, b convNorm
	se   *squeeze // nil: a RegNetX
	c    convNorm
}

func newBlock(dev torch.Device, d arch.Block) *block {
	in, mid, out := int64(d.In), int64(d.Bottleneck), int64(d.Out)
	// The order is that of the draws: another one gives the same seed other weights.
	b := &block{
		a: newConvNorm(dev, nn.ConvSpec{In: in, Out: mid, Kernel: 1}),
		b: newConvNorm(dev, nn.ConvSpec{In: mid, Out: mid, Kernel: 3, Stride: int64(d.Stride), Groups: int64(d.Groups)}),
	}
	if d.SE > 0 {
		b.se = newSqueeze(dev, mid, int64(d.SE))
	}
	b.c = newConvNorm(dev, nn.ConvSpec{In: mid, Out: out, Kernel: 1})
	if d.Project {
		p := newConvNorm(dev, nn.ConvSpec{In: in, Out: out, Kernel: 1, Stride: int64(d.Stride)})
		b.proj = &p
	}
	return b
}

// Forward maps [N,in,H,W] to [N,out,⌈H/stride⌉,⌈W/stride⌉]. The sum and the activations are in place: batch norm does
// not need its output for the backward pass. The scope drops every handle but the result's, so that activations live
// only as long as autograd needs them.
func (b *block) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		y := b.a.forward(ctx, x).ReluInPlace()
		y = b.b.forward(ctx, y).ReluInPlace()
		if b.se != nil {
			y = b.se.forward(ctx, y)
		}
		y = b.c.forward(ctx, y)
		shortcut := x
		if b.proj != nil {
			shortcut = b.proj.forward(ctx, x)
		}
		return y.AddInPlace(shortcut).ReluInPlace()
	})
}

// Walk visits the shortcut's projection first, as torchvision does.
func (b *block) Walk(prefix string, visit func(nn.Entry)) {
	if b.proj != nil {
		b.proj.walk(nn.Join(prefix, "proj"), visit)
	}
	f := nn.Join(prefix, "f")
	b.a.walk(nn.Join(f, "a"), visit)
	b.b.walk(nn.Join(f, "b"), visit)
	if b.se != nil {
		b.se.walk(nn.Join(f, "se"), visit)
	}
	b.c.walk(nn.Join(f, "c"), visit)
}
