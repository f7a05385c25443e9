// SPDX-License-Identifier: MIT

package resnet

import (
	"fmt"

	"seer/models/chain"
	"seer/models/resnet/arch"
	"seer/nn"
	"seer/torch"
)

// ResNet is a network of bottleneck blocks with an optional classifier.
type ResNet struct{ chain.Chain }

// New allocates a ResNet or ResNeXt on dev with torchvision's initialisation: convolutions N(0, 2/(k²·out)), the
// classifier PyTorch's default of a linear layer.
func New(r arch.ResNet, dev torch.Device, classes int) (*ResNet, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("resnet: %w", err)
	}
	m := &ResNet{chain.Chain{Network: r, Pooling: chain.Average, HeadName: "fc"}}
	err := torch.Try(func() {
		m.Add("", newStem(dev, arch.StemWidth))
		for _, b := range r.Blocks() {
			m.Add(fmt.Sprintf("layer%d.%d", b.Stage, b.Index), newBlock(dev, b))
		}
		if classes > 0 {
			m.Head = nn.NewLinear(dev, int64(r.Width()), int64(classes), true)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("building a ResNet of %d, %d, %d and %d blocks: %w", r.Depths[0], r.Depths[1], r.Depths[2], r.Depths[3], err)
	}
	return m, nil
}

// stem is a 7×7 convolution of stride 2, batch norm, ReLU and the maximum of 3×3 pixels with stride 2.
type stem struct{ convNorm }

func newStem(dev torch.Device, width int64) stem {
	return stem{newConvNorm(dev, "conv1", "bn1", nn.ConvSpec{In: 3, Out: width, Kernel: 7, Stride: 2})}
}

// Forward maps images [N,3,H,W] to [N,64,⌈H/4⌉,⌈W/4⌉].
func (s stem) Forward(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor { return s.forward(ctx, images).ReluInPlace().MaxPool2d(3, 2, 1) })
}

// Walk visits convolution and batch norm.
func (s stem) Walk(prefix string, visit func(nn.Entry)) { s.walk(prefix, visit) }

// block is a residual bottleneck: relu(shortcut(x) + f(x)), where f is a 1×1 convolution, a 3×3 one that carries stride
// and groups, and a 1×1 one without activation.
type block struct {
	a, b, c    convNorm
	downsample *convNorm // nil: the shortcut is x itself
}

func newBlock(dev torch.Device, d arch.Block) *block {
	in, mid, out, stride := int64(d.In), int64(d.Mid), int64(d.Out), int64(d.Stride)
	b := &block{
		a: newConvNorm(dev, "conv1", "bn1", nn.ConvSpec{In: in, Out: mid, Kernel: 1}),
		b: newConvNorm(dev, "conv2", "bn2", nn.ConvSpec{In: mid, Out: mid, Kernel: 3, Stride: stride, Groups: int64(d.Groups)}),
		c: newConvNorm(dev, "conv3", "bn3", nn.ConvSpec{In: mid, Out: out, Kernel: 1}),
	}
	if d.Project {
		p := newConvNorm(dev, "downsample.0", "downsample.1", nn.ConvSpec{In: in, Out: out, Kernel: 1, Stride: stride})
		b.downsample = &p
	}
	return b
}

// Forward maps [N,in,H,W] to [N,out,⌈H/stride⌉,⌈W/stride⌉]. The sum and the activations are in place: batch norm does
// not need its output for the backward pass.
func (b *block) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		y := b.a.forward(ctx, x).ReluInPlace()
		y = b.b.forward(ctx, y).ReluInPlace()
		y = b.c.forward(ctx, y)
		shortcut := x
		if b.downsample != nil {
			shortcut = b.downsample.forward(ctx, x)
		}
		return y.AddInPlace(shortcut).ReluInPlace()
	})
}

// Walk visits the three convolutions, then the shortcut's projection.
func (b *block) Walk(prefix string, visit func(nn.Entry)) {
	b.a.walk(prefix, visit)
	b.b.walk(prefix, visit)
	b.c.walk(prefix, visit)
	if b.downsample != nil {
		b.downsample.walk(prefix, visit)
	}
}
