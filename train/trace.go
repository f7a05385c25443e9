// SPDX-License-Identifier: MIT

package train

import (
	"fmt"
	"slices"
	"strings"

	"seer/nn"
	"seer/torch"
)

// Trace is what a step looks like from within: where its values stop being finite.
type Trace struct {
	Layers []Seen // that have put something out, in order; the last is the first that is not finite, if one is
	Loss   float64
	// Gradients of parameters that are not finite, in the order of the backward pass. Empty where the forward pass, or
	// nothing, is not.
	Gradients  []string
	Parameters []string // and buffers that are not finite before the step
	Views      []string // of the batch, that are not
}

// Seen is the output of a layer.
type Seen struct {
	Name    string
	Shape   string
	Largest float64 // absolute value that is finite
	Broken  float64 // share of the values that is not
}

// Finite tells whether nothing of the step was broken.
func (t *Trace) Finite() bool {
	return t.First() == ""
}

// First says where the first value is that is not finite; "" where all are.
func (t *Trace) First() string {
	last := Seen{}
	if len(t.Layers) > 0 {
		last = t.Layers[len(t.Layers)-1]
	}
	switch {
	case len(t.Parameters) > 0:
		return "in the weights before the step: " + strings.Join(t.Parameters[:min(len(t.Parameters), listed)], ", ")
	case len(t.Views) > 0:
		return "in the images: " + strings.Join(t.Views, ", ")
	case last.Broken > 0:
		return fmt.Sprintf("in the output of %s, %s: %.3g %% of its values are not finite", last.Name, last.Shape, 100*last.Broken)
	case !finite(t.Loss):
		return fmt.Sprintf("in the loss, %v: the outputs of all layers are finite", t.Loss)
	case len(t.Gradients) > 0:
		return fmt.Sprintf("in the gradient of %s: loss and outputs of all layers are finite", t.Gradients[0])
	}
	return ""
}

// Trace does the forward and the backward pass of a step, and no update, and looks at all that layers put out. The plan of
// the engine, which keeps values away, and its other processes have no part in it.
func (e *Engine) Trace(step int64, b *Batch) (t *Trace, err error) {
	t = &Trace{}
	scope := torch.NewScope()
	defer scope.Close()
	err = torch.Try(func() {
		e.Prepare(b)
		names := map[*torch.Tensor]string{}
		for _, p := range nn.Entries(e.Method) {
			names[p.Tensor] = strings.TrimSuffix(p.Name, ".weight")
			if p.Tensor.DType().IsFloat() && !isFinite(p.Tensor) {
				t.Parameters = append(t.Parameters, p.Name)
			}
		}
		for i, v := range b.Views {
			if !isFinite(v) {
				t.Views = append(t.Views, fmt.Sprint(viewPrefix, i))
			}
		}
		ctx := &nn.Context{Training: true, KeepStatistics: true, Watch: func(weight, y *torch.Tensor) {
			if n := len(t.Layers); n == 0 || t.Layers[n-1].Broken == 0 {
				t.Layers = append(t.Layers, look(names[weight], y))
			}
		}}
		var out Output
		torch.Autocast(e.Device, e.Precision, func() { out = e.Method.Forward(ctx, b, step) })
		if t.Loss = out.Loss.Item(); !finite(t.Loss) {
			return
		}
		loss := out.Loss
		if e.Scaler != nil {
			loss = e.Scaler.Scale(loss)
		}
		loss.Backward()
		for _, p := range slices.Backward(nn.Parameters(e.Method)) {
			if g := p.Tensor.Grad(); g != nil && !isFinite(g) {
				t.Gradients = append(t.Gradients, p.Name)
			}
		}
		e.Optimizer.ClearGradients()
	})
	return t, err
}

func isFinite(x *torch.Tensor) bool { return x.Detach().IsFinite().All().Item() != 0 }

// look measures the output of a layer.
func look(name string, y *torch.Tensor) Seen {
	scope := torch.NewScope()
	defer scope.Close()
	x := y.Detach()
	ok := x.IsFinite()
	clean := torch.Where(ok, x, torch.Zeros(x.DType(), x.Device(), 1)).To(torch.Float32)
	return Seen{
		Name: name, Shape: y.String(), Broken: 1 - ok.To(torch.Float32).Mean().Item(),
		Largest: max(clean.Max().Item(), -clean.Min().Item()),
	}
}
