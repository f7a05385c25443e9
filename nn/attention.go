// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"seer/torch"
)

// SelfAttention is torch.nn.MultiheadAttention with batch_first and one tensor as query, key and value.
type SelfAttention struct {
	Weight *torch.Tensor // in_proj_weight [3D, D]: query, key, value
	Bias   *torch.Tensor // in_proj_bias [3D]
	Out    *Linear       // out_proj
	Heads  int64
}

// NewSelfAttention allocates the layer on dev with PyTorch's initialisation: the joint projection is Xavier's uniform
// for its own shape [3D, D], the output projection a linear layer's, biases are zero.
func NewSelfAttention(dev torch.Device, width, heads int64) *SelfAttention {
	a := &SelfAttention{
		Weight: NewParameter(dev, 3*width, width), Bias: NewParameter(dev, 3*width),
		Out: NewLinear(dev, width, width, true), Heads: heads,
	}
	Uniform(a.Weight, math.Sqrt(6/float64(4*width)))
	Constant(a.Bias, 0)
	Constant(a.Out.Bias, 0)
	return a
}

// Forward maps [N,L,D] to [N,L,D].
func (a *SelfAttention) Forward(ctx *Context, x *torch.Tensor) *torch.Tensor {
	n, l, width := x.Size(0), x.Size(1), x.Size(2)
	// [N,L,3D] to [3,N,heads,L,d]
	qkv := linear(ctx, x, a.Weight, a.Bias).Reshape(n, l, 3, a.Heads, width/a.Heads).Permute(2, 0, 3, 1, 4)
	part := func(i int64) *torch.Tensor { return qkv.Narrow(0, i, 1).Squeeze(0) }
	y := torch.Attention(part(0), part(1), part(2))
	return a.Out.Forward(ctx, y.Transpose(1, 2).Reshape(n, l, width))
}

// Walk visits the joint projection, then the output's.
func (a *SelfAttention) Walk(prefix string, visit func(Entry)) {
	visit(Entry{Join(prefix, "in_proj_weight"), Parameter, a.Weight})
	visit(Entry{Join(prefix, "in_proj_bias"), Parameter, a.Bias})
	a.Out.Walk(Join(prefix, "out_proj"), visit)
}
