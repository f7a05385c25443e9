// SPDX-License-Identifier: MIT

package contact

import (
	"context"
	"fmt"
	"image"
	"math"

	"golang.org/x/image/draw"
)

// Scatter draws images at places of a plane, each within a square of thumb pixels, on a sheet of side pixels. The places'
// range becomes the sheet's; where images overlap, later ones lie above.
func Scatter(ctx context.Context, pictures []Picture, places [][2]float64, side, thumb int, orient bool) (*image.RGBA, error) {
	if len(pictures) != len(places) {
		return nil, fmt.Errorf("%d pictures and %d places: each picture has one", len(pictures), len(places))
	}
	if thumb < 1 || side < 2*gap+thumb || side > maxSide {
		return nil, fmt.Errorf("a sheet of %d pixels for images of %d; allowed are %d to %d", side, thumb, 2*gap+thumb, maxSide)
	}
	s := &sheet{canvas: image.NewRGBA(image.Rect(0, 0, side, side))}
	draw.Draw(s.canvas, s.canvas.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	low, high := bounds(places)
	room := float64(side - 2*gap - thumb)
	at := func(v float64, axis int) int {
		if high[axis] <= low[axis] {
			return gap + int(room/2)
		}
		return gap + int(math.Round((v-low[axis])/(high[axis]-low[axis])*room))
	}
	for i, p := range pictures {
		p.Caption = ""
		if err := s.picture(ctx, p, image.Pt(at(places[i][0], 0), at(places[i][1], 1)), thumb, orient); err != nil {
			return nil, err
		}
	}
	return s.canvas, nil
}

// bounds are the least and greatest of places on both axes.
func bounds(places [][2]float64) (low, high [2]float64) {
	low, high = [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, p := range places {
		for axis, v := range p {
			low[axis], high[axis] = min(low[axis], v), max(high[axis], v)
		}
	}
	return low, high
}
