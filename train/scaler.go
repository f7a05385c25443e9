// SPDX-License-Identifier: MIT

package train

import (
	"seer/nn"
	"seer/torch"
)

// Scaler multiplies the loss so that gradients in Float16 do not underflow, and adapts the factor: halved when a
// gradient overflows, doubled after 2000 good steps (torch.amp.GradScaler and its defaults).
type Scaler struct {
	scale   *torch.Tensor // float32 [1]
	tracker *torch.Tensor // int32 [1]: good steps since the last change
}

const (
	scaleStart    = 65536
	scaleGrowth   = 2
	scaleBackoff  = 0.5
	scaleInterval = 2000
)

// NewScaler allocates the state on dev.
func NewScaler(dev torch.Device) *Scaler {
	return &Scaler{
		scale:   torch.Full(scaleStart, torch.Float32, dev, 1).Release(),
		tracker: torch.Zeros(torch.Int32, dev, 1).Release(),
	}
}

// Scale returns the loss times the factor.
func (s *Scaler) Scale(loss *torch.Tensor) *torch.Tensor { return loss.Mul(s.scale).Sum() }

// Unscale divides the gradients by the factor, adapts it, and reports whether all gradients are finite: if not, the
// step must be skipped. It waits for the device once.
func (s *Scaler) Unscale(grads []*torch.Tensor) bool {
	found := torch.Zeros(torch.Float32, s.scale.Device(), 1)
	inverse := torch.Ones(torch.Float32, s.scale.Device(), 1).Div(s.scale)
	torch.ForeachUnscaleInPlace(grads, found, inverse)
	torch.UpdateScaleInPlace(s.scale, s.tracker, found, scaleGrowth, scaleBackoff, scaleInterval)
	return found.Item() == 0
}

// Walk visits the state for checkpoints.
func (s *Scaler) Walk(prefix string, visit func(nn.Entry)) {
	visit(nn.Entry{Name: nn.Join(prefix, "scale"), Kind: nn.Buffer, Tensor: s.scale})
	visit(nn.Entry{Name: nn.Join(prefix, "tracker"), Kind: nn.Buffer, Tensor: s.tracker})
}
