// SPDX-License-Identifier: MIT

package mask

import (
	"fmt"
	"math"
)

// RLE is a mask of Height × Width pixels. The zero value has no pixels.
type RLE struct {
	Height, Width int
	// runs alternate between outside and inside, the first is outside. They fill the mask, and only the first may be 0.
	runs []uint32
}

// Box is x, y, width and height in pixels, from the upper left corner of the image.
type Box [4]float64

// MaxPixels is the size that a mask must stay below: runs are counted in 32 bits, as in pycocotools.
const MaxPixels = math.MaxUint32

// checkSize wants sides whose product can be counted.
func checkSize(height, width int) error {
	if height < 1 || width < 1 || height > MaxPixels || width > MaxPixels || uint64(height)*uint64(width) > MaxPixels {
		return fmt.Errorf("a mask of height %d and width %d: both must be at least 1, and their product at most %d", height, width, uint32(MaxPixels))
	}
	return nil
}

// FromRuns makes a mask of an uncompressed list: pixels outside, inside, outside, and so on, column after column. Runs of no
// pixels between others are joined away.
func FromRuns(height, width int, counts []uint32) (RLE, error) {
	if err := checkSize(height, width); err != nil {
		return RLE{}, err
	}
	var total uint64
	for _, n := range counts {
		total += uint64(n)
	}
	if err := checkTotal(height, width, total); err != nil {
		return RLE{}, err
	}
	b := builder{runs: make([]uint32, 0, len(counts))}
	for i, n := range counts {
		b.add(n, i%2 == 1)
	}
	return b.mask(height, width), nil
}

func checkTotal(height, width int, total uint64) error {
	if want := uint64(height) * uint64(width); total != want {
		return fmt.Errorf("the runs have %d pixels together, and a mask of height %d and width %d has %d", total, height, width, want)
	}
	return nil
}

// builder makes runs of pieces of any length.
type builder struct {
	runs   []uint32
	inside bool // the last run
}

func (b *builder) add(n uint32, inside bool) {
	switch {
	case n == 0 && len(b.runs) > 0:
	case len(b.runs) == 0:
		if inside {
			b.runs = append(b.runs, 0)
		}
		b.runs, b.inside = append(b.runs, n), inside
	case inside == b.inside:
		b.runs[len(b.runs)-1] += n
	default:
		b.runs, b.inside = append(b.runs, n), inside
	}
}

func (b *builder) mask(height, width int) RLE { return RLE{height, width, b.runs} }

// Runs are the counts, as [FromRuns] takes them; the caller must not change them.
func (r RLE) Runs() []uint32 { return r.runs }

// Area is the number of pixels inside.
func (r RLE) Area() uint32 {
	var n uint32
	for i := 1; i < len(r.runs); i += 2 {
		n += r.runs[i]
	}
	return n
}

// Box is the smallest one around all pixels, with whole numbers; 0, 0, 0, 0 if there are none.
func (r RLE) Box() Box {
	if len(r.runs) < 2 {
		return Box{}
	}
	h := uint32(r.Height)
	left, right := r.runs[0]/h, uint32(0)
	top, bottom := h, uint32(0)
	var at uint32
	for i, n := range r.runs {
		if i%2 == 1 {
			last := at + n - 1
			right = last / h
			if at/h != right { // it passes the lower border
				top, bottom = 0, h-1
			} else {
				top, bottom = min(top, at%h), max(bottom, last%h)
			}
		}
		at += n
	}
	return Box{float64(left), float64(top), float64(right - left + 1), float64(bottom - top + 1)}
}
