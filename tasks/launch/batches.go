// SPDX-License-Identifier: MIT

package launch

import (
	"context"

	"seer/data/loader"
	"seer/torch"
	"seer/train"
)

// Loader is a loader.Loader, or a refresh.Stream where the source changes.
type Loader interface {
	Next(context.Context) (*loader.Batch, error)
	Stats() loader.Stats
	Close() error
}

// Batches feeds an engine from the loader.
type Batches struct {
	*Images
	// Targets looks up what images should be recognised as, by their places in the source; nil where nothing is learned from
	// labels.
	Targets func(indices []int64) train.Targets
}

// Next implements train.Loader.
func (b Batches) Next(ctx context.Context) (*train.Batch, error) {
	batch, err := b.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	out := &train.Batch{Pixels: pixels(batch), Images: int64(batch.Size()), Position: batch.Position, Release: batch.Release}
	if b.Targets != nil {
		out.Targets = b.Targets(batch.Indices)
	}
	return out, nil
}

// pixels are the views of a batch, a tensor uint8 [count·B, S, S, 3] for each resolution.
func pixels(batch *loader.Batch) (all []*torch.Tensor) {
	for _, g := range batch.Groups {
		size := int64(g.Size)
		all = append(all, torch.FromBytes(g.Pixels, torch.UInt8, int64(g.Count*batch.Size()), size, size, 3))
	}
	return all
}
