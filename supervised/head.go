// SPDX-License-Identifier: MIT

package supervised

import (
	"strconv"

	"seer/nn"
	"seer/torch"
)

// Head scores classes from pooled features: layers of Linear, batch norm and ReLU, if there are hidden widths, then one
// Linear. Without hidden layers it is the classifier of torchvision's models.
type Head struct{ layers nn.Sequential }

// NewHead allocates in → hidden… → classes on dev. The hidden layers start as PyTorch's do; the last starts with weights
// N(0, 0.01²) and biases 0.
func NewHead(dev torch.Device, in int64, hidden []int, classes int64) *Head {
	h := &Head{}
	for i, width := range hidden {
		name := "hidden." + strconv.Itoa(i)
		h.layers = append(h.layers,
			nn.Child{Name: name + ".0", Module: nn.NewLinear(dev, in, int64(width), true)},
			nn.Child{Name: name + ".1", Module: nn.NewBatchNorm(dev, int64(width))},
			nn.Child{Name: name + ".2", Module: nn.ReLU{}})
		in = int64(width)
	}
	h.layers = append(h.layers, nn.Child{Name: "fc", Module: nn.NewClassifier(dev, in, classes)})
	return h
}

// Forward maps features [N, in] to scores [N, classes].
func (h *Head) Forward(ctx *nn.Context, x *torch.Tensor) *torch.Tensor {
	return h.layers.Forward(ctx, x)
}

// Walk visits hidden.0.0, hidden.0.1, … and fc.
func (h *Head) Walk(prefix string, visit func(nn.Entry)) { h.layers.Walk(prefix, visit) }

var _ nn.Module = (*Head)(nil)
