// SPDX-License-Identifier: MIT

package formats

import "image"

// webpYCbCr converts the planes of a lossy WebP as libwebp does, and with it
// PIL: VP8 stores video levels (luma 16 to 235), which image/color's conversion
// takes for JPEG's, and the half-size colour planes are interpolated, where
// image.YCbCr repeats their pixels.
func webpYCbCr(m *image.YCbCr, w, h int) []byte {
	pix := make([]byte, w*h*3)
	cw, ch := (w+1)/2, (h+1)/2
	cb, cr := make([]int, w), make([]int, w)
	for y := range h {
		// The chroma rows that this row lies between, the nearer one first.
		near := y / 2
		far := min(max(near+(y&1)*2-1, 0), ch-1)
		chromaRow(cb, m.Cb[near*m.CStride:][:cw], m.Cb[far*m.CStride:][:cw])
		chromaRow(cr, m.Cr[near*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw])
		row := pix[y*w*3:]
		for x, l := range m.Y[y*m.YStride:][:w] {
			row[3*x], row[3*x+1], row[3*x+2] = videoRGB(int(l), cb[x], cr[x])
		}
	}
	return pix
}

// chromaRow doubles a row of colour samples: every result is 9/16 of the nearest
// sample, 3/16 of each of its two neighbours and 1/16 of the diagonal one, with
// libwebp's intermediate rounding; at the left and right edge 3/4 and 1/4.
func chromaRow(dst []int, near, far []byte) {
	last := len(dst) - 1
	edge := func(i int) int { return (3*int(near[i]) + int(far[i]) + 2) >> 2 }
	dst[0] = edge(0)
	for x := 1; 2*x-1 <= last; x++ {
		if x == len(near) { // an even width ends on a sample's right half
			dst[last] = edge(x - 1)
			break
		}
		n0, n1, f0, f1 := int(near[x-1]), int(near[x]), int(far[x-1]), int(far[x])
		sum := n0 + n1 + f0 + f1 + 8
		dst[2*x-1] = ((sum+2*(n1+f0))>>3 + n0) >> 1
		if 2*x <= last {
			dst[2*x] = ((sum+2*(n0+f1))>>3 + n1) >> 1
		}
	}
}

// videoRGB is BT.601 from video levels in libwebp's fixed point.
func videoRGB(y, cb, cr int) (r, g, b byte) {
	l := y * 19077 >> 8
	return videoClip(l + cr*26149>>8 - 14234),
		videoClip(l - cb*6419>>8 - cr*13320>>8 + 8708),
		videoClip(l + cb*33050>>8 - 17685)
}

func videoClip(v int) byte { return byte(min(max(v>>6, 0), 255)) }
