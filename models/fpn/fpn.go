// SPDX-License-Identifier: MIT

// Package fpn builds feature pyramids (Lin et al., arXiv 1612.03144) on the stages of a trunk: maps of one width, each with
// what the coarser ones know. Names and initialisation are torchvision's.
package fpn

import (
	"fmt"
	"math"

	"seer/nn"
	"seer/torch"
)

// FPN makes a pyramid of the outputs of a trunk's stages, finest first.
type FPN struct {
	laterals []lateral // of the stages
	outputs  []lateral
}

// lateral is a convolution with bias, or one without and batch norm behind it.
type lateral struct {
	conv *nn.Conv2d
	norm *nn.BatchNorm // nil: none
}

// New allocates a pyramid of width channels for stages of so many channels, with batch norm behind each convolution if norm
// says so: as plain, synchronised or frozen as the context of the forward pass has it.
func New(dev torch.Device, stages []int64, width int64, norm bool) *FPN {
	f := &FPN{}
	for _, channels := range stages {
		f.laterals = append(f.laterals, newLateral(dev, nn.ConvSpec{In: channels, Out: width, Kernel: 1}, norm))
		f.outputs = append(f.outputs, newLateral(dev, nn.ConvSpec{In: width, Out: width, Kernel: 3}, norm))
	}
	return f
}

func newLateral(dev torch.Device, s nn.ConvSpec, norm bool) lateral {
	s.Bias = !norm
	l := lateral{conv: nn.NewConv2d(dev, s)}
	nn.Uniform(l.conv.Weight, math.Sqrt(3/float64(s.In*s.Kernel*s.Kernel))) // Xavier's, as in both libraries
	if norm {
		l.norm = nn.NewBatchNorm(dev, s.Out)
	} else {
		nn.Constant(l.conv.Bias, 0)
	}
	return l
}

func (l lateral) forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	x = l.conv.Forward(ctx, x)
	if l.norm != nil {
		x = l.norm.Forward(ctx, x)
	}
	return x
}

func (l lateral) walk(prefix string, visit func(nn.Entry)) {
	l.conv.Walk(nn.Join(prefix, "0"), visit)
	if l.norm != nil {
		l.norm.Walk(nn.Join(prefix, "1"), visit)
	}
}

// Forward maps the stages' outputs [N,C,H,W] to as many [N,width,H,W], and one more level behind them of half the last one's
// size, its every other pixel: proposals of large objects are looked for there.
func (f *FPN) Forward(ctx *nn.Context, stages []*torch.Tensor) []*torch.Tensor {
	if len(stages) != len(f.laterals) {
		panic(&torch.OpError{Op: "fpn", Message: fmt.Sprintf("%d maps for a pyramid of %d stages", len(stages), len(f.laterals))})
	}
	pyramid := make([]*torch.Tensor, len(stages))
	var above *torch.Tensor
	for i := len(stages) - 1; i >= 0; i-- {
		x := f.laterals[i].forward(ctx, stages[i])
		if above != nil {
			x = x.Add(above.ResizeNearest(x.Size(2), x.Size(3)))
		}
		above = x
		pyramid[i] = f.outputs[i].forward(ctx, x)
	}
	return append(pyramid, pyramid[len(pyramid)-1].MaxPool2d(1, 2, 0))
}

// Walk visits the convolutions on the stages, then those behind the sums.
func (f *FPN) Walk(prefix string, visit func(nn.Entry)) {
	for i, l := range f.laterals {
		l.walk(nn.Join(prefix, fmt.Sprintf("inner_blocks.%d", i)), visit)
	}
	for i, l := range f.outputs {
		l.walk(nn.Join(prefix, fmt.Sprintf("layer_blocks.%d", i)), visit)
	}
}
