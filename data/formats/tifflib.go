// SPDX-License-Identifier: MIT

package formats

/*
#cgo LDFLAGS: -Wl,--as-needed -ltiff -lwebp -lzstd -llzma -lLerc -ljbig -ljpeg -ldeflate -lz -lstdc++ -lpthread -lm
#include "fm_tiff.h"
*/
import "C"

import (
	"bytes"
	"math"
	"math/bits"
	"strings"
)

// Bounds on what is given to libtiff. It keeps all values of all tags in memory
// and sorts its list of tags for every unknown one.
const (
	maxTIFFEntries = 1024
	maxTIFFOutside = 64 << 20
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
	switch {
	case err == nil:
	case t.compression == tiffAdobeDeflate || t.compression == tiffDeflate:
		// zlib, which Pillow has, is the judge of data that libdeflate refuses.
		o.zlib = 1
		return t.decodeC(lim, decode)
	case t.unmarkedFax(data):
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

// What decoding costs, in nanoseconds of a slow core: of a byte of compressed
// data that yields nothing, of a row, of a strip or tile.
const (
	tiffInputCost = 3
	tiffRowCost   = 100
	tiffPieceCost = 6000
	tiffJPEGPiece = 40000
	tiffMaxCost   = 1800e6
)

// tiffOutputCost is the cost of a decoded byte.
var tiffOutputCost = map[int64]float64{tiffOldJPEG: 12, tiffJPEG: 8, tiffLZMA: 6}

// checkCost refuses what would take longer than two seconds or more than a
// gigabyte of memory, by what the directory says. It returns the bytes of a
// decoded strip or tile.
func (t *tiffFile) checkCost(data []byte) (piece float64, err error) {
	if t.entries > maxTIFFEntries || t.outside > uint64(max(maxTIFFOutside, 2*len(data))) {
		return 0, tiffError(TooLarge, "its directory has %d tags with %d bytes of values; the limits are %d tags and %d bytes", t.entries,
			t.outside, maxTIFFEntries, max(maxTIFFOutside, 2*len(data)))
	}
	g, err := t.grid()
	if err != nil {
		return 0, err
	}
	if g.count > maxTIFFPieces {
		return 0, tiffError(TooLarge, "it has %.0f strips or tiles; up to %d are read", g.count, maxTIFFPieces)
	}
	input, scans := t.compressed(data, g)
	perByte, perPiece := tiffOutputCost[t.compression], float64(tiffPieceCost)
	if t.compression == tiffJPEG || t.compression == tiffOldJPEG {
		perByte *= scans
		perPiece = tiffJPEGPiece
	}
	cost := input*tiffInputCost + g.count*(g.bytes*max(perByte, 3)+g.rows*tiffRowCost+perPiece)
	if cost > tiffMaxCost {
		return 0, tiffError(TooLarge, "its %.0f strips or tiles hold %.0f MB, %.0f MB compressed (scans: %.0f); that is %.1f times what is decoded",
			g.count, g.count*g.bytes/1e6, input/1e6, scans, cost/tiffMaxCost)
	}
	return g.bytes, nil
}

// tiffGrid is how an image is divided, as libtiff will see it.
type tiffGrid struct {
	count, rows, bytes float64 // how many strips or tiles, the rows and bytes of one
	counts             tiffTag // of compressed bytes
	offsets            tiffTag
}

func (t *tiffFile) grid() (tiffGrid, error) {
	w, h, depth := float64(t.header.W), float64(t.header.H), sum(t.bits)
	if t.photometric == photoYCbCr {
		depth = max(depth, 32)
	}
	planes := 1.0
	if t.separate {
		planes = max(t.loose(tagSamples, 1), 1)
		depth /= float64(len(t.bits))
	}
	tw, th := t.loose(tagTileWidth, 0), t.loose(tagTileLength, 0)
	g := tiffGrid{counts: t.tags[tagTileCounts], offsets: t.tags[tagTileOffsets]}
	if g.counts.kind == 0 {
		g.counts = t.tags[tagStripCounts]
	}
	if g.offsets.kind == 0 {
		g.offsets = t.tags[tagStripOffsets]
	}
	if tw == 0 && th == 0 {
		tw, th = w, min(t.loose(tagRowsPerStrip, h), h)
	}
	if !(tw >= 1) || !(th >= 1) {
		return g, tiffError(Corrupt, "its strips or tiles are %v x %v pixels", tw, th)
	}
	slices := max(t.loose(tagImageDepth, 1), 1)
	g.count, g.rows = math.Ceil(w/tw)*math.Ceil(h/th)*planes*slices, th
	g.bytes = math.Ceil(tw*depth/8) * th
	return g, nil
}

// compressed returns how many bytes the decoders may have to read, and for JPEG
// the most passes over the samples of a strip or tile.
func (t *tiffFile) compressed(data []byte, g tiffGrid) (input, scans float64) {
	scans = 1
	for i := range int(g.count) {
		n := float64(len(data)) // libtiff guesses where counts are missing
		if i < g.counts.count() {
			n = max(g.counts.loose(i), 0)
		}
		input += min(n, float64(len(data)))
		if t.compression == tiffJPEG && i < g.offsets.count() && input < tiffMaxCost {
			at := min(max(g.offsets.loose(i), 0), float64(len(data)))
			b := data[int(at):min(int(at+n), len(data))]
			scans = max(scans, float64(bytes.Count(b, []byte{0xff, 0xda})))
		}
	}
	return input, scans
}
