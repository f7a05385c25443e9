// SPDX-License-Identifier: MIT

package train

import (
	"errors"
	"math"

	"seer/mesh"
	"seer/nn"
	"seer/nn/statedict"
	"seer/optim"
	"seer/recompute"
	"seer/torch"
	"seer/torch/dist"
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
	// Plan is what of the trunk's segments is computed again in the backward pass. Without one the backward pass is a
	// single one of the whole graph.
	Plan recompute.Plan
	// Final, if set, is told of parameters whose gradients are final while the backward pass goes on: first those outside
	// the trunk, then those of each segment of the plan, the last segment first. Each is named once a step, with or without
	// a gradient.
	Final func(params []*torch.Tensor)
	// Passes is in how many passes a step goes over its batch, whose gradients are added up; up to 1: one. The loss must be a
	// mean over the images.
	Passes int
	// SkipNonFinite leaves out a step whose loss or gradient is not finite, and does not fail.
	SkipNonFinite bool
	// Mesh are the processes that train together, each on its part of the batch; nil: this one alone. Gradients and loss
	// are the means over all of them, on their way while the backward pass goes on.
	Mesh *mesh.Mesh
}

// Result is what one step reports.
type Result struct {
	Loss float64
	// Skipped: the weights stayed. In Float16 a gradient has overflowed, and the loss scale was halved, or see NonFinite.
	Skipped bool
	// NonFinite is why a step was left out whose loss or gradient was not finite; nil: it was.
	NonFinite *NonFiniteError
	// GradientNorm is the 2-norm over all gradients, before decay and adaptation.
	GradientNorm float64
	// Metrics of the method, measured only when detailed was asked for.
	Metrics []Metric
}

// Step does one step: forward, backward, update. It is the border at which panics of model code become errors. A loss or
// a gradient that is not finite stops it before the weights change, with a [*NonFiniteError]; statistics and queue are those
// before the step then.
func (e *Engine) Step(step int64, lr float64, b *Batch, detailed bool) (r Result, err error) {
	scope := torch.NewScope()
	defer scope.Close()
	if failure := torch.Try(func() {
		// 1. to 3. Forward and backward over the batch, in one pass or several.
		before := keepBuffers(e.Method)
		means := e.Mesh.All().Averages()
		parts := b.split(e.Passes)
		loss := torch.Zeros(torch.Float32, e.Device, 1)
		var out Output
		for i, part := range parts {
			b, out = part, e.pass(step, part, means, loss, len(parts), i == len(parts)-1)
			if detailed && out.Metrics != nil {
				r.Metrics = addMetrics(r.Metrics, out.Metrics(), len(parts))
			}
		}
		means.Wait()
		r.Loss = loss.Item()

		// 4. Unscale the gradients; in Float16 an overflow now and then is normal: the step is left out.
		if e.Scaler != nil && !e.Scaler.Unscale(e.Optimizer.Gradients(step)) && finite(r.Loss) {
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
			err = e.broken(step, &r, b, out, before)
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

// pass is the forward and the backward pass over a part of the batch, one of so many. It adds its part to the mean loss.
// The last one sends the gradients, which are complete then.
func (e *Engine) pass(step int64, b *Batch, means *dist.Averages, mean *torch.Tensor, passes int, last bool) (out Output) {
	// 1. Copy to the device; normalise, lay out and cast there.
	e.Prepare(b)

	// 2. Forward.
	tape := e.tape(means, last)
	defer tape.Close()
	torch.Autocast(e.Device, e.Precision, func() {
		out = e.Method.Forward(&nn.Context{Training: true, Norm: e.Mesh.Norm(), Tape: tape}, b, step)
	})

	// 3. Backward, of the scaled loss in Float16.
	loss := out.Loss
	if passes > 1 {
		loss = loss.DivScalar(float64(passes))
	}
	torch.NoGrad(func() { mean.AddInPlace(loss.Detach().Reshape(1)) })
	if last {
		means.Add(mean)
	}
	if e.Scaler != nil {
		loss = e.Scaler.Scale(loss)
	}
	e.backward(loss, tape, means, last)
	return out
}

// tape is for one step; nil without a plan.
func (e *Engine) tape(means *dist.Averages, last bool) *nn.Tape {
	if e.Plan == nil {
		return nil
	}
	t := &nn.Tape{Plan: e.Plan}
	if last && (e.Final != nil || e.Mesh != nil) {
		t.Done = func(segment nn.Module) { e.final(nn.Tensors(nn.Parameters(segment)), means) }
	}
	return t
}

// final takes parameters whose gradients are final.
func (e *Engine) final(params []*torch.Tensor, means *dist.Averages) {
	if e.Mesh != nil {
		for _, p := range params {
			if g := p.Grad(); g != nil {
				means.Add(g)
			}
		}
	}
	if e.Final != nil {
		e.Final(params)
	}
}

// backward goes back from the loss to the trunk, and over that on the tape.
func (e *Engine) backward(loss *torch.Tensor, tape *nn.Tape, means *dist.Averages, last bool) {
	loss.Backward()
	if last && (e.Final != nil || e.Mesh != nil) {
		e.final(tape.Others(e.Method), means)
	}
	tape.Backward()
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Prepare moves the pixels of every resolution and makes the views of them.
func (e *Engine) Prepare(b *Batch) {
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

// Share gives all processes of the mesh the weights, statistics and optimizer's state of rank 0. Momentum that is divided
// among them each has read for itself.
func (e *Engine) Share() error {
	all := []nn.Walker{e.Method}
	if !e.Optimizer.Sharded() {
		all = append(all, e.Optimizer)
	}
	if e.Average != nil {
		all = append(all, e.Average)
	}
	if e.Scaler != nil {
		all = append(all, e.Scaler)
	}
	for _, w := range all {
		if err := e.Mesh.Share(nn.Tensors(nn.Entries(w))); err != nil {
			return err
		}
	}
	return nil
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

// broken describes a step that must not count, takes back what its forward pass has changed, and has the step left out or
// fail.
func (e *Engine) broken(step int64, r *Result, b *Batch, out Output, before keptBuffers) error {
	failure := newNonFinite(step, *r, e.Method, b, out)
	before.restore()
	state, err := statedict.Of(e.Method)
	if err != nil {
		return err
	}
	if failure.State = state; e.SkipNonFinite {
		r.Skipped, r.NonFinite = true, failure
		return nil
	}
	return failure
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
