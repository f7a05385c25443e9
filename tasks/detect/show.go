// SPDX-License-Identifier: MIT

package detect

import (
	"context"
	"errors"
	"fmt"
	"image"

	"seer/config"
	"seer/data/instances"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/mask"
	"seer/data/source"
	"seer/inputs"
)

// Shown is an image as training sees it, with its targets painted.
type Shown struct {
	Name    string
	Picture *image.RGBA
	Objects int
}

// Show hands on the first n images of a run's order, as they are seen there.
func Show(ctx context.Context, e *config.Experiment, n int, use func(Shown) error) (err error) {
	set, err := readAnnotated(e.Detect)
	if err != nil {
		return err
	}
	src, err := source.OpenContext(ctx, inputs.Location(e.Data))
	if err != nil {
		return fmt.Errorf("data.source: %w", err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	a, viewing := &annotated{}, TrainingViews(e)
	order, err := a.order(src, e, set, e.Run.Seed)
	if err != nil {
		return err
	}
	l, err := loader.New(ctx, loader.BatchOptions{
		Source: src, Sampler: order, Crops: viewing.Crops(), View: viewing.Crop, KeepCrops: true,
		Decode: jpeg.DecodeOptions{Orient: e.Data.EXIFOrientation}, Batch: 1, Steps: int64(n), Workers: e.Data.Workers, MaxBadFraction: 1,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for batch, err := range l.All(ctx) {
		if err != nil {
			return err
		}
		shown, err := a.paint(batch, viewing)
		if err != nil {
			return err
		}
		shown.Name = src.Name(batch.Indices[0])
		if err := use(shown); err != nil {
			return err
		}
	}
	return nil
}

// paint paints the targets of a batch of one image.
func (a *annotated) paint(batch *loader.Batch, viewing Viewing) (s Shown, err error) {
	example := a.examples[batch.Indices[0]]
	views, err := viewsOf(batch, viewing, func(int64) (instances.Image, bool) { return example.Image, true })
	if err != nil {
		return s, err
	}
	v := views[0]
	var marks []Mark
	for _, o := range v.Objects(example.Objects) {
		shape, err := v.Mask(o.Shape)
		if err != nil {
			return s, err
		}
		marks = append(marks, Mark{o.Class, mask.Box{o.Box[0], o.Box[1], o.Box.Width(), o.Box.Height()}, shape, a.classes[o.Class].Name})
	}
	s = Shown{Picture: picture(batch.Groups[0].Pixels, viewing.Side, v.W, v.H), Objects: len(marks)}
	Paint(s.Picture, marks)
	return s, nil
}
