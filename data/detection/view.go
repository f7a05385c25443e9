// SPDX-License-Identifier: MIT

package detection

import (
	"fmt"
	"slices"

	"seer/data/augment"
	"seer/data/instances"
	"seer/data/mask"
)

// View is how an image of Width × Height is seen: resized to ScaledW × ScaledH, of which the window of W × H pixels at OffsetX,
// OffsetY is taken, black where it leaves the resized image, and mirrored if Flip. Only then, a padded image is mirrored with
// its padding, as in the large-scale jitter of torchvision and detectron2.
type View struct {
	Width, Height    int
	ScaledW, ScaledH int
	OffsetX, OffsetY int
	W, H             int
	Flip             bool
}

// Whole is the view of the image as it is.
func Whole(width, height int) View {
	return View{Width: width, Height: height, ScaledW: width, ScaledH: height, W: width, H: height}
}

// point moves a place of the image.
func (v View) point(x, y float64) (float64, float64) {
	x = float64(x*(float64(v.ScaledW)/float64(v.Width))) - float64(v.OffsetX)
	y = float64(y*(float64(v.ScaledH)/float64(v.Height))) - float64(v.OffsetY)
	if v.Flip {
		x = float64(v.W) - x
	}
	return x, y
}

// Box moves a box. It may reach out of the view.
func (v View) Box(b Box) Box {
	b[0], b[1] = v.point(b[0], b[1])
	b[2], b[3] = v.point(b[2], b[3])
	if v.Flip {
		b[0], b[2] = b[2], b[0]
	}
	return b
}

// Objects moves objects: boxes are cut at the borders of the view, and objects with a side under [MinSide] are left out.
// Outlines are left as they are: [View.Mask] draws one where it is needed.
func (v View) Objects(objects []Object) []Object {
	var seen []Object
	for _, o := range objects {
		o.Box = v.Box(o.Box).clip(v.W, v.H)
		if !o.Box.degenerate() {
			seen = append(seen, o)
		}
	}
	return seen
}

// Mask draws an outline of the image in the view. Polygons are moved and then drawn, as detectron2 does; masks of runs are picked
// by nearest neighbours ([View.Resample]).
func (v View) Mask(s instances.Shape) (mask.RLE, error) {
	if len(s.Polygons) > 0 {
		return mask.FromPolygons(v.H, v.W, v.Polygons(s.Polygons))
	}
	m, err := s.Mask(v.Height, v.Width)
	if err != nil {
		return mask.RLE{}, err
	}
	return v.Resample(m)
}

// Polygons moves polygons. They may reach out of the view.
func (v View) Polygons(all [][]float64) [][]float64 {
	moved := make([][]float64, len(all))
	for i, p := range all {
		moved[i] = slices.Clone(p)
		for k := 0; k+1 < len(p); k += 2 {
			moved[i][k], moved[i][k+1] = v.point(p[k], p[k+1])
		}
	}
	return moved
}

// Resample moves a mask of the image pixel by pixel: torchvision's Resize of masks, to the nearest neighbour.
func (v View) Resample(m mask.RLE) (mask.RLE, error) {
	if m.Width != v.Width || m.Height != v.Height {
		return mask.RLE{}, fmt.Errorf("detection: a mask of height %d and width %d in a view of an image of height %d and width %d", m.Height, m.Width, v.Height, v.Width)
	}
	columns := nearest(v.W, v.OffsetX, v.ScaledW, v.Width)
	if v.Flip {
		slices.Reverse(columns)
	}
	return m.Pick(nearest(v.H, v.OffsetY, v.ScaledH, v.Height), columns)
}

// nearest says for each of the view's places where it comes from, -1 for outside. Like PyTorch it computes in float32.
func nearest(n, offset, scaled, size int) []int {
	places := make([]int, n)
	scale := float32(size) / float32(scaled)
	for i := range places {
		switch at := i + offset; {
		case at < 0 || at >= scaled:
			places[i] = -1
		default:
			places[i] = min(int(float32(at)*scale), size-1)
		}
	}
	return places
}

// Crop is the view for the renderer of package jpeg: it lies in the upper left corner of a square of side pixels. The rest of
// the square, black or more of the image, is not part of it.
func (v View) Crop(side int) (augment.Crop, error) {
	if side < v.W || side < v.H {
		return augment.Crop{}, fmt.Errorf("detection: a view of height %d and width %d does not fit into a square of %d", v.H, v.W, side)
	}
	c := augment.Crop{W: v.Width, H: v.Height, ScaledW: v.ScaledW, ScaledH: v.ScaledH, OffsetX: v.OffsetX, OffsetY: v.OffsetY,
		Size: side, Flip: v.Flip, Brightness: 1, Contrast: 1, Saturation: 1}
	if v.Flip { // the renderer mirrors the square
		c.OffsetX -= side - v.W
	}
	return c, nil
}

// ViewOf is the view that [View.Crop] made a crop of, whose window is w × h.
func ViewOf(c augment.Crop, w, h int) View {
	v := View{Width: c.W, Height: c.H, ScaledW: c.ScaledW, ScaledH: c.ScaledH, OffsetX: c.OffsetX, OffsetY: c.OffsetY, W: w, H: h, Flip: c.Flip}
	if v.Flip {
		v.OffsetX += c.Size - w
	}
	return v
}
