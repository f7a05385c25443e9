// SPDX-License-Identifier: MIT

package formats

/*
#include "fm_png.h"
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"unsafe"
)

// Pillow reads PNG with a chunk parser of its own, in three phases: all chunks up
// to the first with pixels, whose checksums must be right; the run of chunks with
// pixels, whose checksums nobody looks at, as far as the pixels need them; and
// what comes then, where a broken chunk is the end and a broken checksum nothing.
// A pngFile goes the same way, so that the same files are refused.
type pngFile struct {
	data       []byte
	w, h       uint32
	mode       *pngMode
	interlaced bool
	palette    []byte // nil: none
	clear      bool   // a tRNS makes one colour of the palette transparent, and leaves the others
	frame      *pngFrame
	frames     uint32 // of an animation, 0: none is announced
	seq        int64  // last number of the animation's chunks, -1: none yet
	inflated   int    // bytes of texts and profiles
	scratch    []byte // where they are inflated to
	idat       pngChunk
}

// pngFrame is the part of the canvas that the data fill.
type pngFrame struct{ x, y, w, h uint32 }

// pngMode is a combination of depth and colour type.
type pngMode struct {
	kind, bits   C.int32_t
	transparency int // bytes that a tRNS must have, 0: any number
}

var pngModes = map[[2]byte]*pngMode{
	{1, 0}: {C.FM_PNG_GREY, 1, 2}, {2, 0}: {C.FM_PNG_GREY, 2, 2}, {4, 0}: {C.FM_PNG_GREY, 4, 2}, {8, 0}: {C.FM_PNG_GREY, 8, 2},
	{16, 0}: {C.FM_PNG_GREY_16, 16, 2},
	{8, 2}:  {C.FM_PNG_RGB, 24, 6}, {16, 2}: {C.FM_PNG_RGB_16, 48, 6},
	{1, 3}: {C.FM_PNG_PALETTE, 1, 0}, {2, 3}: {C.FM_PNG_PALETTE, 2, 0}, {4, 3}: {C.FM_PNG_PALETTE, 4, 0}, {8, 3}: {C.FM_PNG_PALETTE, 8, 0},
	{8, 4}: {C.FM_PNG_GREY_ALPHA, 16, 0}, {16, 4}: {C.FM_PNG_GREY_ALPHA_16, 32, 0},
	{8, 6}: {C.FM_PNG_RGBA, 32, 0}, {16, 6}: {C.FM_PNG_RGBA_16, 64, 0},
}

// Pillow's bounds for one compressed text or profile, and for all texts; the
// profiles count here, too.
const (
	pngTextChunk = 1 << 20
	pngTextTotal = 64 << 20
)

// pngRawBytes bounds what an image inflates to: RGBA of 8 bits in PIL's largest
// size.
const pngRawBytes = 4*DefaultMaxPixels + 1<<24

func pngHeader(data []byte) (Header, error) {
	f, err := openPNG(data)
	if err != nil {
		return Header{Format: "png"}, err
	}
	h := Header{Format: "png", W: int(min(f.w, math.MaxInt32)), H: int(min(f.h, math.MaxInt32)),
		Orientation: pngOrientation(data)}
	return h, nil
}

func decodePNG(data []byte, h Header, lim Limits) (*Image, error) {
	f, err := openPNG(data)
	if err != nil {
		return nil, err
	}
	png, err := f.layout()
	if err != nil {
		return nil, err
	}
	channels := 3
	if png.kind < C.FM_PNG_PALETTE {
		channels = 1
	}
	spans, seqs := f.spans(png)
	if len(spans) == 0 {
		return nil, pngError(Truncated, "it ends where the pixels begin")
	}
	img := lim.image(h, channels)
	var last C.int
	err = lim.inC("png", func(c *C.fm_context) C.int {
		return C.fm_png_decode(c, bytePtr(data), unsafe.SliceData(spans), C.int(len(spans)), png, bytePtr(img.Pix), &last)
	})
	if err != nil {
		return nil, err
	}
	f.seq = seqs[last]
	if err := f.rest(int(spans[last].at) + int(spans[last].n)); err != nil {
		return nil, err
	}
	if png.kind == C.FM_PNG_PALETTE && f.palette == nil && f.clear {
		return nil, pngError(Corrupt, "a colour of a palette is transparent, but there is no palette")
	}
	return img, nil
}

func pngError(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Format: "png", Detail: fmt.Sprintf(format, args...)}
}

// pngChunk is the place of a chunk's data.
type pngChunk struct {
	kind  string
	at, n int // n as the file says it, even where the file is shorter
}

// next reads the head of the chunk at p. ok is false if there is none.
func (f *pngFile) next(p int) (c pngChunk, ok bool) {
	if p+8 > len(f.data) {
		return c, false
	}
	for _, b := range f.data[p+4 : p+8] {
		if b != '_' && (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'z') {
			return c, false
		}
	}
	return pngChunk{string(f.data[p+4 : p+8]), p + 8, int(binary.BigEndian.Uint32(f.data[p:]))}, true
}

// body returns a chunk's data.
func (f *pngFile) body(c pngChunk) ([]byte, error) {
	if c.n > len(f.data)-c.at {
		return nil, pngError(Truncated, "chunk %s has %d bytes of %d", c.kind, len(f.data)-c.at, c.n)
	}
	return f.data[c.at : c.at+c.n], nil
}

// openPNG reads everything before the pixels.
func openPNG(data []byte) (*pngFile, error) {
	f := &pngFile{data: data, seq: -1}
	for p := 8; ; {
		c, ok := f.next(p)
		if !ok {
			return nil, f.noChunk(p)
		}
		if c.kind == "IEND" {
			return nil, pngError(Corrupt, "it has no pixels")
		}
		pixels, err := f.handle(c)
		if err != nil {
			return nil, err
		}
		if pixels {
			if c.kind == "fdAT" {
				c.at, c.n = c.at+4, c.n-4
			}
			f.idat = c
			return f, f.check()
		}
		if err := f.checksum(c); err != nil {
			return nil, err
		}
		p = c.at + c.n + 4
	}
}

func (f *pngFile) noChunk(p int) error {
	if p+8 > len(f.data) {
		return pngError(Truncated, "it ends after %d bytes, before the pixels", len(f.data))
	}
	return pngError(Corrupt, "byte %d should begin a chunk; its kind is %q", p, f.data[p+4:p+8])
}

func (f *pngFile) checksum(c pngChunk) error {
	end := c.at + c.n
	if end+4 > len(f.data) {
		return pngError(Truncated, "it ends in the checksum of chunk %s", c.kind)
	}
	got := crc32.ChecksumIEEE(f.data[c.at-4 : end])
	if want := binary.BigEndian.Uint32(f.data[end:]); got != want {
		return pngError(Corrupt, "chunk %s has checksum %08x; it should be %08x", c.kind, want, got)
	}
	return nil
}

// check refuses what cannot be an image.
func (f *pngFile) check() error {
	if f.mode == nil {
		return pngError(Unsupported, "its bit depth and colour type do not go together, or there is no IHDR")
	}
	if len(f.palette) >= 3*257 {
		return pngError(Corrupt, "its palette has %d bytes; 768 are allowed", len(f.palette))
	}
	return nil
}

// layout describes the image for C.
func (f *pngFile) layout() (*C.fm_png, error) {
	png := &C.fm_png{w: C.int32_t(f.w), h: C.int32_t(f.h), tw: C.int32_t(f.w), th: C.int32_t(f.h), kind: f.mode.kind, bits: f.mode.bits}
	if p := f.frame; p != nil {
		if p.w == 0 || p.h == 0 {
			return nil, pngError(Corrupt, "its first frame is %d x %d", p.w, p.h)
		}
		png.x, png.y, png.tw, png.th = C.int32_t(p.x), C.int32_t(p.y), C.int32_t(p.w), C.int32_t(p.h)
	}
	if f.interlaced {
		png.interlaced = 1
	}
	for i, b := range f.palette[:min(len(f.palette)/3*3, 768)] {
		png.palette[i] = C.uint8_t(b)
	}
	if raw := (int64(png.tw)*int64(png.bits)/8 + 2) * int64(png.th); raw > pngRawBytes {
		return nil, pngError(TooLarge, "it inflates to about %d bytes; the limit is %d", raw, int64(pngRawBytes))
	}
	return png, nil
}

// spans returns the pieces of the stream, which is all chunks with pixels that
// follow one another, and the sequence number at the end of each.
func (f *pngFile) spans(png *C.fm_png) (spans []C.fm_png_span, seqs []int64) {
	seq := f.seq
	for c := f.idat; ; {
		n := min(c.n, len(f.data)-c.at)
		spans, seqs = append(spans, C.fm_png_span{at: C.uint64_t(c.at), n: C.uint64_t(n)}), append(seqs, seq)
		if n < c.n {
			png.cut = 1
			return spans, seqs
		}
		var ok bool
		c, ok = f.next(c.at + c.n + 4)
		switch {
		case ok && (c.kind == "IDAT" || c.kind == "DDAT"):
		case ok && c.kind == "fdAT" && c.n >= 4 && c.at+4 <= len(f.data) && int64(binary.BigEndian.Uint32(f.data[c.at:])) == seq+1:
			seq, c.at, c.n = seq+1, c.at+4, c.n-4
		default:
			return spans, seqs
		}
	}
}

// rest reads what comes behind the chunk that completed the image, whose data
// end at p.
func (f *pngFile) rest(p int) error {
	animated := f.frames > 1 || f.frames == 1 && f.frame == nil
	for {
		c, ok := f.next(p + 4)
		if !ok || c.kind == "IEND" || c.kind == "fcTL" && animated {
			return nil
		}
		pixels, err := f.handle(c)
		if err != nil {
			return err
		}
		if pixels {
			if _, err := f.body(c); err != nil {
				return err
			}
		}
		p = c.at + c.n
	}
}
