// SPDX-License-Identifier: MIT

package train

import (
	"math"

	"seer/nn"
	"seer/optim"
	"seer/ssl/swav"
	"seer/torch"
)

// Trainer holds what one pretraining step works on.
type Trainer struct {
	System    *swav.SwAV
	Optimizer *optim.SGD
	Device    torch.Device
	// Precision of trunk and head: Float32, BFloat16 or Float16 (which scales the loss). All else is float32.
	Precision    torch.DType
	ChannelsLast bool
	Mean, Std    [3]float64 // of the pixels in [0,1], per channel
	Scaler       *Scaler    // for Float16, else nil
}

// Batch is the input of a step: per resolution the uint8 crops [count·B, S, S, 3], crop-major, in host memory.
type Batch struct {
	Pixels []*torch.Tensor
	Images int64 // B
}

// Result is what one step reports.
type Result struct {
	Loss    float64
	Skipped bool // Float16 only: a gradient overflowed, the weights stayed and the loss scale was halved
	// GradientNorm is the 2-norm over all gradients, before decay and adaptation.
	GradientNorm float64
	// Health is measured only when detailed was asked for.
	Health swav.Health
}

// Step does one step of SwAV: forward, backward, update. It is the border at which panics of model code become errors.
// A loss or a gradient that is not finite stops it before the weights change, with a [*NonFiniteError].
func (t *Trainer) Step(step int64, lr float64, b Batch, detailed bool) (r Result, err error) {
	scope := torch.NewScope()
	defer scope.Close()
	if failure := torch.Try(func() {
		// 1. Copy to the device; normalise, lay out and cast there.
		images := t.images(b)

		// 2. Forward: trunk a resolution, head, assignments, swapped prediction.
		var out swav.Output
		torch.Autocast(t.Device, t.Precision, func() {
			out = t.System.Forward(&nn.Context{Training: true}, images, b.Images, step)
		})

		if detailed {
			r.Health = swav.Measure(out)
		}

		// 3. Backward, of the scaled loss in Float16.
		if t.Scaler != nil {
			t.Scaler.Scale(out.Loss).Backward()
		} else {
			out.Loss.Backward()
		}

		// 4. Unscale the gradients; in Float16 an overflow now and then is normal: the step is left out.
		if r.Loss = out.Loss.Item(); t.Scaler != nil && !t.Scaler.Unscale(t.Optimizer.Gradients(step)) && finite(r.Loss) {
			r.Skipped = true
			t.Optimizer.ClearGradients()
			return
		}

		// 5. Update: rules, LARC, momentum. Frozen parameters are left out entirely.
		// 6. Guard: a loss or a gradient that is not finite never reaches the weights.
		var ok bool
		if finite(r.Loss) {
			r.GradientNorm, ok = t.Optimizer.Step(step, lr)
		}
		if !ok {
			t.Optimizer.ClearGradients()
			err = newNonFinite(step, r, t.System, images, out)
			return
		}

		// 7. Put the prototypes back on the unit sphere.
		t.System.Prototypes.Normalize()
	}); failure != nil {
		return r, failure
	}
	return r, err
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// images moves and prepares the crops of every resolution.
func (t *Trainer) images(b Batch) []*torch.Tensor {
	images := make([]*torch.Tensor, len(b.Pixels))
	for i, p := range b.Pixels {
		images[i] = torch.Pixels(p.ToDevice(t.Device), t.Mean, t.Std, torch.Float32, t.ChannelsLast)
	}
	return images
}

// Close frees the system, the optimizer's state and the loss scale.
func (t *Trainer) Close() {
	nn.Close(t.System)
	t.Optimizer.Close()
	if t.Scaler != nil {
		nn.Close(t.Scaler)
	}
}
