// SPDX-License-Identifier: MIT

package boxes

import "math"

// Anchors are those of one level of the pyramid: the boxes that proposals are coded relative to, a few shapes at each place.
type Anchors struct {
	Sizes      []float64 // square roots of areas: one a level is usual, 32 to 512
	Ratios     []float64 // height over width: ½, 1 and 2
	Convention Convention
}

// Cell is the anchors around the origin. torchvision rounds their borders to whole pixels, and has ratios in the outer loop;
// detectron2 has exact borders, and sizes in the outer loop.
func (a Anchors) Cell() []Box {
	var cell []Box
	if a.Convention == Detectron2 {
		for _, size := range a.Sizes {
			for _, ratio := range a.Ratios {
				w := math.Sqrt(size * size / ratio)
				h := ratio * w
				cell = append(cell, Box{float32(-w / 2), float32(-h / 2), float32(w / 2), float32(h / 2)})
			}
		}
		return cell
	}
	for _, ratio := range a.Ratios {
		tall := float32(math.Sqrt(float64(float32(ratio))))
		wide := 1 / tall
		for _, size := range a.Sizes {
			w, h := wide*float32(size), tall*float32(size)
			cell = append(cell, Box{half(-w), half(-h), half(w), half(h)})
		}
	}
	return cell
}

// half rounds half a length to a whole number, half to even.
func half(v float32) float32 { return float32(math.RoundToEven(float64(v / 2))) }

// Grid is the anchors of a map of features: those of [Anchors.Cell] at each place, row after row, strides in pixels apart.
// torchvision's strides are the sides of the padded image over those of the map, rounded down; detectron2's are fixed.
func (a Anchors) Grid(width, height, strideX, strideY int) []Box {
	cell := a.Cell()
	grid := make([]Box, 0, width*height*len(cell))
	for y := range height {
		for x := range width {
			dx, dy := float32(x*strideX), float32(y*strideY)
			for _, c := range cell {
				grid = append(grid, Box{dx + c[0], dy + c[1], dx + c[2], dy + c[3]})
			}
		}
	}
	return grid
}
