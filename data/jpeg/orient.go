// SPDX-License-Identifier: MIT

package jpeg

// orient returns img turned upright from EXIF orientation o (2 to 8). The C side
// does the same for images on their way to crops.
func orient(img *Image, o int) *Image {
	swap := o >= 5
	w, h := img.W, img.H
	if swap {
		w, h = h, w
	}
	mirrorX := o == 2 || o == 3 || o == 7 || o == 8
	mirrorY := o == 3 || o == 4 || o == 6 || o == 7
	out := &Image{W: w, H: h, Channels: 3, Pix: make([]byte, w*h*3)}
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
			copy(out.Pix[(y*w+x)*3:][:3], img.Pix[(sy*img.W+sx)*3:])
		}
	}
	return out
}
