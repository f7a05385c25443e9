// SPDX-License-Identifier: MIT

package detection

import "seer/data/instances"

// Box is a rectangle by its left, top, right and lower border, in pixels.
type Box [4]float64

// Width and Height are those of the box, negative where it is turned inside out.
func (b Box) Width() float64  { return b[2] - b[0] }
func (b Box) Height() float64 { return b[3] - b[1] } // see Width

// clip cuts off what lies beyond an image.
func (b Box) clip(width, height int) Box {
	w, h := float64(width), float64(height)
	return Box{min(max(b[0], 0), w), min(max(b[1], 0), h), min(max(b[2], 0), w), min(max(b[3], 0), h)}
}

// MinSide is what a box must have in both directions: under it there is nothing to learn, and logarithms of sides overflow.
const MinSide = 1e-3

// degenerate tells whether a box has no inside to speak of; also one with a NaN is.
func (b Box) degenerate() bool { return !(b.Width() >= MinSide && b.Height() >= MinSide) }

// Object is a thing to find.
type Object struct {
	Class int // by the order of ids
	Box   Box // within the image
	Shape instances.Shape
	Crowd bool // a region of many, which are neither to be found nor background
}

// Example is an image with its objects.
type Example struct {
	Image   instances.Image
	Objects []Object
}
