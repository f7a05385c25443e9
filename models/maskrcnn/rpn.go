// SPDX-License-Identifier: MIT

package maskrcnn

import (
	"fmt"

	"seer/models/maskrcnn/boxes"
	"seer/nn"
	"seer/torch"
)

// anchorSizes are the sides of the anchors of each level, and anchorRatios their heights over their widths.
var (
	anchorSizes  = []float64{32, 64, 128, 256, 512}
	anchorRatios = []float64{.5, 1, 2}
)

// proposalHead is the network that proposes regions (Faster R-CNN, arXiv 1506.01497, section 3.1): for each anchor at each
// place of a map, whether there is an object, and where exactly.
type proposalHead struct {
	convs        []*nn.Conv2d
	logits, code *nn.Conv2d
}

func newProposalHead(dev torch.Device, d Design) *proposalHead {
	h := &proposalHead{}
	conv := func(out, kernel int64) *nn.Conv2d {
		c := nn.NewConv2d(dev, nn.ConvSpec{In: d.Width, Out: out, Kernel: kernel, Bias: true})
		nn.Normal(c.Weight, .01)
		nn.Constant(c.Bias, 0)
		return c
	}
	for range d.ProposalConvs {
		h.convs = append(h.convs, conv(d.Width, 3))
	}
	anchors := int64(len(anchorRatios))
	h.logits, h.code = conv(anchors, 1), conv(4*anchors, 1)
	return h
}

// forward gives, for the anchors of all maps one behind the other, in the order of [boxes.Anchors.Grid], logits [N,anchors] and
// codes [N,anchors,4].
func (h *proposalHead) forward(ctx *nn.Context, maps []*torch.Tensor) (logits, codes *torch.Tensor) {
	var allLogits, allCodes []*torch.Tensor
	for _, x := range maps {
		for _, c := range h.convs {
			x = c.Forward(ctx, x).ReluInPlace()
		}
		n := x.Size(0)
		allLogits = append(allLogits, h.logits.Forward(ctx, x).Permute(0, 2, 3, 1).Reshape(n, -1))
		allCodes = append(allCodes, h.code.Forward(ctx, x).Permute(0, 2, 3, 1).Reshape(n, -1, 4))
	}
	return torch.Cat(1, allLogits...).To(torch.Float32), torch.Cat(1, allCodes...).To(torch.Float32)
}

// Walk visits the convolutions.
func (h *proposalHead) Walk(prefix string, visit func(nn.Entry)) {
	for i, c := range h.convs {
		c.Walk(nn.Join(prefix, fmt.Sprintf("conv.%d.0", i)), visit)
	}
	h.logits.Walk(nn.Join(prefix, "cls_logits"), visit)
	h.code.Walk(nn.Join(prefix, "bbox_pred"), visit)
}

// anchorsOf are the anchors of each map for a batch of height × width pixels.
func (m *Model) anchorsOf(maps []*torch.Tensor, height, width int) [][]boxes.Box {
	all := make([][]boxes.Box, len(maps))
	for i, x := range maps {
		h, w := int(x.Size(2)), int(x.Size(3))
		strideX, strideY := width/w, height/h
		if m.Convention == boxes.Detectron2 {
			strideX, strideY = 4<<i, 4<<i
		}
		a := boxes.Anchors{Sizes: anchorSizes[i : i+1], Ratios: anchorRatios, Convention: m.Convention}
		all[i] = a.Grid(w, h, strideX, strideY)
	}
	return all
}

// Size is the part of a batch that an image fills, from its upper left corner on: the rest is padding.
type Size struct{ W, H int }

// propose chooses regions of each image by what the network says of the anchors.
func (m *Model) propose(anchors [][]boxes.Box, logits, codes *torch.Tensor, sizes []Size, training bool) [][]boxes.Box {
	proposer := boxes.Proposals(training, m.Convention)
	l, c := logits.Detach().Float32s(), codes.Detach().Float32s()
	n := len(l) / len(sizes)
	regions := make([][]boxes.Box, len(sizes))
	parallel(len(sizes), func(i int) {
		regions[i], _ = proposer.Propose(said(anchors, l[i*n:(i+1)*n], c[4*i*n:4*(i+1)*n]), sizes[i].W, sizes[i].H)
	})
	return regions
}

// said is what the network says of the anchors of one image.
func said(anchors [][]boxes.Box, logits, codes []float32) []boxes.Level {
	all := make([]boxes.Level, len(anchors))
	for i, own := range anchors {
		decoded := make([]boxes.Box, len(own))
		for k, a := range own {
			decoded[k] = boxes.ProposalCoder.Decode(a, [4]float32(codes[4*k:]))
		}
		all[i] = boxes.Level{Boxes: decoded, Logits: logits[:len(own)]}
		logits, codes = logits[len(own):], codes[4*len(own):]
	}
	return all
}
