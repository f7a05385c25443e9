// SPDX-License-Identifier: MIT

package formats

/*
#include "fm_tiff.h"
*/
import "C"

import (
	"cmp"
	"math"
	"slices"
	"unsafe"
)

// maxTIFFMemory bounds the pixels and what is needed beside them.
const maxTIFFMemory = 900 << 20

// maxTIFFPieces bounds strips and tiles; 178 million pixels in tiles of 16 x 16
// have fewer.
const maxTIFFPieces = 1 << 20

// tiffLayout finds the C side's way to unpack a raw mode, or -1 where Pillow has
// none.
func tiffLayout(mode, raw string) C.int {
	key := mode + "/" + raw
	return C.fm_tiff_layout((*C.char)(unsafe.Pointer(unsafe.StringData(key))), C.size_t(len(key)))
}

// decodeRaw decodes uncompressed data. It puts up Pillow's list of tiles, with
// its oddities: byte counts are not looked at, offsets that are missing leave
// pixels zero, too many begin again at the top.
func (t *tiffFile) decodeRaw(data []byte, lim Limits) (*Image, error) {
	pieces, err := t.pieces()
	if err != nil {
		return nil, err
	}
	if err := t.checkBudget(data, float64(len(pieces))*tiffCosts[tiffRaw].piece); err != nil {
		return nil, err
	}
	img, err := t.decodeC(lim, func(c *C.fm_context, job *C.fm_tiff_job, out *C.uint8_t) C.int {
		return C.fm_tiff_raw(c, job, out, bytePtr(data), C.size_t(len(data)), unsafe.SliceData(pieces), C.size_t(len(pieces)))
	})
	if ReasonOf(err) == Truncated && t.subsampled() {
		return nil, tiffError(Unsupported, "uncompressed YCbCr with fewer colour samples than pixels is not read")
	}
	return img, err
}

// subsampled tells that the colours of YCbCr are said to be stored for several
// pixels together. Pillow takes uncompressed ones for whole pixels all the same.
func (t *tiffFile) subsampled() bool {
	v, _ := t.list(tagSubsampling, 2, 2)
	return t.mode == "YCbCr" && (len(v) != 2 || v[0] != 1 || v[1] != 1)
}

// decodeC makes the image that f fills.
func (t *tiffFile) decodeC(lim Limits, f func(c *C.fm_context, job *C.fm_tiff_job, out *C.uint8_t) C.int) (*Image, error) {
	job := C.fm_tiff_job{w: C.int32_t(t.header.W), h: C.int32_t(t.header.H), bands: C.int32_t(tiffModeBands(t.mode)), channels: 3}
	switch t.mode {
	case "1", "L", "LA", "I", "F", "I;16", "I;16B":
		job.channels = 1
	case "P", "PA":
		copy(unsafe.Slice((*byte)(&job.palette[0]), len(job.palette)), t.palette)
	case "CMYK":
		job.kind = C.FM_TIFF_CMYK
	case "LAB":
		job.kind = C.FM_TIFF_LAB
	case "RGBA":
		job.kind = C.FM_TIFF_RGBA
	case "YCbCr":
		job.kind = C.FM_TIFF_YCBCR
	}
	img := lim.image(t.header, int(job.channels))
	lim.MaxMemory = min(lim.MaxMemory, max(maxTIFFMemory-int64(len(img.Pix)), 64<<20))
	err := lim.inC("tiff", func(c *C.fm_context) C.int { return f(c, &job, bytePtr(img.Pix)) })
	if err != nil {
		return nil, err
	}
	return img, nil
}

// tiffModeBands is how many bands an image of Pillow has.
func tiffModeBands(mode string) int {
	switch mode {
	case "LA", "PA":
		return 2
	case "RGB", "YCbCr", "LAB":
		return 3
	case "RGBA", "CMYK":
		return 4
	}
	return 1
}

// piecesGrid returns offsets and size of strips or tiles.
func (t *tiffFile) piecesGrid() (offsets tiffTag, w, h int64, err error) {
	width, height := int64(t.header.W), int64(t.header.H)
	offsets, found := t.tags[tagStripOffsets]
	ok := true
	if found {
		w = width
		h, ok = t.whole(tagRowsPerStrip, height)
	} else if offsets, found = t.tags[tagTileOffsets]; found {
		var ok2 bool
		w, ok = t.whole(tagTileWidth, 0)
		h, ok2 = t.whole(tagTileLength, 0)
		ok = ok && ok2
	}
	switch {
	case !found && t.cut:
		err = tiffError(Truncated, "the file ends in its directory, before the offsets of the image")
	case !found:
		err = tiffError(Corrupt, "it has neither strips nor tiles (tags 273 and 324)")
	case !ok || w < 1 || h < 1:
		err = tiffError(Corrupt, "its strips or tiles are %d x %d pixels", w, h)
	case !offsets.integers() && offsets.kind != typeByte:
		err = tiffError(Corrupt, "the offsets of its strips or tiles are no integers")
	}
	return offsets, w, h, err
}

// pieces returns the strips or tiles in the order in which they are decoded.
func (t *tiffFile) pieces() ([]C.fm_tiff_piece, error) {
	offsets, w, h, err := t.piecesGrid()
	if err != nil {
		return nil, err
	}
	width, height := int64(t.header.W), int64(t.header.H)
	first, n := 0, offsets.count()
	if w == width && h == height && !t.separate {
		first = n - 1 // each of them covers the image; the last one is Pillow's
	}
	if n-first > maxTIFFPieces {
		return nil, tiffError(TooLarge, "it has %d strips or tiles; up to %d are read", n, maxTIFFPieces)
	}
	stride, err := t.pieceStride(w)
	if err != nil {
		return nil, err
	}
	layouts, planes := t.layouts()
	pieces := make([]C.fm_tiff_piece, 0, n-first)
	x, y, layer, area := int64(0), int64(0), 0, int64(0)
	for i := first; i < n; i++ {
		if layer >= len(layouts) && t.separate {
			return nil, tiffError(Unsupported, "it has offsets for more than the %d planes of its kind of image", planes)
		}
		p := C.fm_tiff_piece{offset: C.int64_t(offsets.integer(i)), x0: C.int32_t(x), y0: C.int32_t(y),
			x1: C.int32_t(min(x+w, width)), y1: C.int32_t(min(y+h, height)), layout: C.int32_t(layouts[min(layer, len(layouts)-1)])}
		if x+w > width {
			p.stride = C.int32_t(stride)
		}
		area += int64(p.x1-p.x0) * int64(p.y1-p.y0)
		if err := t.checkPiece(p, area, int64(planes)); err != nil {
			return nil, err
		}
		pieces = append(pieces, p)
		if x += w; x >= width {
			if x, y = 0, y+h; y >= height {
				y = 0
				layer++
			}
		}
	}
	return inFileOrder(pieces), nil
}

// pieceStride is how many bytes of the file a line of a tile takes.
func (t *tiffFile) pieceStride(w int64) (int64, error) {
	stride := float64(w) * sum(t.bits) / 8
	if t.separate {
		stride /= float64(t.bands)
	}
	if stride > math.MaxInt32 {
		return 0, tiffError(TooLarge, "its tiles are %d pixels wide", w)
	}
	return int64(stride), nil
}

// checkPiece refuses a strip or tile that is not in the file, that is not read,
// or with which there are too many pixels.
func (t *tiffFile) checkPiece(p C.fm_tiff_piece, area, planes int64) error {
	switch {
	case p.offset < 0:
		return tiffError(Corrupt, "a strip or tile begins at %d", p.offset)
	case p.layout < 0:
		return tiffError(Unsupported, "uncompressed data of its kind (%s, separate planes: %t) are not read", t.raw, t.separate)
	case area > 4*int64(t.header.W)*int64(t.header.H)*planes+1<<20:
		return tiffError(Corrupt, "its strips or tiles hold more than four times the image")
	}
	return nil
}

// layouts returns how each plane is unpacked. With separate planes the raw mode
// of plane i is the i-th letter of the image's, whatever follows its semicolon.
func (t *tiffFile) layouts() (list []C.int, planes int) {
	if !t.separate {
		return []C.int{tiffLayout(t.mode, t.raw)}, 1
	}
	for _, band := range t.raw {
		list = append(list, tiffLayout(t.mode, string(band)))
	}
	return list, len(list)
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// inFileOrder sorts pieces by their offsets and keeps the last of neighbours
// that are for the same place.
func inFileOrder(pieces []C.fm_tiff_piece) []C.fm_tiff_piece {
	slices.SortStableFunc(pieces, func(a, b C.fm_tiff_piece) int { return cmp.Compare(a.offset, b.offset) })
	kept := pieces[:0]
	for i, p := range pieces {
		if i+1 < len(pieces) {
			next := pieces[i+1]
			if next.offset = p.offset; next == p {
				continue
			}
		}
		kept = append(kept, p)
	}
	return kept
}
