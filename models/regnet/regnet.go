// SPDX-License-Identifier: MIT

package regnet

import (
	"fmt"

	"seer/models/chain"
	"seer/models/regnet/arch"
	"seer/nn"
	"seer/torch"
)

// RegNet is a RegNetX or RegNetY trunk with an optional classifier. Its parameters have torchvision's names:
// stem.0.weight, trunk_output.block1.block1-0.f.a.0.weight, fc.weight.
type RegNet struct {
	chain.Chain
	Params arch.Params
}

// New allocates a trunk on dev with RegNet's initialisation (see [nn.NewConv2d]); with classes > 0 a linear classifier
// follows. On [torch.Meta] it allocates nothing and only has shapes. The random numbers come from the device's
// generator: seed it with torch.ManualSeed.
func New(p arch.Params, dev torch.Device, classes int) (*RegNet, error) {
	blocks, err := p.Blocks()
	if err != nil {
		return nil, err
	}
	m := &RegNet{chain.Chain{Network: p, Pooling: chain.Average, HeadName: "fc"}, p}
	err = torch.Try(func() { m.build(blocks, dev, int64(classes)) })
	if err != nil {
		return nil, fmt.Errorf("building a trunk of %d blocks, width %d: %w", len(blocks), p.Width(), err)
	}
	return m, nil
}

func (m *RegNet) build(blocks []arch.Block, dev torch.Device, classes int64) {
	m.Add("stem", newStem(dev, int64(blocks[0].In)))
	for _, b := range blocks {
		m.Add(fmt.Sprintf("trunk_output.block%d.block%d-%d", b.Stage, b.Stage, b.Index), newBlock(dev, b))
	}
	if classes > 0 {
		m.Head = nn.NewClassifier(dev, m.Width(), classes)
	}
}

// stem is a 3×3 convolution of stride 2, batch norm, ReLU.
type stem struct{ convNorm }

func newStem(dev torch.Device, width int64) stem {
	return stem{newConvNorm(dev, nn.ConvSpec{In: 3, Out: width, Kernel: 3, Stride: 2})}
}

// Forward maps images [N,3,H,W] to [N,32,⌈H/2⌉,⌈W/2⌉].
func (s stem) Forward(ctx *nn.Context, images *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor { return s.forward(ctx, images).ReluInPlace() })
}

// Walk visits convolution and batch norm.
func (s stem) Walk(prefix string, visit func(nn.Entry)) { s.walk(prefix, visit) }

// Interface guards.
var (
	_ nn.Module = (*RegNet)(nil)
	_ nn.Module = (*block)(nil)
)
