// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"seer/torch"
)

// Linear is torch.nn.Linear.
type Linear struct {
	Weight *torch.Tensor // [out, in]
	Bias   *torch.Tensor // [out], or nil
}

// NewLinear allocates a layer on dev with PyTorch's default initialisation: weight and bias U(±1/sqrt(in)).
func NewLinear(dev torch.Device, in, out int64, bias bool) *Linear {
	bound := 1 / math.Sqrt(float64(in))
	l := &Linear{Weight: NewParameter(dev, out, in)}
	Uniform(l.Weight, bound)
	if bias {
		l.Bias = NewParameter(dev, out)
		Uniform(l.Bias, bound)
	}
	return l
}

// NewClassifier allocates a layer that starts as RegNet's classifier does: weight N(0, 0.01²), bias 0.
func NewClassifier(dev torch.Device, in, out int64) *Linear {
	l := &Linear{Weight: NewParameter(dev, out, in), Bias: NewParameter(dev, out)}
	Normal(l.Weight, 0.01)
	Constant(l.Bias, 0)
	return l
}

// Forward maps [..., in] to [..., out].
func (l *Linear) Forward(ctx *Context, x *torch.Tensor) *torch.Tensor {
	return linear(ctx, x, l.Weight, l.Bias)
}

func linear(ctx *Context, x, weight, bias *torch.Tensor) *torch.Tensor {
	return ctx.seen(weight, ctx.product(func() *torch.Tensor {
		return torch.Linear(x, weight, bias)
	}, func(y *torch.Tensor) *torch.Tensor {
		return torch.LinearKept(y, x, weight, bias)
	}))
}

// Walk visits weight and bias.
func (l *Linear) Walk(prefix string, visit func(Entry)) {
	visit(Entry{Join(prefix, "weight"), Parameter, l.Weight})
	if l.Bias != nil {
		visit(Entry{Join(prefix, "bias"), Parameter, l.Bias})
	}
}
