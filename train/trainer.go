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
	// GradientNorm and Health are measured only when Detailed was asked for: they wait for the device.
	GradientNorm float64
	Health       swav.Health
}

// Step does one step of SwAV: forward, backward, update. It is the border at which panics of model code become errors.
// A loss that is not finite stops it before the weights change, with a [*NonFiniteError].
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

		// 3. Guard: never let a broken loss reach the weights.
		r.Loss = out.Loss.Item()
		if math.IsNaN(r.Loss) || math.IsInf(r.Loss, 0) {
			err = newNonFinite(step, t.System, images, out)
			return
		}
		if detailed {
			r.Health = swav.Measure(out)
		}

		// 4. Backward, of the scaled loss in Float16.
		if t.Scaler != nil {
			t.Scaler.Scale(out.Loss).Backward()
		} else {
			out.Loss.Backward()
		}

		// 5. Unscale the gradients; skip the update if one overflowed.
		if t.Scaler != nil && !t.Scaler.Unscale(t.Optimizer.Gradients(step)) {
			r.Skipped = true
			t.Optimizer.ClearGradients()
			return
		}
		if detailed {
			r.GradientNorm = t.Optimizer.GradientNorm(step)
		}

		// 6. Update: rules, LARC, momentum. Frozen parameters are left out entirely.
		t.Optimizer.Step(step, lr)

		// 7. Put the prototypes back on the unit sphere.
		t.System.Prototypes.Normalize()
	}); failure != nil {
		return r, failure
	}
	return r, err
}

// images moves and prepares the crops of every resolution.
func (t *Trainer) images(b Batch) []*torch.Tensor {
	images := make([]*torch.Tensor, len(b.Pixels))
	for i, p := range b.Pixels {
		images[i] = torch.Pixels(p.ToDevice(t.Device), t.Mean, t.Std, torch.Float32, t.ChannelsLast)
	}
	return images
}
