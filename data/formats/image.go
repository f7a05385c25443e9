// SPDX-License-Identifier: MIT

package formats

// Header is what can be said about an image without decoding it.
type Header struct {
	Format string // "jpeg", "png", "gif", "webp", "bmp" or "tiff"
	// W and H are the stored size; orientations 5 to 8 swap them.
	W, H int
	// Orientation is EXIF's, 1 (upright) to 8.
	Orientation int
}

// Upright returns the size after rotation by the EXIF orientation.
func (h Header) Upright() (w, hh int) {
	if h.Orientation >= 5 {
		return h.H, h.W
	}
	return h.W, h.H
}

// AlwaysTurned tells that Pillow turns images of this format upright when it
// loads them, without being asked.
func (h Header) AlwaysTurned() bool { return h.Format == "tiff" }

// Image is a decoded picture: W x H pixels of Channels bytes each (1: grey, 3:
// RGB), rows without gaps.
type Image struct {
	W, H, Channels int
	Pix            []byte
}

// DefaultMaxPixels is PIL's limit for its decompression-bomb error.
const DefaultMaxPixels = 178956970

// MaxSide bounds width and height: rows of a pixel each cost far more than their
// pixels.
const MaxSide = 1 << 20

// DefaultMaxMemory holds a 16-bit RGB image of PIL's largest size in rows, not
// whole: what a decoder needs beside the pixels is bounded by it.
const DefaultMaxMemory = 512 << 20

// Limits bound what one file may cost. All of them are properties of the file,
// never times: which images are usable must not depend on the machine's load.
// The zero value of a field means its default.
type Limits struct {
	// MaxPixels is checked against the header, before anything is allocated.
	MaxPixels int64
	// MaxMemory bounds the bytes that a decoder holds at once beside the pixels
	// that it returns.
	MaxMemory int64
	// Buffer is memory for the pixels of the image, used if it is large enough.
	Buffer []byte
}

func (l Limits) withDefaults() Limits {
	if l.MaxPixels <= 0 {
		l.MaxPixels = DefaultMaxPixels
	}
	if l.MaxMemory <= 0 {
		l.MaxMemory = DefaultMaxMemory
	}
	return l
}

// image returns an image of the header's size whose pixels are not cleared: the
// decoder writes them all.
func (l Limits) image(h Header, channels int) *Image {
	n := h.W * h.H * channels
	pix := l.Buffer
	if cap(pix) < n {
		pix = make([]byte, n)
	}
	return &Image{W: h.W, H: h.H, Channels: channels, Pix: pix[:n]}
}
