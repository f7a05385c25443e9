// SPDX-License-Identifier: MIT

package jpeg

import "seer/data/formats"

// upright returns img as RGB, turned from EXIF orientation o (1 to 8). The C side
// does the same for images on their way to crops.
func upright(img *formats.Image, o int) *formats.Image {
	if o == 1 && img.Channels == 3 {
		return img
	}
	swap := o >= 5
	w, h := img.W, img.H
	if swap {
		w, h = h, w
	}
	mirrorX := o == 2 || o == 3 || o == 7 || o == 8
	mirrorY := o == 3 || o == 4 || o == 6 || o == 7
	out := &formats.Image{W: w, H: h, Channels: 3, Pix: make([]byte, w*h*3)}
	for y := range h {
		for x := range w {
			sx, sy := x, y
			if swap {
				sx, sy = y, x
			}
			if mirrorX {
				sx = img.W - 1 - sx
			}
			if mirrorY {
				sy = img.H - 1 - sy
			}
			from := img.Pix[(sy*img.W+sx)*img.Channels:][:img.Channels]
			for c := range 3 {
				out.Pix[(y*w+x)*3+c] = from[min(c, len(from)-1)]
			}
		}
	}
	return out
}
