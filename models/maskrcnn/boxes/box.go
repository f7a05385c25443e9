// SPDX-License-Identifier: MIT

package boxes

// Convention is whose details are followed.
type Convention int

const (
	// Torchvision is for its weights and for parity.
	Torchvision Convention = iota
	// Detectron2 is for SEER's recipe.
	Detectron2
)

// Box is left, top, right and lower border, in pixels of the network's input.
type Box [4]float32

func (b Box) width() float32  { return b[2] - b[0] }
func (b Box) height() float32 { return b[3] - b[1] }
func (b Box) area() float32   { return b.width() * b.height() }

// Clip cuts off what lies beyond an image.
func (b Box) Clip(width, height int) Box {
	w, h := float32(width), float32(height)
	return Box{min(max(b[0], 0), w), min(max(b[1], 0), h), min(max(b[2], 0), w), min(max(b[3], 0), h)}
}

// IoU is the intersection of two boxes over their union.
func IoU(a, b Box) float32 {
	common := intersection(a, b)
	if common == 0 {
		return 0
	}
	return common / (float32(a.area()+b.area()) - common)
}

func intersection(a, b Box) float32 {
	w := min(a[2], b[2]) - max(a[0], b[0])
	h := min(a[3], b[3]) - max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h
}
