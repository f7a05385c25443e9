// SPDX-License-Identifier: MIT

package maskrcnn

import (
	"errors"
	"fmt"

	"seer/models/fpn"
	"seer/models/maskrcnn/boxes"
	"seer/nn"
	"seer/torch"
)

// Trunk is what a detector needs of one.
type Trunk interface {
	nn.Walker
	// Stages computes the outputs of the stages for images [N,3,H,W], finest first.
	Stages(ctx *nn.Context, images *torch.Tensor) []*torch.Tensor
	// StageWidths are their channels.
	StageWidths() []int64
}

// Design is the shape of a detector on its trunk, and whose conventions it follows.
type Design struct {
	Classes    int // without the background
	Convention boxes.Convention
	Width      int64 // channels of the pyramid and of the heads' convolutions; 0: 256
	// ProposalConvs are the 3×3 convolutions of the network that proposes regions: 1 in the paper, 2 in newer baselines.
	ProposalConvs int
	// BoxConvs 3×3 convolutions and BoxLinears linear layers of BoxWidth look at a region: 0, 2 and 1024 in the paper, 4 and
	// 1 in newer baselines.
	BoxConvs, BoxLinears int
	BoxWidth             int64
	MaskConvs            int // 4
	Regions              int // of an image that the heads learn from; 0: 512
	// PyramidNorm and HeadNorm put batch norm behind the convolutions of the pyramid and of the heads.
	PyramidNorm, HeadNorm bool
	// FrozenTrunk has the trunk's batch norms use their running statistics in training, too.
	FrozenTrunk bool
}

// Paper is the design of maskrcnn_resnet50_fpn, and of detectron2's mask_rcnn_*_FPN_1x.
func Paper(classes int, c boxes.Convention) Design {
	return Design{Classes: classes, Convention: c, ProposalConvs: 1, BoxLinears: 2, BoxWidth: 1024, MaskConvs: 4}
}

func (d Design) check() error {
	switch {
	case d.Classes < 1:
		return fmt.Errorf("maskrcnn: %d classes; at least 1 is needed", d.Classes)
	case d.ProposalConvs < 1 || d.MaskConvs < 1 || d.BoxConvs < 0:
		return fmt.Errorf("maskrcnn: %d, %d and %d convolutions that propose, look at boxes and at masks; at least 1, 0 and 1 are needed", d.ProposalConvs, d.BoxConvs, d.MaskConvs)
	case d.BoxLinears < 1 || d.BoxWidth < 1:
		return fmt.Errorf("maskrcnn: %d linear layers of width %d; at least one of 1 is needed", d.BoxLinears, d.BoxWidth)
	}
	return nil
}

// Model is a detector. It owns its trunk.
type Model struct {
	Design
	Trunk Trunk

	pyramid   *fpn.FPN
	proposals *proposalHead
	boxes     *boxHead
	masks     *maskHead
}

// levels of the pyramid that regions are looked up in; one more proposes.
const levels = 4

// New allocates a detector on dev around a trunk. The random numbers come from the device's generator: seed it with
// torch.ManualSeed.
func New(trunk Trunk, d Design, dev torch.Device) (*Model, error) {
	if d.Width == 0 {
		d.Width = 256
	}
	if d.Regions == 0 {
		d.Regions = boxes.DetectionSampler.Size
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	stages := trunk.StageWidths()
	if len(stages) != levels {
		return nil, errors.New("maskrcnn: the trunk has no four stages, of a quarter to a 32nd of the image, that a pyramid stands on; RegNets and ResNets have them")
	}
	m := &Model{Design: d, Trunk: trunk}
	err := torch.Try(func() {
		m.pyramid = fpn.New(dev, stages, d.Width, d.PyramidNorm)
		m.proposals = newProposalHead(dev, d)
		m.boxes = newBoxHead(dev, d)
		m.masks = newMaskHead(dev, d)
	})
	return m, err
}

// Walk visits all tensors under torchvision's names.
func (m *Model) Walk(prefix string, visit func(nn.Entry)) {
	m.Trunk.Walk(nn.Join(prefix, TrunkName), visit)
	m.pyramid.Walk(nn.Join(prefix, "backbone.fpn"), visit)
	m.proposals.Walk(nn.Join(prefix, "rpn.head"), visit)
	m.boxes.Walk(nn.Join(prefix, "roi_heads"), visit)
	m.masks.Walk(nn.Join(prefix, "roi_heads"), visit)
}

// TrunkName is what the names of the trunk's tensors begin with.
const TrunkName = "backbone.body"

// features are the maps of the pyramid, the coarsest for proposals only.
func (m *Model) features(ctx *nn.Context, images *torch.Tensor) []*torch.Tensor {
	trunk := *ctx
	trunk.Training = ctx.Training && !m.FrozenTrunk
	return m.pyramid.Forward(ctx, m.Trunk.Stages(&trunk, images))
}

// lookUp aligns regions of side × side cells on the level of the pyramid that their size belongs to. Maps are scaled by powers
// of two, as torchvision infers it.
func (m *Model) lookUp(maps []*torch.Tensor, regions [][]boxes.Box, side int64) *torch.Tensor {
	pyramid, scales := boxes.Pyramid(m.Convention), make([]float64, levels)
	for i := range scales {
		scales[i] = 1 / float64(int(4)<<i)
	}
	var all []torch.Region
	for image, own := range regions {
		for _, b := range own {
			all = append(all, torch.Region{Map: pyramid.Of(b) - pyramid.First, Image: image, Box: b})
		}
	}
	aligned, sampling := false, int64(2)
	if m.Convention == boxes.Detectron2 {
		aligned, sampling = true, 0
	}
	return torch.RoIAlign(maps[:levels], scales, all, side, sampling, aligned)
}
