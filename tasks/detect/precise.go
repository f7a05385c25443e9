// SPDX-License-Identifier: MIT

package detect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"seer/data/jpeg"
	"seer/data/loader"
	"seer/models/maskrcnn"
	"seer/nn"
	"seer/torch"
)

// preciseStream keeps the views that statistics are computed from apart from those that are learned from.
const preciseStream = 0x7072_6563_6973_6521

// running are the running statistics that training moves.
func (r *run) running() (all []*torch.Tensor) {
	for _, b := range nn.Buffers(r.method) {
		if !r.method.FrozenTrunk || !strings.HasPrefix(b.Name, maskrcnn.TrunkName+".") {
			all = append(all, b.Tensor)
		}
	}
	return all
}

// precise puts means over many batches in the place of the running statistics of batch norm: those lag behind the weights, and
// are of a few batches only (precise batch norm; Wu and Johnson, arXiv 2105.07576, section 3). The batches are the same each
// time, so that a run that was interrupted has the same statistics.
func (r *run) precise(ctx context.Context) (err error) {
	buffers := r.running()
	images := min(int64(r.Experiment.Detect.PreciseImages), r.images.Sampler.Len())
	batch := int64(r.plan.BatchPerRank)
	steps := images / batch
	if len(buffers) == 0 || steps == 0 {
		return nil
	}
	e := r.Experiment
	viewing := r.batches.viewing
	viewing.seed ^= preciseStream
	l, err := loader.New(ctx, loader.BatchOptions{
		Source: r.images.Source, Sampler: r.images.Sampler, Crops: viewing.Crops(), View: viewing.Crop, KeepCrops: true,
		Decode: jpeg.DecodeOptions{Orient: e.Data.EXIFOrientation}, Batch: int(batch), Steps: steps, Workers: e.Data.Workers, MaxBadFraction: 1,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	source := *r.batches
	source.loader, source.viewing, source.seed = l, viewing, source.seed^preciseStream
	scope := torch.NewScope()
	defer scope.Close()
	var sums []*torch.Tensor
	if err := torch.Try(func() {
		for _, b := range buffers {
			sums = append(sums, b.Clone().ZeroInPlace())
		}
	}); err != nil {
		return err
	}
	for range steps {
		if err := r.observe(ctx, &source, buffers, sums); err != nil {
			return fmt.Errorf("statistics of batch norm: %w", err)
		}
	}
	return torch.Try(func() {
		torch.NoGrad(func() {
			for i, b := range buffers {
				b.CopyInPlace(sums[i].DivScalar(float64(steps) * nn.BatchNormMomentum))
			}
		})
	})
}

// observe adds the statistics of one batch: what a step makes of running ones that are zero is a known share of them.
func (r *run) observe(ctx context.Context, source *batches, buffers, sums []*torch.Tensor) error {
	scope := torch.NewScope()
	defer scope.Close()
	b, err := source.Next(ctx)
	if err != nil {
		return err
	}
	return torch.Try(func() {
		torch.NoGrad(func() {
			for _, t := range buffers {
				t.ZeroInPlace()
			}
			r.engine.Prepare(b)
			torch.Autocast(r.Device, r.engine.Precision, func() { r.method.Forward(&nn.Context{Training: true}, b, 0) })
			for i, t := range buffers {
				sums[i].AddInPlace(t)
			}
		})
	})
}
