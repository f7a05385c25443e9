// SPDX-License-Identifier: MIT

package nn

import "seer/torch"

// LayerNorm is torch.nn.LayerNorm over the last dimension.
type LayerNorm struct {
	Weight, Bias *torch.Tensor // [C]
	Epsilon      float64
}

// NewLayerNorm allocates the layer on dev: weight 1, bias 0.
func NewLayerNorm(dev torch.Device, channels int64, epsilon float64) *LayerNorm {
	l := &LayerNorm{Weight: NewParameter(dev, channels), Bias: NewParameter(dev, channels), Epsilon: epsilon}
	Constant(l.Weight, 1)
	Constant(l.Bias, 0)
	return l
}

// Forward normalises each vector of x [..., C].
func (l *LayerNorm) Forward(ctx *Context, x *torch.Tensor) *torch.Tensor {
	return ctx.seen(l.Weight, torch.LayerNorm(x, l.Weight, l.Bias, l.Epsilon))
}

// Walk visits weight and bias.
func (l *LayerNorm) Walk(prefix string, visit func(Entry)) {
	visit(Entry{Join(prefix, "weight"), Parameter, l.Weight})
	visit(Entry{Join(prefix, "bias"), Parameter, l.Bias})
}
