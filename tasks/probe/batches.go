// SPDX-License-Identifier: MIT

package probe

import (
	"context"
	"io"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
	"seer/eval"
	"seer/inputs"
	"seer/torch"
	"seer/train"
)

// rowsOf are the rows of some images, one behind the other.
func rowsOf(rows inputs.Rows, indices []int64, classes int) []int8 {
	all := make([]int8, len(indices)*classes)
	for k, i := range indices {
		rows.Row(i, all[k*classes:(k+1)*classes])
	}
	return all
}

// targets of images of one class each, or of those that rows tell.
func targets(rows inputs.Rows, indices, labels []int64, classes int) train.Targets {
	n := int64(len(indices))
	if rows == nil {
		return train.Targets{Classes: torch.FromInt64(labels, n)}
	}
	all := rowsOf(rows, indices, classes)
	values := make([]float32, len(all))
	for i, v := range all {
		values[i] = float32(v)
	}
	return train.Targets{Scores: torch.FromFloat32(values, n, int64(classes))}
}

// cached brings features that were computed before.
type cached struct {
	features              *eval.Features
	rows                  inputs.Rows
	classes               int
	order                 *sampler.Sampler
	place, labels, images []int64 // of a batch: among the features, and in the source
	at                    int64
}

func newCached(f *eval.Features, o LinearOptions) *cached {
	n := o.Config.Batch
	return &cached{
		features: f, rows: o.Train, classes: o.Classes, order: sampler.New(f.Len(), o.Seed),
		place: make([]int64, n), labels: make([]int64, n), images: make([]int64, n),
	}
}

// Next implements train.Loader.
func (c *cached) Next(context.Context) (*train.Batch, error) {
	for j := range c.place {
		k := c.order.Global(c.at)
		c.place[j], c.labels[j], c.images[j] = k, c.features.Labels[k], c.features.Indices[k]
		c.at++
	}
	n := int64(len(c.place))
	return &train.Batch{
		Views:   []*torch.Tensor{c.features.X.IndexSelect(0, torch.FromInt64(c.place, n))},
		Targets: targets(c.rows, c.images, c.labels, c.classes), Images: n, Position: c.at,
	}, nil
}

// augmented brings the features of random crops.
type augmented struct {
	loader   *loader.Loader
	backbone *eval.Backbone
	source   source.Source
	rows     inputs.Rows
	classes  int
}

// Next implements train.Loader.
func (a *augmented) Next(ctx context.Context) (*train.Batch, error) {
	batch, err := a.loader.Next(ctx)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the loader was asked for as many steps as there are
	}
	if err != nil {
		return nil, err
	}
	out, err := a.batch(ctx, batch)
	if err != nil {
		batch.Release()
	}
	return out, err
}

func (a *augmented) batch(ctx context.Context, batch *loader.Batch) (*train.Batch, error) {
	x, err := a.backbone.BatchFeatures(ctx, a.source, batch)
	if err != nil {
		return nil, err
	}
	var labels []int64
	if a.rows == nil {
		if labels, err = eval.Labels(a.source, batch.Indices, a.classes); err != nil {
			return nil, err
		}
	}
	return &train.Batch{
		Views: []*torch.Tensor{x}, Targets: targets(a.rows, batch.Indices, labels, a.classes),
		Images: int64(batch.Size()), Position: batch.Position, Release: batch.Release,
	}, nil
}

// Close ends the loader, if there is one.
func (a *augmented) Close() error {
	if a.loader == nil {
		return nil
	}
	return a.loader.Close()
}

// openCrops loads random crops from a step on up to the last.
func openCrops(ctx context.Context, im eval.Images, from, steps int64, o LinearOptions) (*loader.Loader, error) {
	spec := augment.RandomResizedCropFlip(im.Crop)
	spec.Groups[0].Scale = o.Config.Scale
	return loader.New(ctx, loader.BatchOptions{
		Source: im.Source, Sampler: im.Sampler, Crops: spec, Decode: jpeg.DecodeOptions{Orient: im.Orient}, Seed: o.Seed,
		Batch: o.Config.Batch, Workers: im.Workers, StartStep: from, Steps: steps, MaxBadFraction: im.MaxBadFraction, OnBad: im.OnBad,
	})
}
