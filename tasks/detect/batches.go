// SPDX-License-Identifier: MIT

package detect

import (
	"context"
	"fmt"
	"sync"

	"seer/config"
	"seer/data/augment"
	"seer/data/detection"
	"seer/data/instances"
	"seer/data/loader"
	"seer/data/source"
	"seer/models/maskrcnn"
	"seer/models/maskrcnn/boxes"
	"seer/models/maskrcnn/masks"
	"seer/torch"
	"seer/train"
)

// batches make what a step learns from of what the loader delivers.
type batches struct {
	*annotated
	loader interface {
		Next(context.Context) (*loader.Batch, error)
	}
	source  source.Source
	viewing Viewing
	design  config.Detect
	seed    uint64
}

// samplingStream keeps the numbers that choose regions apart from those that draw views.
const samplingStream = 0x7265_6769_6f6e_7321

// Next implements train.Loader.
func (b *batches) Next(ctx context.Context) (*train.Batch, error) {
	batch, err := b.loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer batch.Release()
	views, err := viewsOf(batch, b.viewing, func(index int64) (instances.Image, bool) { return b.examples[index].Image, true })
	if err != nil {
		return nil, err
	}
	examples := make([]maskrcnn.Example, len(views))
	for k, v := range views {
		i := batch.Indices[k]
		examples[k] = maskrcnn.Example{
			Size: maskrcnn.Size{W: v.W, H: v.H}, Objects: targets(b.examples[i].Objects, v, b.design),
			Permute: boxes.Random(augment.Numbers(b.seed^samplingStream, uint64(batch.Step), i)),
		}
	}
	return &train.Batch{
		Pixels: []*torch.Tensor{padded(batch.Groups[0], views)}, Targets: train.Targets{Objects: examples},
		Images: int64(batch.Size()), Position: batch.Position,
	}, nil
}

// viewsOf are the views of a batch. An image of another size than its annotations say would be learned wrongly.
func viewsOf(batch *loader.Batch, viewing Viewing, annotation func(index int64) (instances.Image, bool)) ([]detection.View, error) {
	views := make([]detection.View, batch.Size())
	for k, crops := range batch.Crops {
		c := crops[0]
		if m, ok := annotation(batch.Indices[k]); ok && (m.Width != c.W || m.Height != c.H) {
			return nil, fmt.Errorf("%s is %d × %d pixels, and its annotations are for %d × %d: are they of these images? Images that their EXIF tag turns are turned if data.exif_orientation says so",
				m.File, c.W, c.H, m.Width, m.Height)
		}
		views[k] = viewing.Of(c)
	}
	return views, nil
}

// stride is what sides of a batch are multiples of: the coarsest stage of a trunk has a 32nd of the image's.
const stride = 32

// padded cuts the views out of their squares, into the smallest batch that holds them: uint8 [n,H,W,3].
func padded(g loader.CropGroup, views []detection.View) *torch.Tensor {
	h, w := 0, 0
	for _, v := range views {
		h, w = max(h, v.H), max(w, v.W)
	}
	h, w = (h+stride-1)/stride*stride, (w+stride-1)/stride*stride
	pixels := make([]byte, len(views)*h*w*3)
	for k, v := range views {
		from, to := g.Pixels[k*g.Size*g.Size*3:], pixels[k*h*w*3:]
		for y := range v.H {
			copy(to[y*w*3:], from[y*g.Size*3:][:v.W*3])
		}
	}
	return torch.FromBytes(pixels, torch.UInt8, int64(len(views)), int64(h), int64(w), 3)
}

// blank makes what lies behind the views in a normalised batch [n,3,H,W] zeros, as both libraries pad.
func blank(images *torch.Tensor, sizes []maskrcnn.Size) {
	h, w := images.Size(2), images.Size(3)
	torch.NoGrad(func() {
		for k, s := range sizes {
			image := images.Narrow(0, int64(k), 1)
			if below := h - int64(s.H); below > 0 {
				image.Narrow(2, int64(s.H), below).ZeroInPlace()
			}
			if right := w - int64(s.W); right > 0 {
				image.Narrow(3, int64(s.W), right).ZeroInPlace()
			}
		}
	})
}

// targets are the objects that a view shows.
func targets(objects []detection.Object, v detection.View, d config.Detect) []maskrcnn.Object {
	seen := v.Objects(objects)
	all := make([]maskrcnn.Object, len(seen))
	for k, o := range seen {
		all[k] = maskrcnn.Object{Class: o.Class, Box: small(o.Box), Mask: target(o.Shape, v, d)}
	}
	return all
}

func small(b detection.Box) boxes.Box {
	return boxes.Box{float32(b[0]), float32(b[1]), float32(b[2]), float32(b[3])}
}

// target is what the mask head should say of a region of an object. Of torchvision's, and of outlines that are no polygons, the
// object is drawn once, when it is first asked for.
func target(shape instances.Shape, v detection.View, d config.Detect) func(region boxes.Box, side int) ([]float32, error) {
	if d.Convention == "detectron2" && len(shape.Polygons) > 0 {
		moved := sync.OnceValue(func() [][]float64 { return v.Polygons(shape.Polygons) })
		return func(region boxes.Box, side int) ([]float32, error) { return masks.PolygonTarget(moved(), region, side) }
	}
	drawn := sync.OnceValues(func() ([]byte, error) {
		m, err := v.Mask(shape)
		return m.Bitmap(), err
	})
	return func(region boxes.Box, side int) ([]float32, error) {
		pixels, err := drawn()
		if err != nil {
			return nil, err
		}
		return masks.Target(pixels, v.H, v.W, region, side)
	}
}
