// SPDX-License-Identifier: MIT

package masks

import (
	"fmt"
	"math"

	"seer/data/mask"
	"seer/models/maskrcnn/boxes"
)

// maxBorder is far beyond any image, and keeps a box from taking all memory.
const maxBorder = 1 << 20

// Threshold is the probability from which a pixel belongs to an object.
const Threshold = .5

// Paste is the mask, in an image, that the mask head means by side × side probabilities of a box, row after row. torchvision
// resizes them, with a border of zeros, to a box of whole pixels; detectron2 reads them at the centres of the image's pixels.
func Paste(probabilities []float32, side int, b boxes.Box, height, width int, c boxes.Convention) (mask.RLE, error) {
	if side < 1 || len(probabilities) != side*side {
		return mask.RLE{}, fmt.Errorf("masks: %d probabilities for a mask of %d × %d", len(probabilities), side, side)
	}
	for _, v := range b {
		if !(math.Abs(float64(v)) < maxBorder) {
			return mask.RLE{}, fmt.Errorf("masks: the box %v has a border that is no place in an image", b)
		}
	}
	w := resized(probabilities, side, b, height, width)
	if c == boxes.Detectron2 {
		w = sampled(probabilities, side, b, height, width)
	}
	return w.place(height, width, c)
}

// window is the part of an image that a mask lies in.
type window struct {
	left, top, right, bottom int // without the last
	values                   []float32
}

// newWindow cuts a window at the borders of the image.
func newWindow(left, top, right, bottom, height, width int) window {
	w := window{left: max(0, left), top: max(0, top), right: min(right, width), bottom: min(bottom, height)}
	w.values = make([]float32, max(0, w.right-w.left)*max(0, w.bottom-w.top))
	return w
}

// place makes a mask of the values over the threshold.
func (w window) place(height, width int, c boxes.Convention) (mask.RLE, error) {
	if len(w.values) == 0 {
		return mask.FromPolygons(height, width, nil)
	}
	pixels := make([]byte, len(w.values))
	for i, v := range w.values {
		if v > Threshold || v == Threshold && c == boxes.Detectron2 {
			pixels[i] = 1
		}
	}
	m, err := mask.FromBitmap(w.bottom-w.top, w.right-w.left, pixels)
	if err != nil {
		return mask.RLE{}, err
	}
	return m.Pick(places(height, w.top, w.bottom), places(width, w.left, w.right))
}

// places says which of the image's pixels lie in the window, and where.
func places(n, from, to int) []int {
	all := make([]int, n)
	for i := range all {
		if all[i] = i - from; i < from || i >= to {
			all[i] = -1
		}
	}
	return all
}

// resized is torchvision's paste_mask_in_image.
func resized(p []float32, side int, b boxes.Box, height, width int) window {
	padded, n := pad(p, side)
	scale := float32(n) / float32(side)
	left, right := expand(b[0], b[2], scale)
	top, bottom := expand(b[1], b[3], scale)
	columns, rows := stretch(n, max(1, right-left+1)), stretch(n, max(1, bottom-top+1))
	w := newWindow(left, top, left+len(columns), top+len(rows), height, width)
	i := 0
	for y := w.top; y < w.bottom; y++ {
		for x := w.left; x < w.right; x++ {
			w.values[i] = mix(padded, n, rows[y-top], columns[x-left])
			i++
		}
	}
	return w
}

// pad puts a border of zeros around a square.
func pad(p []float32, side int) ([]float32, int) {
	n := side + 2
	padded := make([]float32, n*n)
	for y := range side {
		copy(padded[(y+1)*n+1:], p[y*side:(y+1)*side])
	}
	return padded, n
}

// expand makes an interval larger around its middle, and cuts its ends to whole numbers.
func expand(from, to, scale float32) (int, int) {
	half, middle := float32((to-from)*.5)*scale, float32(to+from)*.5
	return int(middle - half), int(middle + half)
}

// stretch reads n values at size places, as PyTorch's bilinear interpolation does without aligned corners.
func stretch(n, size int) []sample {
	all := make([]sample, size)
	scale := float32(n) / float32(size)
	for i := range all {
		at := max(0, float32((float32(i)+.5)*scale)-.5)
		low := min(int(at), n-1)
		share := at - float32(low)
		all[i] = sample{low, min(low+1, n-1), 1 - share, share}
	}
	return all
}

func mix(p []float32, n int, y, x sample) float32 {
	above, below := p[y.low*n:], p[y.high*n:]
	return y.weightLow*float32(float32(x.weightLow*above[x.low])+float32(x.weightHigh*above[x.high])) +
		float32(y.weightHigh*float32(float32(x.weightLow*below[x.low])+float32(x.weightHigh*below[x.high])))
}

// sampled is detectron2's _do_paste_mask.
func sampled(p []float32, side int, b boxes.Box, height, width int) window {
	floor := func(v float32) int { return int(math.Floor(float64(v))) }
	ceil := func(v float32) int { return int(math.Ceil(float64(v))) }
	w := newWindow(floor(b[0])-1, floor(b[1])-1, ceil(b[2])+1, ceil(b[3])+1, height, width)
	columns, rows := centres(w.left, w.right, b[0], b[2], side), centres(w.top, w.bottom, b[1], b[3], side)
	for i := range w.values {
		w.values[i] = mix(p, side, rows[i/len(columns)], columns[i%len(columns)])
	}
	return w
}

// centres are where the centres of pixels lie in a mask that fills a box; beyond its outer values are zeros.
func centres(from, to int, low, high float32, side int) []sample {
	all := make([]sample, max(0, to-from))
	for i := range all {
		along := float32((float32(from+i)+.5-low)/(high-low))*2 - 1
		at := (float32((along+1)*float32(side)) - 1) / 2
		below := int(math.Floor(float64(at)))
		share := at - float32(below)
		s := sample{below, below + 1, 1 - share, share}
		if s.low < 0 || s.low >= side {
			s.low, s.weightLow = 0, 0
		}
		if s.high < 0 || s.high >= side {
			s.high, s.weightHigh = 0, 0
		}
		all[i] = s
	}
	return all
}
