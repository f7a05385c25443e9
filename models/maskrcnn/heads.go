// SPDX-License-Identifier: MIT

package maskrcnn

import (
	"fmt"
	"math"

	"seer/models/maskrcnn/boxes"
	"seer/nn"
	"seer/torch"
)

// Sides of what the heads look at, in cells, and of the masks.
const (
	boxSide  = 7
	maskCell = 14
	maskSide = 2 * maskCell
)

// convNorm is a 3×3 convolution with bias, or one without and batch norm behind it; then ReLU.
type convNorm struct {
	conv *nn.Conv2d
	norm *nn.BatchNorm // nil: none
}

func newConvNorm(dev torch.Device, d Design) convNorm {
	c := convNorm{conv: nn.NewConv2d(dev, nn.ConvSpec{In: d.Width, Out: d.Width, Kernel: 3, Bias: !d.HeadNorm})}
	if d.HeadNorm {
		c.norm = nn.NewBatchNorm(dev, d.Width)
	} else {
		nn.Constant(c.conv.Bias, 0)
	}
	return c
}

func (c convNorm) forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	x = c.conv.Forward(ctx, x)
	if c.norm != nil {
		x = c.norm.Forward(ctx, x)
	}
	return x.ReluInPlace()
}

func (c convNorm) walk(prefix string, visit func(nn.Entry)) {
	c.conv.Walk(nn.Join(prefix, "0"), visit)
	if c.norm != nil {
		c.norm.Walk(nn.Join(prefix, "1"), visit)
	}
}

// boxHead says of a region what it is, and for each class where its box is exactly.
type boxHead struct {
	convs       []convNorm
	linears     []*nn.Linear
	class, code *nn.Linear
}

func newBoxHead(dev torch.Device, d Design) *boxHead {
	h := &boxHead{}
	for range d.BoxConvs {
		h.convs = append(h.convs, newConvNorm(dev, d))
	}
	in := d.Width * boxSide * boxSide
	for range d.BoxLinears {
		h.linears = append(h.linears, newLinear(dev, in, d.BoxWidth, d.Convention, 0))
		in = d.BoxWidth
	}
	classes := int64(d.Classes) + 1 // with the background, the first
	h.class, h.code = newLinear(dev, in, classes, d.Convention, .01), newLinear(dev, in, 4*classes, d.Convention, .001)
	return h
}

// newLinear starts as PyTorch's linear layers do; in detectron2 with weights N(0, std²), or Xavier's for std 0, and bias 0.
func newLinear(dev torch.Device, in, out int64, c boxes.Convention, std float64) *nn.Linear {
	l := nn.NewLinear(dev, in, out, true)
	if c == boxes.Torchvision {
		return l
	}
	if nn.Constant(l.Bias, 0); std > 0 {
		nn.Normal(l.Weight, std)
	} else {
		nn.Uniform(l.Weight, math.Sqrt(3/float64(in)))
	}
	return l
}

// forward maps regions [K,C,7,7] to logits [K,1+classes] and codes [K,4·(1+classes)].
func (h *boxHead) forward(ctx *nn.Context, x *torch.Tensor) (logits, codes *torch.Tensor) {
	for _, c := range h.convs {
		x = c.forward(ctx, x)
	}
	x = x.Flatten(1, 3)
	for _, l := range h.linears {
		x = l.Forward(ctx, x).ReluInPlace()
	}
	return h.class.Forward(ctx, x).To(torch.Float32), h.code.Forward(ctx, x).To(torch.Float32)
}

// Walk visits the layers under the names that torchvision's FastRCNNConvFCHead gives, or those of its TwoMLPHead.
func (h *boxHead) Walk(prefix string, visit func(nn.Entry)) {
	head := nn.Join(prefix, "box_head")
	for i, c := range h.convs {
		c.walk(nn.Join(head, fmt.Sprint(i)), visit)
	}
	for i, l := range h.linears {
		name := fmt.Sprint(len(h.convs) + 1 + 2*i) // one for flattening, ReLUs between
		if len(h.convs) == 0 {
			name = fmt.Sprintf("fc%d", 6+i)
		}
		l.Walk(nn.Join(head, name), visit)
	}
	h.class.Walk(nn.Join(prefix, "box_predictor.cls_score"), visit)
	h.code.Walk(nn.Join(prefix, "box_predictor.bbox_pred"), visit)
}

// maskHead draws, for each class, the object that a region would be.
type maskHead struct {
	convs  []convNorm
	up     *nn.ConvTranspose2d
	logits *nn.Conv2d
}

func newMaskHead(dev torch.Device, d Design) *maskHead {
	h := &maskHead{}
	for range d.MaskConvs {
		h.convs = append(h.convs, newConvNorm(dev, d))
	}
	h.up = nn.NewConvTranspose2d(dev, d.Width, d.Width, 2)
	h.logits = nn.NewConv2d(dev, nn.ConvSpec{In: d.Width, Out: int64(d.Classes) + 1, Kernel: 1, Bias: true})
	if d.Convention == boxes.Detectron2 {
		nn.Normal(h.logits.Weight, .001)
	}
	nn.Constant(h.logits.Bias, 0)
	return h
}

// forward maps regions [K,C,14,14] to logits [K,1+classes,28,28].
func (h *maskHead) forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	for _, c := range h.convs {
		x = c.forward(ctx, x)
	}
	x = h.up.Forward(ctx, x).ReluInPlace()
	return h.logits.Forward(ctx, x).To(torch.Float32)
}

// of picks, from logits of all classes, those of one class a region: [K,28,28].
func (h *maskHead) of(logits *torch.Tensor, classes []int64) *torch.Tensor {
	k, all := int64(len(classes)), logits.Size(1)
	places := make([]int64, k)
	for i, c := range classes {
		places[i] = int64(i)*all + c
	}
	index := torch.FromInt64(places, k).ToDevice(logits.Device())
	return logits.Reshape(k*all, maskSide, maskSide).IndexSelect(0, index)
}

// Walk visits the layers.
func (h *maskHead) Walk(prefix string, visit func(nn.Entry)) {
	for i, c := range h.convs {
		c.walk(nn.Join(prefix, fmt.Sprintf("mask_head.%d", i)), visit)
	}
	h.up.Walk(nn.Join(prefix, "mask_predictor.conv5_mask"), visit)
	h.logits.Walk(nn.Join(prefix, "mask_predictor.mask_fcn_logits"), visit)
}
