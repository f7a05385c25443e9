// SPDX-License-Identifier: MIT

package loader

import "math"

// plan is the arithmetic of the order: which global positions a rank sees in
// which step. A step's global batch lies contiguously in the stream, rank after
// rank, so that any number of ranks with the same global batch keep the order.
type plan struct {
	n            int64 // images in an epoch
	batch, world int64
	rank         int64
	start, end   int64 // steps; end is exclusive
	origin       int64 // position of step start
	firstStep    int64 // from which positions count
	firstEpoch   uint64
	dropLast     bool
	sequential   bool
}

func newPlan(o *BatchOptions) plan {
	p := plan{
		n: o.Sampler.Len(), batch: int64(o.Batch), world: int64(o.World), rank: int64(o.Rank),
		start: o.StartStep, origin: o.StartPosition, dropLast: o.DropLast, sequential: o.Sequential,
		firstStep: o.Origin.Step, firstEpoch: o.Origin.Epoch,
	}
	global := p.batch * p.world
	if p.origin == 0 {
		p.origin = (p.start - p.firstStep) * global
	}
	p.end = math.MaxInt64
	switch {
	case o.Sequential:
		p.end = p.start + ceilDiv(max(p.n-p.origin, 0), global)
	case o.DropLast && o.Epochs > 0:
		p.end = o.Epochs * (p.n / global)
	case o.Epochs > 0:
		p.end = p.start + ceilDiv(max(o.Epochs*p.n-p.origin, 0), global)
	}
	if o.Steps > 0 {
		p.end = min(p.end, o.Steps)
	}
	return p
}

// size returns the number of images of a step on this rank: the batch, but for
// the end of a sequential pass.
func (p *plan) size(step int64) int {
	if !p.sequential {
		return int(p.batch)
	}
	return int(min(max(p.n-p.first(step), 0), p.batch))
}

// first returns the global position of this rank's first image of a step.
func (p *plan) first(step int64) int64 {
	return p.origin + (step-p.start)*p.batch*p.world + p.rank*p.batch
}

// at returns epoch and position of image j of a step on this rank.
func (p *plan) at(step int64, j int) (epoch uint64, pos int64) {
	if p.dropLast {
		perEpoch := p.n / (p.batch * p.world)
		step -= p.firstStep
		pos = step%perEpoch*p.batch*p.world + p.rank*p.batch + int64(j)
		return p.firstEpoch + uint64(step/perEpoch), pos
	}
	global := p.first(step) + int64(j)
	return p.firstEpoch + uint64(global/p.n), global % p.n
}

// behind returns the global position after a step: what all ranks have
// consumed together.
func (p *plan) behind(step int64) int64 {
	end := p.firstStep*p.batch*p.world + p.origin + (step-p.start+1)*p.batch*p.world
	if p.sequential {
		return min(end, p.n)
	}
	return end
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
