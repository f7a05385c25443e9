// SPDX-License-Identifier: MIT

package jpeg

/*
#cgo CFLAGS: -std=c11 -O3 -I${SRCDIR}/../../third_party/images/include
#cgo LDFLAGS: -L${SRCDIR}/../../third_party/images/lib -ljpeg -lm
#include <stdlib.h>
#include "sj.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"seer/data/augment"
	"seer/data/formats"
)

// DecodeOptions are the choices that change pixels or limits. The zero value is PIL's
// behaviour but for the limit on the number of pixels, which is always on.
type DecodeOptions struct {
	// Orient applies the EXIF orientation of JPEG, PNG and WebP. PIL's
	// convert("RGB") and torchvision's loaders leave it alone. A TIFF's is applied
	// always, as PIL does.
	Orient bool
	// Scale allows JPEG decoding at 1/2, 1/4 or 1/8 where every crop is at least
	// that much larger than its output. It changes pixels, slightly.
	Scale bool
	// MaxPixels rejects larger images by their header, before anything is
	// allocated; 0 means
	// formats.DefaultMaxPixels.
	MaxPixels int64
	// PlainHuffman leaves the entropy decoding of JPEG to libjpeg. The pixels are
	// the same; it is there to compare with.
	PlainHuffman bool
}

// Timing accumulates where the time of an image goes. Read is left to the
// caller; the kernels add to the rest. Jitter includes the conversion to grey,
// Resize the final interleaving.
type Timing struct {
	Read, Decode, Resize, Jitter, Blur time.Duration
	Images                             int64
}

// Decoder holds the working memory of one worker. It is not safe for concurrent
// use; Close releases its C memory.
type Decoder struct {
	opt   DecodeOptions
	state *C.sj_state
	crops []C.sj_crop // handed to C; reused
	time  C.sj_timing // filled by C; here because a local one would be allocated
	pins  []runtime.Pinner
}

// NewDecoder returns a decoder with the given options. It panics if there is no
// memory for its few kilobytes.
func NewDecoder(opt DecodeOptions) *Decoder {
	if opt.MaxPixels <= 0 {
		opt.MaxPixels = formats.DefaultMaxPixels
	}
	state := C.sj_new()
	if state == nil {
		panic("jpeg: no memory for a decoder")
	}
	if opt.PlainHuffman {
		C.sj_set_plain(state, 1)
	}
	return &Decoder{opt: opt, state: state}
}

// Close releases the decoder's memory. It may be called twice; the decoder is of
// no use afterwards.
func (d *Decoder) Close() {
	C.sj_free(d.state)
	d.state = nil
}

// errClosed is a mistake of the caller, never of the data.
var errClosed = errors.New("jpeg: the decoder is closed")

// header reads the header of data and applies the decoder's options to it.
func (d *Decoder) header(data []byte) (formats.Header, error) {
	if d.state == nil {
		return formats.Header{}, errClosed
	}
	h, coefficients, err := readHeader(data)
	if err != nil {
		return h, err
	}
	if err := h.CheckPixels(d.opt.MaxPixels); err != nil {
		return h, err
	}
	if !d.opt.Orient && !h.AlwaysTurned() {
		h.Orientation = 1
	}
	return h, checkMemory(h, coefficients)
}

// limits are what package formats may spend: what the pixels and their copies
// leave of the memory.
func (d *Decoder) limits(h formats.Header) formats.Limits {
	return formats.Limits{MaxPixels: d.opt.MaxPixels, MaxMemory: min(formats.DefaultMaxMemory, maxMemory-pixelBytes(h))}
}

// gaveUp tells whether the last JPEG was decoded twice, because the entropy
// decoder of this package gave up.
func (d *Decoder) gaveUp() bool { return C.sj_gave_up(d.state) != 0 }

// Decode returns the image in data as RGB, in memory of its own.
func (d *Decoder) Decode(data []byte) (*formats.Image, error) {
	h, err := d.header(data)
	if err != nil {
		return nil, err
	}
	w, hh := h.Upright()
	if h.Format != "jpeg" {
		img, err := formats.Decode(data, h, d.limits(h))
		if err != nil {
			return nil, err
		}
		return upright(img, h.Orientation), nil
	}
	img := &formats.Image{W: w, H: hh, Channels: 3, Pix: make([]byte, w*hh*3)}
	code := C.sj_jpeg_decode(d.state, bytePtr(data), C.size_t(len(data)), C.int(h.W), C.int(h.H),
		C.int(h.Orientation), bytePtr(img.Pix))
	if code != C.SJ_OK {
		return nil, d.failure(code, h.Format)
	}
	return img, nil
}

// Render renders crops of an image that is already decoded (raw pixels of an
// IDX file, say): crop i into dsts[i], which must hold crops[i].Bytes() bytes and
// receives Size x Size RGB pixels. t may be nil.
func (d *Decoder) Render(img formats.Image, crops []augment.Crop, dsts [][]byte, t *Timing) error {
	switch {
	case d.state == nil:
		return errClosed
	case img.Channels != 1 && img.Channels != 3 && img.Channels != 4:
		return fmt.Errorf("jpeg: an image has %d channels; allowed: 1, 3, 4", img.Channels)
	case img.W < 1 || img.H < 1 || int64(img.W)*int64(img.H) > d.opt.MaxPixels:
		return &formats.Error{Reason: formats.TooLarge, Detail: fmt.Sprintf(
			"%d x %d pixels; allowed: 1 to %d pixels in all", img.W, img.H, d.opt.MaxPixels)}
	case len(img.Pix) != img.W*img.H*img.Channels:
		return fmt.Errorf("jpeg: an image of %d x %d x %d has %d bytes; %d are needed",
			img.W, img.H, img.Channels, len(img.Pix), img.W*img.H*img.Channels)
	}
	return d.renderRaw(img, 1, crops, dsts, t)
}

func (d *Decoder) renderRaw(img formats.Image, orientation int, crops []augment.Crop, dsts [][]byte, t *Timing) error {
	if err := d.load(crops, dsts); err != nil {
		return err
	}
	defer d.unpin()
	d.time = C.sj_timing{}
	code := C.sj_raw_render(d.state, bytePtr(img.Pix), C.int(img.W), C.int(img.H), C.int(img.Channels),
		C.int(orientation), unsafe.SliceData(d.crops), C.int(len(d.crops)), &d.time)
	t.add(&d.time)
	if code != C.SJ_OK {
		return d.failure(code, "")
	}
	return nil
}

// DecodeAndRender decodes data and renders the crops that draw returns for its
// size (the size after EXIF rotation, if that is on): crop i into dsts[i]. It is
// one C call for a JPEG. draw may return a slice that it reuses; t may be nil.
// What is wrong with the data is reported as an [*formats.Error], and dsts are then
// unspecified.
func (d *Decoder) DecodeAndRender(data []byte, draw func(w, h int) []augment.Crop, dsts [][]byte, t *Timing) error {
	h, err := d.header(data)
	if err != nil {
		return err
	}
	crops := draw(h.Upright())
	if h.Format != "jpeg" {
		return d.renderOther(data, h, crops, dsts, t)
	}
	if err := d.load(crops, dsts); err != nil {
		return err
	}
	defer d.unpin()
	d.time = C.sj_timing{}
	scale := C.int(0)
	if d.opt.Scale {
		scale = 1
	}
	code := C.sj_jpeg_render(d.state, bytePtr(data), C.size_t(len(data)), C.int(h.W), C.int(h.H),
		C.int(h.Orientation), scale, unsafe.SliceData(d.crops), C.int(len(d.crops)), &d.time)
	t.add(&d.time)
	if code != C.SJ_OK {
		return d.failure(code, h.Format)
	}
	return nil
}

func (d *Decoder) renderOther(data []byte, h formats.Header, crops []augment.Crop, dsts [][]byte, t *Timing) error {
	start := time.Now()
	lim := d.limits(h)
	if p := C.sj_pixels(d.state, C.int(h.W), C.int(h.H)); p != nil {
		lim.Buffer = unsafe.Slice((*byte)(p), 3*h.W*h.H)
	}
	img, err := formats.Decode(data, h, lim)
	if t != nil {
		t.Decode += time.Since(start)
	}
	if err != nil {
		return err
	}
	return d.renderRaw(*img, h.Orientation, crops, dsts, t)
}

// load translates crops for C and pins their destinations until d.unpin.
func (d *Decoder) load(crops []augment.Crop, dsts [][]byte) error {
	if len(crops) != len(dsts) {
		return fmt.Errorf("jpeg: %d crops and %d destinations; there must be one for each", len(crops), len(dsts))
	}
	if n := (len(crops) + pinsEach - 1) / pinsEach; n > len(d.pins) {
		d.pins = make([]runtime.Pinner, n)
	}
	d.crops = d.crops[:0]
	for i := range crops {
		c := &crops[i]
		if err := check(c); err != nil {
			d.unpin()
			return fmt.Errorf("jpeg: crop %d: %w", i, err)
		}
		if len(dsts[i]) < c.Bytes() {
			d.unpin()
			return fmt.Errorf("jpeg: destination %d has %d bytes; %d are needed", i, len(dsts[i]), c.Bytes())
		}
		p := unsafe.SliceData(dsts[i])
		d.pins[i/pinsEach].Pin(p)
		d.crops = append(d.crops, cCrop(c))
		d.crops[i].dst = (*C.uint8_t)(p)
	}
	return nil
}

// pinsEach is how many pointers a runtime.Pinner holds without allocating.
const pinsEach = 5

func (d *Decoder) unpin() {
	for i := range d.pins {
		d.pins[i].Unpin()
	}
}

// maxScaled bounds the size a box is resized to, so that no sum in C overflows.
const maxScaled = 1 << 20

// check rejects crops that would lead C out of bounds. That the box lies inside
// the image is checked in C, where the image's size is known for certain.
func check(c *augment.Crop) error {
	switch {
	case c.Size < 1 || c.Size > augment.MaxSize:
		return fmt.Errorf("size is %d; allowed: 1 to %d", c.Size, augment.MaxSize)
	case c.ScaledW < 1 || c.ScaledH < 1:
		return fmt.Errorf("scaled size is %d x %d; must be at least 1", c.ScaledW, c.ScaledH)
	case c.ScaledW > maxScaled || c.ScaledH > maxScaled:
		// The image's fault: one pixel wide and 65,000 high, brought to the width that the crop asks for.
		return &formats.Error{Reason: formats.TooLarge, Detail: fmt.Sprintf("resized it would be %d x %d; allowed: up to %d a side", c.ScaledW, c.ScaledH, maxScaled)}
	case c.OffsetX < -augment.MaxSize || c.OffsetX > maxScaled || c.OffsetY < -augment.MaxSize || c.OffsetY > maxScaled:
		return fmt.Errorf("offset is (%d, %d); allowed: %d to %d", c.OffsetX, c.OffsetY, -augment.MaxSize, maxScaled)
	case c.Ops < 0 || c.Ops > 4:
		return fmt.Errorf("%d jitter operations; allowed: 0 to 4", c.Ops)
	case !(c.Blur >= 0 && c.Blur <= augment.MaxBlur):
		return fmt.Errorf("blur radius is %v; allowed: 0 to %d", c.Blur, augment.MaxBlur)
	}
	return nil
}

func cCrop(c *augment.Crop) C.sj_crop {
	out := C.sj_crop{
		x: C.int32_t(c.X), y: C.int32_t(c.Y), w: C.int32_t(c.W), h: C.int32_t(c.H),
		scaled_w: C.int32_t(c.ScaledW), scaled_h: C.int32_t(c.ScaledH),
		off_x: C.int32_t(c.OffsetX), off_y: C.int32_t(c.OffsetY), size: C.int32_t(c.Size),
		blur: C.float(c.Blur), flip: cBool(c.Flip), gray: cBool(c.Gray), bicubic: cBool(c.Bicubic),
	}
	if !c.Jitter {
		return out
	}
	out.ops = C.uint8_t(c.Ops)
	for i, op := range c.Order {
		out.order[i] = C.uint8_t(op)
	}
	out.brightness, out.contrast, out.saturation = C.float(c.Brightness), C.float(c.Contrast), C.float(c.Saturation)
	// torchvision: np.int32(hue * 255), cut towards zero, added modulo 256.
	out.hue = C.uint8_t(uint8(int32(c.Hue * 255)))
	return out
}

func cBool(b bool) C.uint8_t {
	if b {
		return 1
	}
	return 0
}

// bytePtr returns the address of b's first byte, or nil.
func bytePtr(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }

func (t *Timing) add(c *C.sj_timing) {
	if t == nil {
		return
	}
	t.Decode += time.Duration(c.decode)
	t.Resize += time.Duration(c.resize)
	t.Jitter += time.Duration(c.jitter)
	t.Blur += time.Duration(c.blur)
	t.Images++
}

// failure turns a code of the C side into an error.
func (d *Decoder) failure(code C.int, format string) error {
	msg := C.GoString(C.sj_message(d.state))
	switch code {
	case C.SJ_NO_MEMORY:
		return errors.New("jpeg: " + msg)
	case C.SJ_TRUNCATED:
		return &formats.Error{Reason: formats.Truncated, Format: format, Detail: msg}
	case C.SJ_UNSUPPORTED:
		return &formats.Error{Reason: formats.Unsupported, Format: format, Detail: msg}
	}
	return &formats.Error{Reason: formats.Corrupt, Format: format, Detail: msg}
}

// Kernels returns the name of the kernels in use: "avx512", "avx2" or
// "portable".
func Kernels() string { return C.GoString(C.sj_kernel_name()) }

// UseKernels switches to the kernels of that name, or back to the best ones if
// name is empty, and reports whether the CPU has them. All give the same bytes.
// It must not be called while anything is being rendered.
func UseKernels(name string) bool {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.sj_use_kernels(s) != 0
}
