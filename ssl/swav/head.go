// SPDX-License-Identifier: MIT

package swav

import (
	"strconv"

	"seer/nn"
	"seer/torch"
)

// Head projects features to embeddings: linear layers with [batch norm and] ReLU between them, none behind the last
// (VISSL's swav_head with skip_last_bn). Its children carry VISSL's numbers, so that released heads load:
// projection_head.0, .2, .4 without batch norm; .0, .1, .3, .4, .6 with it.
type Head struct{ layers nn.Sequential }

// NewHead allocates in → hidden… → out on dev.
func NewHead(dev torch.Device, in int64, hidden []int64, out int64, batchNorm bool) *Head {
	h := &Head{}
	for _, width := range hidden {
		h.add(nn.NewLinear(dev, in, width, true))
		if batchNorm {
			h.add(nn.NewBatchNorm(dev, width))
		}
		h.add(nn.ReLU{})
		in = width
	}
	h.add(nn.NewLinear(dev, in, out, true))
	return h
}

func (h *Head) add(m nn.Module) {
	h.layers = append(h.layers, nn.Child{Name: strconv.Itoa(len(h.layers)), Module: m})
}

// Forward maps features [N,in] to embeddings [N,out], not yet normalised.
func (h *Head) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return h.layers.Forward(ctx, x)
}

// Walk visits the layers as projection_head.N.
func (h *Head) Walk(prefix string, visit func(nn.Entry)) {
	h.layers.Walk(nn.Join(prefix, "projection_head"), visit)
}

// Prototypes are K directions C on the unit sphere, one a row. Training moves them freely; Normalize puts them back
// after every optimizer step, in float32.
type Prototypes struct{ linear *nn.Linear }

// NewPrototypes draws K unit rows of dim values.
func NewPrototypes(dev torch.Device, k, dim int64) *Prototypes {
	p := &Prototypes{nn.NewLinear(dev, dim, k, false)}
	p.Normalize()
	return p
}

// Normalize divides every row by its norm. SwAV does it before each forward pass and VISSL after each optimizer step;
// done at the start and after each step, as here, both agree, and a checkpoint holds unit rows.
func (p *Prototypes) Normalize() {
	torch.NoGrad(func() {
		s := torch.NewScope()
		defer s.Close()
		p.linear.Weight.CopyInPlace(p.linear.Weight.Normalize(1))
	})
}

// Forward computes scores Z·Cᵀ [N,K] for embeddings [N,D].
func (p *Prototypes) Forward(ctx *nn.Context, z *torch.Tensor) *torch.Tensor {
	return p.linear.Forward(ctx, z)
}

// Scores is Forward outside of any training context.
func (p *Prototypes) Scores(z *torch.Tensor) *torch.Tensor { return p.linear.Forward(nil, z) }

// Weight is C [K,D].
func (p *Prototypes) Weight() *torch.Tensor { return p.linear.Weight }

// Walk visits prototypes.weight.
func (p *Prototypes) Walk(prefix string, visit func(nn.Entry)) { p.linear.Walk(prefix, visit) }
