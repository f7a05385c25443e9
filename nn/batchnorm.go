// SPDX-License-Identifier: MIT

package nn

import "seer/torch"

// The constants of PyTorch's batch norm, which every checkpoint of the trunks here was trained with.
const (
	BatchNormMomentum = 0.1
	BatchNormEpsilon  = 1e-5
)

// BatchNorm is torch.nn.BatchNorm1d and 2d: it normalises each channel of [N,C] or [N,C,H,W]. PyTorch's counter
// num_batches_tracked is left out: nothing reads it while momentum is fixed, and loaders treat it as optional.
type BatchNorm struct {
	Weight, Bias            *torch.Tensor // [C]
	RunningMean, RunningVar *torch.Tensor // [C]
}

// NewBatchNorm allocates the layer on dev: weight 1, bias 0, mean 0, variance 1.
func NewBatchNorm(dev torch.Device, channels int64) *BatchNorm {
	b := &BatchNorm{
		Weight: NewParameter(dev, channels), Bias: NewParameter(dev, channels),
		RunningMean: torch.Zeros(torch.Float32, dev, channels).Release(),
		RunningVar:  torch.Ones(torch.Float32, dev, channels).Release(),
	}
	Constant(b.Weight, 1)
	Constant(b.Bias, 0)
	return b
}

// Forward normalises with the batch's statistics while training, those of all processes of the context's group, and with
// the running ones otherwise.
func (b *BatchNorm) Forward(ctx *Context, x *torch.Tensor) *torch.Tensor {
	mean, variance := b.RunningMean, b.RunningVar
	if ctx.Training && ctx.KeepStatistics {
		mean, variance = nil, nil
	}
	if ctx.Training && ctx.Norm != nil {
		return ctx.seen(b.Weight, ctx.Norm.BatchNorm(x, b.Weight, b.Bias, mean, variance, BatchNormMomentum, BatchNormEpsilon))
	}
	return ctx.seen(b.Weight, torch.BatchNorm(x, b.Weight, b.Bias, mean, variance, ctx.Training, BatchNormMomentum, BatchNormEpsilon))
}

// Walk visits the parameters, then the running statistics.
func (b *BatchNorm) Walk(prefix string, visit func(Entry)) {
	visit(Entry{Join(prefix, "weight"), Parameter, b.Weight})
	visit(Entry{Join(prefix, "bias"), Parameter, b.Bias})
	visit(Entry{Join(prefix, "running_mean"), Buffer, b.RunningMean})
	visit(Entry{Join(prefix, "running_var"), Buffer, b.RunningVar})
}
