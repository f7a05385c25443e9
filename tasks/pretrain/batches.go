// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"

	"seer/data"
	"seer/torch"
	"seer/train"
)

// loader is a data.Loader, or a data.Stream where the source changes.
type loader interface {
	Next(context.Context) (*data.Batch, error)
	Stats() data.Stats
	Close() error
}

// batches feeds the engine from a loader.
type batches struct{ loader }

// Next implements train.Loader.
func (b batches) Next(ctx context.Context) (*train.Batch, error) {
	batch, err := b.loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	return &train.Batch{Pixels: pixels(batch), Images: int64(batch.Size()), Position: batch.Position, Release: batch.Release}, nil
}

// pixels are the views of a batch, a tensor uint8 [count·B, S, S, 3] for each resolution.
func pixels(batch *data.Batch) (all []*torch.Tensor) {
	for _, g := range batch.Groups {
		size := int64(g.Size)
		all = append(all, torch.FromBytes(g.Pixels, torch.UInt8, int64(g.Count*batch.Size()), size, size, 3))
	}
	return all
}
