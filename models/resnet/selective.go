// SPDX-License-Identifier: MIT

package resnet

import (
	"fmt"
	"math"

	"seer/models/chain"
	"seer/models/resnet/arch"
	"seer/nn"
	"seer/torch"
)

// Selective is a ResNet of SimCLR v2 with an optional classifier.
type Selective struct{ chain.Chain }

// NewSelective allocates one on dev with the initialisation of google-research/simclr: convolutions are normal with
// variance 1/fan_in, cut at two deviations, the last scale of each residual branch is 0, and the classifier N(0, 0.01²).
func NewSelective(r arch.Selective, dev torch.Device, classes int) (*Selective, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("resnet of SimCLR v2: %w", err)
	}
	m := &Selective{chain.Chain{Network: r, Pooling: chain.Average, HeadName: "fc"}}
	err := torch.Try(func() {
		m.Add("net.0", newSelectiveStem(dev, int64(64*r.Multiplier)))
		for _, b := range r.Blocks() {
			m.Add(fmt.Sprintf("net.%d.blocks.%d", b.Stage, b.Index), newSelectiveBlock(dev, b))
		}
		if classes > 0 {
			m.Head = nn.NewClassifier(dev, int64(r.Width()), int64(classes))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("building a ResNet of SimCLR v2, %d times as wide: %w", r.Multiplier, err)
	}
	return m, nil
}

// truncation is what cutting a normal distribution at two deviations leaves of its deviation.
const truncation = 0.87962566103423978

// scaled is newConvNorm with TensorFlow's variance_scaling_initializer.
func scaled(dev torch.Device, conv, norm string, s nn.ConvSpec) convNorm {
	c := newConvNorm(dev, conv, norm, s)
	scale(c.Conv2d)
	return c
}

func scale(c *nn.Conv2d) *nn.Conv2d {
	shape := c.Weight.Shape()
	std := math.Sqrt(1/float64(shape[1]*shape[2]*shape[3])) / truncation
	nn.TruncatedNormal(c.Weight, std, 2*std)
	return c
}

// selectiveStem is three 3×3 convolutions, the first of stride 2, and the maximum of 3×3 pixels with stride 2.
type selectiveStem [3]convNorm

func newSelectiveStem(dev torch.Device, width int64) selectiveStem {
	half := width / 2
	return selectiveStem{
		scaled(dev, "0", "1.0", nn.ConvSpec{In: 3, Out: half, Kernel: 3, Stride: 2}),
		scaled(dev, "2", "3.0", nn.ConvSpec{In: half, Out: half, Kernel: 3}),
		scaled(dev, "4", "5.0", nn.ConvSpec{In: half, Out: width, Kernel: 3}),
	}
}

// Forward maps images [N,3,H,W] to [N,width,⌈H/4⌉,⌈W/4⌉].
func (s selectiveStem) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		for _, c := range s {
			x = c.forward(ctx, x).ReluInPlace()
		}
		return x.MaxPool2d(3, 2, 1)
	})
}

// Walk visits the convolutions in order.
func (s selectiveStem) Walk(prefix string, visit func(nn.Entry)) {
	for _, c := range s {
		c.walk(prefix, visit)
	}
}

// selective is a selective kernel: two streams of 3×3 convolutions, added with weights per channel that a small network
// computes from the mean of their sum.
type selective struct {
	main, mix convNorm // main: both streams in one convolution
	weigh     *nn.Conv2d
}

func newSelective(dev torch.Device, d arch.SelectiveBlock) selective {
	mid, mix := int64(d.Mid), int64(d.Mix)
	return selective{
		main:  scaled(dev, "main_conv.0", "main_conv.1.0", nn.ConvSpec{In: mid, Out: 2 * mid, Kernel: 3, Stride: int64(d.Stride)}),
		mix:   scaled(dev, "mixing_conv.0", "mixing_conv.1.0", nn.ConvSpec{In: mid, Out: mix, Kernel: 1}),
		weigh: scale(nn.NewConv2d(dev, nn.ConvSpec{In: mix, Out: 2 * mid, Kernel: 1})),
	}
}

func (s selective) forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	first, second := halves(s.main.forward(ctx, x).ReluInPlace())
	mean := first.AdaptiveAvgPool2d(1, 1).Add(second.AdaptiveAvgPool2d(1, 1))
	a, b := halves(s.weigh.Forward(ctx, s.mix.forward(ctx, mean).ReluInPlace()))
	// The softmax of two is a sigmoid of their difference.
	gate := a.Sub(b).SigmoidInPlace()
	return second.Add(first.Sub(second).Mul(gate))
}

// halves are the first and the second half of the channels.
func halves(x *torch.Tensor) (first, second *torch.Tensor) {
	n := x.Size(1) / 2
	return x.Narrow(1, 0, n), x.Narrow(1, n, n)
}

func (s selective) walk(prefix string, visit func(nn.Entry)) {
	s.main.walk(prefix, visit)
	s.mix.walk(prefix, visit)
	s.weigh.Walk(nn.Join(prefix, "mixing_conv.2"), visit)
}

// selectiveBlock is a residual bottleneck with a selective kernel in the middle.
type selectiveBlock struct {
	a, c       convNorm
	b          selective
	projection *convNorm // of the 2×2 average; nil: the shortcut is x itself
	stride     int64
}

func newSelectiveBlock(dev torch.Device, d arch.SelectiveBlock) *selectiveBlock {
	in, mid, out := int64(d.In), int64(d.Mid), int64(d.Out)
	b := &selectiveBlock{
		a:      scaled(dev, "net.0", "net.1.0", nn.ConvSpec{In: in, Out: mid, Kernel: 1}),
		b:      newSelective(dev, d),
		c:      scaled(dev, "net.3", "net.4.0", nn.ConvSpec{In: mid, Out: out, Kernel: 1}),
		stride: int64(d.Stride),
	}
	nn.Constant(b.c.BatchNorm.Weight, 0)
	if d.Project {
		p := scaled(dev, "shortcut.2", "bn.0", nn.ConvSpec{In: in, Out: out, Kernel: 1})
		b.projection = &p
	}
	return b
}

// Forward maps [N,in,H,W] to [N,out,⌈H/stride⌉,⌈W/stride⌉].
func (b *selectiveBlock) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		y := b.a.forward(ctx, x).ReluInPlace()
		y = b.c.forward(ctx, b.b.forward(ctx, y))
		shortcut := x
		if b.projection != nil {
			shortcut = b.projection.forward(ctx, x.AvgPool2d(2, b.stride, 1))
		}
		return y.AddInPlace(shortcut).ReluInPlace()
	})
}

// Walk visits the shortcut's projection, then the branch.
func (b *selectiveBlock) Walk(prefix string, visit func(nn.Entry)) {
	if b.projection != nil {
		b.projection.walk(nn.Join(prefix, "projection"), visit)
	}
	b.a.walk(prefix, visit)
	b.b.walk(nn.Join(prefix, "net.2"), visit)
	b.c.walk(prefix, visit)
}
