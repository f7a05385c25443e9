// SPDX-License-Identifier: MIT

package train

import (
	"errors"
	"math"

	"seer/nn"
	"seer/optim"
	"seer/torch"
)

// Engine does single steps of a method.
type Engine struct {
	Method    Method
	Optimizer *optim.SGD
	Device    torch.Device
	// Precision of the forward pass: Float32, BFloat16 or Float16 (which scales the loss). Weights, gradients and updates
	// are float32.
	Precision    torch.DType
	ChannelsLast bool
	Mean, Std    [3]float64 // of the pixels in [0,1], per channel
	Scaler       *Scaler    // for Float16, else nil
	// Average of the method's weights, which checkpoints offer in place of the weights themselves; nil: none.
	Average *optim.EMA
}

// Result is what one step reports.
type Result struct {
	Loss    float64
	Skipped bool // Float16 only: a gradient overflowed, the weights stayed and the loss scale was halved
	// GradientNorm is the 2-norm over all gradients, before decay and adaptation.
	GradientNorm float64
	// Metrics of the method, measured only when detailed was asked for.
	Metrics []Metric
}

// Step does one step: forward, backward, update. It is the border at which panics of model code become errors. A loss or
// a gradient that is not finite stops it before the weights change, with a [*NonFiniteError].
func (e *Engine) Step(step int64, lr float64, b *Batch, detailed bool) (r Result, err error) {
	scope := torch.NewScope()
	defer scope.Close()
	if failure := torch.Try(func() {
		// 1. Copy to the device; normalise, lay out and cast there.
		e.prepare(b)

		// 2. Forward.
		var out Output
		torch.Autocast(e.Device, e.Precision, func() {
			out = e.Method.Forward(&nn.Context{Training: true}, b, step)
		})

		if detailed && out.Metrics != nil {
			r.Metrics = out.Metrics()
		}

		// 3. Backward, of the scaled loss in Float16.
		if e.Scaler != nil {
			e.Scaler.Scale(out.Loss).Backward()
		} else {
			out.Loss.Backward()
		}

		// 4. Unscale the gradients; in Float16 an overflow now and then is normal: the step is left out.
		if r.Loss = out.Loss.Item(); e.Scaler != nil && !e.Scaler.Unscale(e.Optimizer.Gradients(step)) && finite(r.Loss) {
			r.Skipped = true
			e.Optimizer.ClearGradients()
			return
		}

		// 5. Update: rules, LARC, momentum. Frozen parameters are left out entirely.
		// 6. Guard: a loss or a gradient that is not finite never reaches the weights.
		var ok bool
		if finite(r.Loss) {
			r.GradientNorm, ok = e.Optimizer.Step(step, lr)
		}
		if !ok {
			e.Optimizer.ClearGradients()
			err = newNonFinite(step, r, e.Method, b.Views, out)
			return
		}

		// 7. What the method puts right behind every update, and the average of the result.
		e.Method.AfterUpdate(step)
		if e.Average != nil {
			e.Average.Update()
		}
	}); failure != nil {
		return r, failure
	}
	return r, err
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// prepare moves the pixels of every resolution and makes the views of them.
func (e *Engine) prepare(b *Batch) {
	if b.Pixels != nil {
		b.Views = make([]*torch.Tensor, len(b.Pixels))
		for i, p := range b.Pixels {
			b.Views[i] = torch.Pixels(p.ToDevice(e.Device), e.Mean, e.Std, torch.Float32, e.ChannelsLast)
		}
	}
	if b.Targets.Classes != nil {
		b.Targets.Classes = b.Targets.Classes.ToDevice(e.Device)
	}
	if b.Targets.Scores != nil {
		b.Targets.Scores = b.Targets.Scores.ToDevice(e.Device)
	}
}

// Averaged calls f while the method has the averaged weights, if there is an average: for validation. Both keep their bits.
func (e *Engine) Averaged(f func() error) (err error) {
	if e.Average == nil {
		return f()
	}
	if err := torch.Try(e.Average.Swap); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, torch.Try(e.Average.Swap)) }()
	return f()
}

// Close frees the method, the average, the optimizer's state and the loss scale.
func (e *Engine) Close() {
	if e.Average != nil {
		e.Average.Close()
	}
	nn.Close(e.Method)
	e.Optimizer.Close()
	if e.Scaler != nil {
		nn.Close(e.Scaler)
	}
}
