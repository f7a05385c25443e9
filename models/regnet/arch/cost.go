// SPDX-License-Identifier: MIT

package arch

import "seer/models/sketch"

// MACs is the number of multiply-adds of one forward pass of a square image of
// size pixels, without a classifier.
func (p Params) MACs(size int) int64 { return p.Cost(size).MACs }

// Cost adds up one forward pass of a square image of size pixels, any size of 1 or more.
func (p Params) Cost(size int) sketch.SegmentCost {
	return sketch.Total(sketch.Draw(p, size, size).Segments)
}

// Resolutions lists the side of the feature map behind the stem and behind each
// stage, for a square image of size pixels.
func (p Params) Resolutions(size int) []int {
	size = halve(size)
	sides := []int{size}
	for _, b := range p.mustBlocks() {
		if b.Index == 0 {
			size = halve(size)
			sides = append(sides, size)
		}
	}
	return sides
}

// halve is the output side of a convolution of stride 2, of kernel 3 with padding 1
// as of kernel 1 without: both round up.
func halve(side int) int { return (side + 1) / 2 }
