// SPDX-License-Identifier: MIT

// Package vit builds vision transformers (Dosovitskiy et al., arXiv 2010.11929) under torchvision's names and with its
// initialisation. An image of another size than the position embedding is for gets one that is resampled, as timm does
// with dynamic_img_size: several resolutions can be trained at once.
package vit

import (
	"fmt"
	"math"

	"seer/models/chain"
	"seer/models/vit/arch"
	"seer/nn"
	"seer/torch"
)

// epsilon of the layer norms; PyTorch's default is 1e-5.
const epsilon = 1e-6

// ViT is a vision transformer with an optional classifier.
type ViT struct{ chain.Chain }

// New allocates a transformer on dev with torchvision's initialisation.
func New(p arch.ViT, dev torch.Device, classes int) (*ViT, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("vision transformer: %w", err)
	}
	m := &ViT{chain.Chain{Network: p, Pooling: class, HeadName: "heads.head"}}
	err := torch.Try(func() { m.build(p, dev, int64(classes)) })
	if err != nil {
		return nil, fmt.Errorf("building a vision transformer of %d layers, width %d: %w", p.Layers, p.Hidden, err)
	}
	return m, nil
}

// build makes stem, layers and the last normalisation, which is a segment of its own.
func (m *ViT) build(p arch.ViT, dev torch.Device, classes int64) {
	m.Add("", newStem(dev, p))
	for i := range p.Layers {
		m.Add(fmt.Sprintf("encoder.layers.encoder_layer_%d", i), newLayer(dev, p))
	}
	m.Add("encoder.ln", nn.NewLayerNorm(dev, m.Width(), epsilon))
	if classes > 0 {
		m.Head = nn.NewLinear(dev, m.Width(), classes, true)
		nn.Constant(m.Head.Weight, 0)
		nn.Constant(m.Head.Bias, 0)
	}
}

// class takes the class token [N,D] of tokens [N,L,D].
func class(tokens *torch.Tensor) *torch.Tensor { return tokens.Narrow(1, 0, 1).Squeeze(1) }

// stem projects patches to tokens, puts the class token first and adds positions.
type stem struct {
	class     *torch.Tensor // [1,1,D]
	patches   *nn.Conv2d
	positions *torch.Tensor // [1,1+G²,D]
	grid      int64         // G: patches on a side that positions are for
}

func newStem(dev torch.Device, p arch.ViT) *stem {
	hidden, patch, grid := int64(p.Hidden), int64(p.Patch), int64(p.Grid())
	s := &stem{
		class:     nn.NewParameter(dev, 1, 1, hidden),
		patches:   nn.NewConv2d(dev, nn.ConvSpec{In: 3, Out: hidden, Kernel: patch, Stride: patch, Bias: true, Unpadded: true}),
		positions: nn.NewParameter(dev, 1, 1+grid*grid, hidden),
		grid:      grid,
	}
	nn.Constant(s.class, 0)
	// torchvision cuts this distribution at ±2, which is over fifty deviations away.
	nn.Normal(s.patches.Weight, math.Sqrt(1/float64(3*patch*patch)))
	nn.Constant(s.patches.Bias, 0)
	nn.Normal(s.positions, 0.02)
	return s
}

// Forward maps images [N,3,H,W] to tokens [N,1+H/P·W/P,D]. It panics with a *torch.OpError where a side is no multiple
// of the patch's.
func (s *stem) Forward(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		x := s.patches.Forward(ctx, images)
		n, h, w := x.Size(0), x.Size(2), x.Size(3)
		if p := s.patches.Stride; images.Size(2) != h*p || images.Size(3) != w*p {
			panic(&torch.OpError{Op: "patches", Inputs: []string{images.String()},
				Message: fmt.Sprintf("height and width must be multiples of the patch's %d pixels: crop to such a size", p)})
		}
		tokens := torch.Cat(1, s.class.Expand(n, 1, -1), x.Flatten(2, 3).Transpose(1, 2))
		return tokens.Add(s.at(h, w))
	})
}

// at are the positions of h×w patches, resampled where they are for another grid.
func (s *stem) at(h, w int64) *torch.Tensor {
	if h == s.grid && w == s.grid {
		return s.positions
	}
	width := s.positions.Size(2)
	class, patches := s.positions.Narrow(1, 0, 1), s.positions.Narrow(1, 1, s.grid*s.grid)
	square := patches.Transpose(1, 2).Reshape(1, width, s.grid, s.grid).ResizeBicubic(h, w)
	return torch.Cat(1, class, square.Flatten(2, 3).Transpose(1, 2))
}

// Walk visits class token, projection and positions.
func (s *stem) Walk(prefix string, visit func(nn.Entry)) {
	visit(nn.Entry{Name: nn.Join(prefix, "class_token"), Kind: nn.Parameter, Tensor: s.class})
	s.patches.Walk(nn.Join(prefix, "conv_proj"), visit)
	visit(nn.Entry{Name: nn.Join(prefix, "encoder.pos_embedding"), Kind: nn.Parameter, Tensor: s.positions})
}

// layer is x + attention(norm(x)), then x + perceptron(norm(x)).
type layer struct {
	norm1     *nn.LayerNorm
	attention *nn.SelfAttention
	norm2     *nn.LayerNorm
	in, out   *nn.Linear
}

func newLayer(dev torch.Device, p arch.ViT) *layer {
	hidden, inside := int64(p.Hidden), int64(p.MLP)
	return &layer{
		norm1:     nn.NewLayerNorm(dev, hidden, epsilon),
		attention: nn.NewSelfAttention(dev, hidden, int64(p.Heads)),
		norm2:     nn.NewLayerNorm(dev, hidden, epsilon),
		in:        newPerceptron(dev, hidden, inside),
		out:       newPerceptron(dev, inside, hidden),
	}
}

// newPerceptron is a linear layer with weights U(±sqrt(6/(in+out))) and biases N(0, 1e-12).
func newPerceptron(dev torch.Device, in, out int64) *nn.Linear {
	l := nn.NewLinear(dev, in, out, true)
	nn.Uniform(l.Weight, math.Sqrt(6/float64(in+out)))
	nn.Normal(l.Bias, 1e-6)
	return l
}

// Forward maps tokens [N,L,D] to [N,L,D].
func (l *layer) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		x := l.attention.Forward(ctx, l.norm1.Forward(ctx, x)).Add(x)
		y := l.in.Forward(ctx, l.norm2.Forward(ctx, x)).Gelu()
		return l.out.Forward(ctx, y).Add(x)
	})
}

// Walk visits the tensors in definition order.
func (l *layer) Walk(prefix string, visit func(nn.Entry)) {
	l.norm1.Walk(nn.Join(prefix, "ln_1"), visit)
	l.attention.Walk(nn.Join(prefix, "self_attention"), visit)
	l.norm2.Walk(nn.Join(prefix, "ln_2"), visit)
	l.in.Walk(nn.Join(prefix, "mlp.0"), visit)
	l.out.Walk(nn.Join(prefix, "mlp.3"), visit)
}

// Interface guards.
var (
	_ nn.Module = (*layer)(nil)
	_ nn.Module = (*stem)(nil)
)
