// SPDX-License-Identifier: MIT

package nn

import "seer/torch"

// NewParameter allocates a float32 tensor that takes gradients and that its module owns. Its elements are undefined.
func NewParameter(dev torch.Device, shape ...int64) *torch.Tensor {
	return torch.Empty(torch.Float32, dev, shape...).Release().SetRequiresGrad(true)
}

// Random initialisation draws from libtorch's generator of the device, seeded by torch.ManualSeed. Meta tensors have no
// memory to draw into.

// Normal draws a parameter from N(0, std²).
func Normal(t *torch.Tensor, std float64) {
	if t.Device().Type != torch.MetaType {
		t.NormalInPlace(0, std)
	}
}

// TruncatedNormal draws a parameter from N(0, std²) between -bound and bound.
func TruncatedNormal(t *torch.Tensor, std, bound float64) {
	if t.Device().Type != torch.MetaType {
		t.TruncatedNormalInPlace(std, bound)
	}
}

// Uniform draws a parameter from U(±bound).
func Uniform(t *torch.Tensor, bound float64) {
	if t.Device().Type != torch.MetaType {
		t.UniformInPlace(-bound, bound)
	}
}

// Constant sets every element of a parameter.
func Constant(t *torch.Tensor, value float64) {
	torch.NoGrad(func() { t.FillInPlace(value) })
}
