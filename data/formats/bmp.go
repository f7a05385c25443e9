// SPDX-License-Identifier: MIT

package formats

/*
#include "fm_bmp.h"
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Compressions of BMP that Pillow reads.
const (
	bmpRaw       = 0
	bmpRLE8      = 1
	bmpRLE4      = 2
	bmpBitFields = 3
)

// bmpFile is a BMP's header, read as Pillow reads it: widths are unsigned, and a
// height counts as negative where its highest byte is all ones.
type bmpFile struct {
	data        []byte
	size        int // of the header behind the first 14 bytes
	w, h        uint32
	topDown     bool
	bits        int
	compression uint32
	colours     int // of the palette
	entry       int // bytes of a colour
	masks       [4]uint32
	offset      uint64 // of the pixels
	end         int    // of what was read of the header
}

func bmpError(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Format: "bmp", Detail: fmt.Sprintf(format, args...)}
}

func bmpHeader(data []byte) (Header, error) {
	h := Header{Format: "bmp", Orientation: 1}
	f, err := openBMP(data)
	if err != nil {
		return h, err
	}
	h.W, h.H = int(min(f.w, math.MaxInt32)), int(min(f.h, math.MaxInt32))
	return h, nil
}

func decodeBMP(data []byte, h Header, lim Limits) (*Image, error) {
	f, err := openBMP(data)
	if err != nil {
		return nil, err
	}
	bmp, err := f.layout()
	if err != nil {
		return nil, err
	}
	channels := 3
	if bmp.kind < C.FM_BMP_PALETTE {
		channels = 1
	}
	img := lim.image(h, channels)
	err = lim.inC("bmp", func(c *C.fm_context) C.int {
		return C.fm_bmp_decode(c, bytePtr(data), C.size_t(len(data)), bmp, bytePtr(img.Pix))
	})
	return img, err
}

// openBMP reads the header and its masks.
func openBMP(data []byte) (*bmpFile, error) {
	if len(data) < 18 {
		return nil, Cut("bmp", len(data))
	}
	f := &bmpFile{data: data, offset: uint64(binary.LittleEndian.Uint32(data[10:]))}
	size := binary.LittleEndian.Uint32(data[14:])
	switch size {
	case 12, 40, 52, 56, 64, 108, 124:
	default:
		return nil, bmpError(Unsupported, "its header has %d bytes; known are 12, 40, 52, 56, 64, 108 and 124", size)
	}
	f.size = int(size)
	if f.end = 14 + f.size; f.end > len(data) {
		return nil, Cut("bmp", len(data))
	}
	if f.size == 12 {
		f.core(data[18:])
	} else {
		f.info(data[18:f.end])
	}
	if f.colours == 0 {
		f.colours = 1 << min(f.bits, 40)
	}
	return f, f.readMasks()
}

// core reads OS/2's first header.
func (f *bmpFile) core(b []byte) {
	u := func(at int) uint32 { return uint32(binary.LittleEndian.Uint16(b[at:])) }
	f.w, f.h, f.bits, f.entry = u(0), u(2), int(u(6)), 3
}

// info reads all later headers.
func (f *bmpFile) info(b []byte) {
	u := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	f.w, f.h, f.entry = u(0), u(4), 4
	if b[7] == 0xff {
		f.h, f.topDown = -f.h, true
	}
	f.bits = int(binary.LittleEndian.Uint16(b[10:]))
	f.compression, f.colours = u(12), int(u(28))
}

// readMasks reads the bit fields, which lie in the header or behind it.
func (f *bmpFile) readMasks() error {
	if f.compression != bmpBitFields {
		return nil
	}
	at, n := 14+40, 4
	if f.size < 56 {
		n = 3
	}
	if f.size < 52 {
		f.end = at + 4*n
	}
	if at+4*n > len(f.data) {
		return Cut("bmp", len(f.data))
	}
	for i := range n {
		f.masks[i] = binary.LittleEndian.Uint32(f.data[at+4*i:])
	}
	return nil
}

// layout finds how the pixels are stored.
func (f *bmpFile) layout() (*C.fm_bmp, error) {
	bmp := &C.fm_bmp{w: C.int32_t(f.w), h: C.int32_t(f.h), bits: C.int32_t(f.bits), top_down: C.int32_t(0),
		stride: C.uint64_t((uint64(f.w)*uint64(f.bits) + 31) >> 3 &^ 3)}
	if f.topDown {
		bmp.top_down = 1
	}
	if err := f.pixels(bmp); err != nil {
		return nil, err
	}
	if f.offset == uint64(14+f.size) && f.bits <= 8 {
		f.offset += uint64(f.entry * f.colours)
	}
	if f.bits <= 8 {
		if err := f.palette(bmp); err != nil {
			return nil, err
		}
	}
	if f.offset == 0 {
		f.offset = uint64(f.end)
	}
	bmp.offset = C.uint64_t(f.offset)
	return bmp, f.runLengths(bmp)
}

// pixels chooses the kind by depth and compression.
func (f *bmpFile) pixels(bmp *C.fm_bmp) error {
	switch f.bits {
	case 1, 4, 8:
		bmp.kind = C.FM_BMP_PALETTE
	case 16:
		bmp.kind = C.FM_BMP_555
	case 24, 32:
		bmp.kind, bmp.r, bmp.g, bmp.b = C.FM_BMP_BYTES, 2, 1, 0
	default:
		return bmpError(Unsupported, "it has %d bits a pixel; known are 1, 4, 8, 16, 24 and 32", f.bits)
	}
	switch f.compression {
	case bmpRaw, bmpRLE8, bmpRLE4:
		return nil
	case bmpBitFields:
		return f.bitFields(bmp)
	}
	return bmpError(Unsupported, "its compression is %d; known are 0 to 3", f.compression)
}

// bmpMasks32 are the masks of 32-bit pixels that Pillow knows, and where the
// colours' bytes are then.
var bmpMasks32 = map[[4]uint32][3]C.int32_t{
	{0xff0000, 0xff00, 0xff, 0}:            {2, 1, 0},
	{0xff000000, 0xff0000, 0xff00, 0}:      {3, 2, 1},
	{0xff000000, 0xff00, 0xff, 0}:          {3, 1, 0},
	{0xff000000, 0xff0000, 0xff00, 0xff}:   {3, 2, 1},
	{0xff, 0xff00, 0xff0000, 0xff000000}:   {0, 1, 2},
	{0xff0000, 0xff00, 0xff, 0xff000000}:   {2, 1, 0},
	{0xff000000, 0xff00, 0xff, 0x00ff0000}: {3, 1, 0},
	{}:                                     {2, 1, 0},
}

func (f *bmpFile) bitFields(bmp *C.fm_bmp) error {
	rgb := [3]uint32(f.masks[:3])
	at, known := bmpMasks32[f.masks]
	switch {
	case f.bits == 32 && known:
		bmp.r, bmp.g, bmp.b = at[0], at[1], at[2]
	case f.bits == 24 && rgb == [3]uint32{0xff0000, 0xff00, 0xff}:
	case f.bits == 16 && rgb == [3]uint32{0x7c00, 0x3e0, 0x1f}:
	case f.bits == 16 && rgb == [3]uint32{0xf800, 0x7e0, 0x1f}:
		bmp.kind = C.FM_BMP_565
	default:
		return bmpError(Unsupported, "its bit fields of %d bits, %x, are of no known order", f.bits, f.masks)
	}
	return nil
}

// palette reads the colours. If each is the grey of its index, Pillow forgets
// about them, and about the depth: the pixels are then bits or bytes.
func (f *bmpFile) palette(bmp *C.fm_bmp) error {
	if f.colours < 1 || f.colours > 1<<16 {
		return bmpError(Unsupported, "its palette has %d colours; 1 to 65536 are allowed", f.colours)
	}
	p := f.data[min(f.end, len(f.data)):min(f.end+f.entry*f.colours, len(f.data))]
	f.end += len(p)
	if f.grey(p) {
		bmp.kind, bmp.bits = C.FM_BMP_GREY, 8
		if f.colours <= 2 {
			bmp.kind, bmp.bits = C.FM_BMP_BILEVEL, 1
		}
		return nil
	}
	if len(p)/f.entry > 256 {
		return bmpError(Corrupt, "its palette has %d colours; 256 are allowed", len(p)/f.entry)
	}
	for i := range len(p) / f.entry {
		for c := range 3 {
			bmp.palette[3*i+c] = C.uint8_t(p[f.entry*i+2-c])
		}
	}
	return nil
}

func (f *bmpFile) grey(p []byte) bool {
	for i := range f.colours {
		at, v := i*f.entry, byte(i)
		if f.colours == 2 {
			v = byte(255 * i)
		}
		if at+3 > len(p) || p[at] != v || p[at+1] != v || p[at+2] != v {
			return false
		}
	}
	return true
}

// runLengths checks what Pillow can expand: bytes of grey or of a palette.
func (f *bmpFile) runLengths(bmp *C.fm_bmp) error {
	if f.compression != bmpRLE4 && f.compression != bmpRLE8 {
		return nil
	}
	if bmp.kind > C.FM_BMP_PALETTE {
		return bmpError(Unsupported, "run lengths of %d bits a pixel", bmp.bits)
	}
	bmp.bits, bmp.rle = 8, 8
	if f.compression == bmpRLE4 {
		bmp.rle = 4
	}
	return nil
}
