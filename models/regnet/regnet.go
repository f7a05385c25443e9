// SPDX-License-Identifier: MIT

package regnet

import (
	"fmt"

	"seer/models/regnet/arch"
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
)

// RegNet is a RegNetX or RegNetY trunk with an optional classifier.
type RegNet struct {
	Params arch.Params
	stem   stem
	stages [][]*Block
	fc     *nn.Linear // nil: the trunk alone
}

// New allocates a trunk on dev with RegNet's initialisation (see [nn.NewConv2d]); with classes > 0 a linear classifier
// follows. On [torch.Meta] it allocates nothing and only has shapes. The random numbers come from the device's
// generator: seed it with torch.ManualSeed.
func New(p arch.Params, dev torch.Device, classes int) (*RegNet, error) {
	blocks, err := p.Blocks()
	if err != nil {
		return nil, err
	}
	m := &RegNet{Params: p}
	err = torch.Try(func() { m.build(blocks, dev, int64(classes)) })
	if err != nil {
		return nil, fmt.Errorf("building a trunk of %d blocks, width %d: %w", len(blocks), p.Width(), err)
	}
	return m, nil
}

func (m *RegNet) build(blocks []arch.Block, dev torch.Device, classes int64) {
	stemWidth := int64(blocks[0].In)
	m.stem = stem{newConvNorm(dev, nn.ConvSpec{In: 3, Out: stemWidth, Kernel: 3, Stride: 2})}
	for _, d := range blocks {
		if d.Index == 0 {
			m.stages = append(m.stages, nil)
		}
		last := len(m.stages) - 1
		m.stages[last] = append(m.stages[last], newBlock(dev, d))
	}
	if classes > 0 {
		m.fc = nn.NewClassifier(dev, int64(m.Params.Width()), classes)
	}
}

// Width is the number of pooled features.
func (m *RegNet) Width() int64 { return int64(m.Params.Width()) }

// StageWidths are the channels behind each stage.
func (m *RegNet) StageWidths() []int64 {
	widths := make([]int64, len(m.stages))
	for i, stage := range m.stages {
		widths[i] = stage[len(stage)-1].width
	}
	return widths
}

// Ends are the indices of each stage's last segment.
func (m *RegNet) Ends() []int {
	ends, last := make([]int, len(m.stages)), 0
	for i, stage := range m.stages {
		last += len(stage)
		ends[i] = last
	}
	return ends
}

// Cost is the work and memory of each segment for an image of height×width pixels.
func (m *RegNet) Cost(height, width int) []sketch.SegmentCost {
	return sketch.Draw(m.Params, height, width).Segments
}

// stem is the first segment of the trunk: a 3×3 convolution of stride 2, batch norm, ReLU.
type stem struct{ convNorm }

// Forward maps images [N,3,H,W] to [N,32,⌈H/2⌉,⌈W/2⌉].
func (s stem) Forward(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor { return s.forward(ctx, images).ReluInPlace() })
}

// Walk visits convolution and batch norm.
func (s stem) Walk(prefix string, visit func(nn.Entry)) { s.walk(prefix, visit) }

// Segments lists stem and blocks. Between two of them only one tensor passes.
func (m *RegNet) Segments() []nn.Module {
	segments := []nn.Module{m.stem}
	for _, b := range m.Blocks() {
		segments = append(segments, b)
	}
	return segments
}

// Pool averages the last segment's output over its pixels, to features [N,Width].
func (m *RegNet) Pool(x *torch.Tensor) *torch.Tensor {
	return x.AdaptiveAvgPool2d(1, 1).Flatten(1, 3)
}

// Stem runs the first segment of the trunk.
func (m *RegNet) Stem(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return m.stem.Forward(ctx, images)
}

// Blocks lists the residual blocks in order. Between two of them only one tensor passes, so that they can be cut into
// segments anywhere.
func (m *RegNet) Blocks() []*Block {
	var all []*Block
	for _, s := range m.stages {
		all = append(all, s...)
	}
	return all
}

// Stages computes the outputs of the four stages for images [N,3,H,W]: [N,Wᵢ,⌈H/2^(i+1)⌉,⌈W/2^(i+1)⌉] for stages i from
// 1, which detectors take as their pyramid.
func (m *RegNet) Stages(ctx *nn.Context, images *torch.Tensor) []*torch.Tensor {
	x := m.Stem(ctx, images)
	var out []*torch.Tensor
	for _, stage := range m.stages {
		for _, b := range stage {
			x = b.Forward(ctx, x)
		}
		out = append(out, x)
	}
	return out
}

// Features maps images [N,3,H,W] of any size to pooled features [N,Width].
func (m *RegNet) Features(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		x := m.Stem(ctx, images)
		for _, b := range m.Blocks() {
			y := b.Forward(ctx, x)
			x.Close()
			x = y
		}
		return m.Pool(x)
	})
}

// Forward gives logits [N,classes] when there is a classifier, pooled features [N,Width] otherwise.
func (m *RegNet) Forward(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	features := m.Features(ctx, images)
	if m.fc == nil {
		return features
	}
	return m.fc.Forward(ctx, features)
}

// Walk visits stem, blocks and classifier under torchvision's names: stem.0.weight,
// trunk_output.block1.block1-0.f.a.0.weight, fc.weight.
func (m *RegNet) Walk(prefix string, visit func(nn.Entry)) {
	m.stem.walk(nn.Join(prefix, "stem"), visit)
	for i, stage := range m.stages {
		at := nn.Join(prefix, fmt.Sprintf("trunk_output.block%d", i+1))
		for _, b := range stage {
			b.Walk(nn.Join(at, b.Name), visit)
		}
	}
	if m.fc != nil {
		m.fc.Walk(nn.Join(prefix, "fc"), visit)
	}
}

// Interface guards.
var (
	_ nn.Module = (*RegNet)(nil)
	_ nn.Module = (*Block)(nil)
)
