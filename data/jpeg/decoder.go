// SPDX-License-Identifier: MIT

package jpeg

import (
	"errors"
	"time"

	"seer/data/augment"
)

// Options are the choices that change pixels or limits. The zero value is PIL's
// behaviour but for the limit on the number of pixels, which is always on.
type Options struct {
	// Orient applies the EXIF orientation (JPEG, PNG, WebP and TIFF carry one).
	// PIL's convert("RGB") and torchvision's loaders leave it alone.
	Orient bool
	// Scale allows JPEG decoding at 4/8, 2/8 or 1/8 where every crop is at least
	// that much larger than its output. It changes pixels, slightly.
	Scale bool
	// MaxPixels rejects larger images by their header, before anything is
	// allocated; 0 means DefaultMaxPixels.
	MaxPixels int64
}

// DefaultMaxPixels is PIL's limit for its decompression-bomb error.
const DefaultMaxPixels = 178956970

// Timing accumulates where the time of an image goes. Read is left to the
// caller; the kernels add to the rest.
type Timing struct {
	Read, Decode, Resize, Jitter, Blur time.Duration
	Images                             int64
}

// Image is a decoded picture: W x H pixels, Channels (1: grey, 3: RGB) bytes
// each, rows without gaps.
type Image struct {
	W, H, Channels int
	Pix            []byte
}

// Decoder holds the working memory of one worker. It is not safe for concurrent
// use; Close releases its C memory.
type Decoder struct{ opt Options }

// NewDecoder returns a decoder with the given options.
func NewDecoder(opt Options) *Decoder { return &Decoder{opt: opt} }

// Close releases the decoder's memory. It may be called twice.
func (d *Decoder) Close() {}

// Decode returns the image in data as RGB, in memory of its own.
func (d *Decoder) Decode(data []byte) (*Image, error) { return nil, errors.New("jpeg: not built") }

// Render renders crops of an image that is already decoded (raw pixels of an
// IDX file, say): crop i into dsts[i], which must hold crops[i].Bytes() bytes and
// receives Size x Size RGB pixels.
func (d *Decoder) Render(img Image, crops []augment.Crop, dsts [][]byte, t *Timing) error {
	return errors.New("jpeg: not built")
}

// DecodeAndRender decodes data and renders the crops that draw returns for its
// size (the size after EXIF rotation, if that is on). It is one C call for a
// JPEG. draw may return a slice that it reuses; t may be nil.
func (d *Decoder) DecodeAndRender(data []byte, draw func(w, h int) []augment.Crop, dsts [][]byte, t *Timing) error {
	return errors.New("jpeg: not built")
}
