// SPDX-License-Identifier: MIT

package optim

import (
	"seer/nn"
	"seer/torch"
)

// EMA is the exponential moving average of the tensors of a model, statistics of batch norm included: after every step
//
//	average ← decay·average + (1 − decay)·model
//
// as torchvision's ExponentialMovingAverage and timm's ModelEmaV2 do it. It begins as the model behind the first step, as
// torchvision's does; timm's begins as the model before it.
type EMA struct {
	// Updates is the number of steps that the average has seen.
	Updates int64

	decay float64
	model []nn.Entry
	kept  []*torch.Tensor // the averages, one for each tensor of model
}

// NewEMA makes room for an average of the model's tensors, on their devices.
func NewEMA(model nn.Walker, decay float64) (*EMA, error) {
	e := &EMA{decay: decay, model: nn.Entries(model)}
	err := torch.Try(func() {
		for _, t := range e.model {
			e.kept = append(e.kept, zerosLike(t.Tensor))
		}
	})
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Decay is the share of the average that a step leaves.
func (e *EMA) Decay() float64 { return e.decay }

// Update takes in the model as a step has left it.
func (e *EMA) Update() {
	e.each(func(model, average *torch.Tensor) {
		if e.Updates == 0 {
			average.CopyInPlace(model)
		} else {
			average.MulScalarInPlace(e.decay).AddInPlace(model.MulScalar(1 - e.decay))
		}
	})
	e.Updates++
}

// each calls do for every tensor of the model and its average, in a scope of its own.
func (e *EMA) each(do func(model, average *torch.Tensor)) {
	one := func(i int) {
		scope := torch.NewScope()
		defer scope.Close()
		do(e.model[i].Tensor, e.kept[i])
	}
	torch.NoGrad(func() {
		for i := range e.model {
			one(i)
		}
	})
}

// Restart has the average begin anew, as the model is now.
func (e *EMA) Restart() {
	e.Updates = 0
	e.Update()
}

// Swap exchanges average and model: what looks at the model then sees the average, until the next Swap. Both keep their
// bits.
func (e *EMA) Swap() {
	e.each(func(model, average *torch.Tensor) {
		trained := model.Clone()
		model.CopyInPlace(average)
		average.CopyInPlace(trained)
	})
}

// Walk visits the averages under the names of the model's tensors.
func (e *EMA) Walk(prefix string, visit func(nn.Entry)) {
	for i, t := range e.model {
		if i < len(e.kept) {
			visit(nn.Entry{Name: nn.Join(prefix, t.Name), Kind: nn.Buffer, Tensor: e.kept[i]})
		}
	}
}

// Close frees the averages.
func (e *EMA) Close() { nn.Close(e) }
