// SPDX-License-Identifier: MIT

package mask

import "fmt"

// FromBitmap makes a mask of pixels in the order of pictures, row after row: what is not 0 is inside.
func FromBitmap(height, width int, pixels []byte) (RLE, error) {
	if err := checkSize(height, width); err != nil {
		return RLE{}, err
	}
	if len(pixels) != height*width {
		return RLE{}, fmt.Errorf("%d pixels for a mask of height %d and width %d", len(pixels), height, width)
	}
	runs := []uint32{0}
	inside := false
	for x := range width {
		for at := x; at < len(pixels); at += width {
			if (pixels[at] != 0) != inside {
				inside = !inside
				runs = append(runs, 0)
			}
			runs[len(runs)-1]++
		}
	}
	return RLE{height, width, runs}, nil
}

// Bitmap has a byte a pixel, row after row: 1 inside, 0 outside.
func (r RLE) Bitmap() []byte {
	pixels := make([]byte, r.Height*r.Width)
	r.Paint(pixels, 1)
	return pixels
}

// Paint writes a value to the pixels inside, of a picture of the mask's size, row after row.
func (r RLE) Paint(pixels []byte, value byte) {
	x, y := 0, 0
	for i, n := range r.runs {
		if i%2 == 0 {
			at := y + int(n)
			x, y = x+at/r.Height, at%r.Height
			continue
		}
		for range n {
			pixels[y*r.Width+x] = value
			if y++; y == r.Height {
				x, y = x+1, 0
			}
		}
	}
}
