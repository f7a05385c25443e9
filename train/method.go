// SPDX-License-Identifier: MIT

package train

import (
	"seer/nn"
	"seer/torch"
)

// Method is what learns: SwAV, a classifier, a probe on frozen features.
type Method interface {
	// Walk visits parameters, buffers, and what is a process's own, such as a queue.
	nn.Walker
	// Forward computes the loss of a batch for step number step, counted from 0. It runs under the engine's autocast.
	Forward(ctx *nn.Context, b *Batch, step int64) Output
	// AfterUpdate puts right what the optimizer's step has moved: prototypes to unit norm.
	AfterUpdate(step int64)
}

// Output is what a forward pass yields.
type Output struct {
	Loss *torch.Tensor // scalar, float32, with gradient
	// Metrics measures what is logged of the step beside its loss. It costs time and waits for the device: it is called
	// for steps that are logged. May be nil.
	Metrics func() []Metric
	// Dump lists the tensors that explain a loss that is not finite. May be nil.
	Dump func() []Named
}

// Metric is one number of a step under its name in metrics.jsonl.
type Metric struct {
	Name  string
	Value float64
}

// Named is a tensor with a name.
type Named struct {
	Name   string
	Tensor *torch.Tensor
}

// addMetrics adds those of one pass of so many to their mean.
func addMetrics(sum, pass []Metric, passes int) []Metric {
	if sum == nil {
		sum = make([]Metric, len(pass))
	}
	for i, m := range pass {
		sum[i].Name = m.Name
		sum[i].Value += m.Value / float64(passes)
	}
	return sum
}
