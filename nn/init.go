// SPDX-License-Identifier: MIT

package nn

import "seer/torch"

// parameter allocates a float32 tensor that takes gradients and that its module owns.
func parameter(dev torch.Device, shape ...int64) *torch.Tensor {
	return torch.Empty(torch.Float32, dev, shape...).Release().SetRequiresGrad(true)
}

// Random initialisation draws from libtorch's generator of the device, seeded by torch.ManualSeed. Meta tensors have no
// memory to draw into.

func normal(t *torch.Tensor, std float64) {
	if t.Device().Type != torch.MetaType {
		t.NormalInPlace(0, std)
	}
}

func uniform(t *torch.Tensor, bound float64) {
	if t.Device().Type != torch.MetaType {
		t.UniformInPlace(-bound, bound)
	}
}
