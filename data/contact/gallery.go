// SPDX-License-Identifier: MIT

package contact

import (
	"context"
	"fmt"
	"image"

	"golang.org/x/image/draw"

	"seer/data/jpeg"
	"seer/data/source"
)

// Picture is an image of a source with a line of text below it.
type Picture struct {
	Source  source.Source
	Index   int64
	Caption string
}

// Gallery draws rows of whole images, each within a square of side pixels, with their captions. Images are turned as their
// EXIF tag says where orient is set. One that cannot be read has its reason in its place.
func Gallery(ctx context.Context, rows [][]Picture, side int, orient bool) (*image.RGBA, error) {
	columns := 0
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	width, height := gap+columns*(side+gap), gap+len(rows)*(side+line+gap)
	if width > maxSide || height > maxSide {
		return nil, fmt.Errorf("a sheet of %d rows of %d images of %d pixels has %d×%d pixels; allowed are %d a side", len(rows), columns, side, width, height, maxSide)
	}
	s := &sheet{canvas: image.NewRGBA(image.Rect(0, 0, width, height))}
	draw.Draw(s.canvas, s.canvas.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for y, row := range rows {
		for x, p := range row {
			if err := s.picture(ctx, p, image.Pt(gap+x*(side+gap), gap+y*(side+line+gap)), side, orient); err != nil {
				return nil, err
			}
		}
	}
	return s.canvas, nil
}

// maxSide of a sheet, in pixels: a gigabyte.
const maxSide = 1 << 14

// picture draws one image at a place.
func (s *sheet) picture(ctx context.Context, p Picture, at image.Point, side int, orient bool) error {
	im, err := decode(ctx, p.Source, jpeg.DecodeOptions{Orient: orient}, p.Index)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		s.text(at.X, at.Y+side/2, side, string(source.ReasonOf(err)))
	default:
		to := fit(im.Bounds(), side, side)
		to = to.Add(at).Add(image.Pt((side-to.Dx())/2, (side-to.Dy())/2))
		draw.CatmullRom.Scale(s.canvas, to, im, im.Bounds(), draw.Src, nil)
	}
	s.text(at.X, at.Y+side, side, p.Caption)
	return nil
}
