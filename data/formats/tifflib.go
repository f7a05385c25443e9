// SPDX-License-Identifier: MIT

package formats

/*
#cgo LDFLAGS: -Wl,--as-needed -ltiff -lwebp -lzstd -llzma -lLerc -ljbig -ljpeg -ldeflate -lz -lstdc++ -lpthread -lm
#include "fm_tiff.h"
*/
import "C"

import (
	"bytes"
	"math/bits"
	"strings"
)

// decodeLib decodes through libtiff.
func (t *tiffFile) decodeLib(data []byte, lim Limits) (*Image, error) {
	piece, err := t.checkCost(data)
	if err != nil {
		return nil, err
	}
	t.asLibtiffGives()
	layout := tiffLayout(t.mode, t.raw)
	if layout < 0 {
		return nil, tiffError(Unsupported, "compressed data of its kind (%s as %s) are not read", t.mode, t.raw)
	}
	o := C.fm_tiff_options{layout: layout, max_alloc: C.int64_t(piece + 64<<20)}
	if t.mode == "RGB" && t.raw == "RGBX" && t.photometric == photoYCbCr {
		o.rgba = 1
	}
	decode := func(c *C.fm_context, job *C.fm_tiff_job, out *C.uint8_t) C.int {
		return C.fm_tiff_lib(c, job, out, bytePtr(data), C.size_t(len(data)), &o)
	}
	img, err := t.decodeC(lim, decode)
	if err != nil && t.unmarkedFax(data) {
		// libtiff 4.5 needs the marks between lines, which some programs leave out;
		// its decoder of what TIFF calls RLE needs none.
		data, o.unmarked = t.relabelled(data, tiffRLE), 1
		if img, err2 := t.decodeC(lim, decode); err2 == nil {
			return img, nil
		}
	}
	return img, err
}

// unmarkedFax tells that the first strip is one-dimensional group 3 data that do
// not begin with a mark: eleven zeros.
func (t *tiffFile) unmarkedFax(data []byte) bool {
	offsets := t.tags[tagStripOffsets]
	if t.compression != tiffFax3 || int64(t.loose(tagT4Options, 0))&1 != 0 || offsets.count() == 0 {
		return false
	}
	at := offsets.loose(0)
	if !(at >= 0) || at+2 > float64(len(data)) {
		return false
	}
	first := uint16(data[int(at)])<<8 | uint16(data[int(at)+1])
	if t.single(tagFillOrder, 1) == 2 {
		first = bits.Reverse16(first)<<8 | bits.Reverse16(first)>>8
	}
	return first>>5 != 0
}

// relabelled returns a copy of the file with another compression in its first
// directory.
func (t *tiffFile) relabelled(data []byte, compression uint16) []byte {
	c := bytes.Clone(data)
	entry := c[t.tags[tagCompression].entry:]
	t.order.PutUint16(entry[2:], typeShort)
	if t.big {
		t.order.PutUint16(entry[12:], compression)
	} else {
		t.order.PutUint16(entry[8:], compression)
	}
	return c
}

// asLibtiffGives changes the mode to that of the samples which come out of
// libtiff: bits in order, words in the machine's order, YCbCr as RGB.
func (t *tiffFile) asLibtiffGives() {
	if t.single(tagFillOrder, 1) == 2 {
		t.tiffMode = tiffModeOf[t.key(1)]
	}
	switch {
	case t.photometric == photoYCbCr:
		t.mode, t.raw = "RGB", "RGBX"
		if t.compression == tiffJPEG && t.single(tagPlanar, 1) == 1 {
			t.raw = "RGB"
		}
	case t.raw == "I;16":
		t.raw = "I;16N"
	case strings.HasSuffix(t.raw, ";16B"), strings.HasSuffix(t.raw, ";16L"):
		t.raw = t.raw[:len(t.raw)-1] + "N"
	}
}
