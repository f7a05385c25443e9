// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"seer/torch"
)

// ConvTranspose2d is torch.nn.ConvTranspose2d with kernel and stride alike: every pixel becomes a square of its own.
type ConvTranspose2d struct {
	Weight *torch.Tensor // [in, out, k, k]
	Bias   *torch.Tensor // [out]
}

// NewConvTranspose2d allocates the layer on dev: weights N(0, 2/(k²·in)), as detectors start it, bias 0.
func NewConvTranspose2d(dev torch.Device, in, out, kernel int64) *ConvTranspose2d {
	c := &ConvTranspose2d{Weight: NewParameter(dev, in, out, kernel, kernel), Bias: NewParameter(dev, out)}
	Normal(c.Weight, math.Sqrt(2/float64(in*kernel*kernel)))
	Constant(c.Bias, 0)
	return c
}

// Forward maps [N,in,H,W] to [N,out,k·H,k·W].
func (c *ConvTranspose2d) Forward(_ *Context, x *torch.Tensor) *torch.Tensor {
	return torch.ConvTranspose2d(x, c.Weight, c.Bias, c.Weight.Size(2))
}

// Walk visits weight and bias.
func (c *ConvTranspose2d) Walk(prefix string, visit func(Entry)) {
	visit(Entry{Join(prefix, "weight"), Parameter, c.Weight})
	visit(Entry{Join(prefix, "bias"), Parameter, c.Bias})
}
