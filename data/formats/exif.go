// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/binary"
	"math"
	"regexp"
)

// Orientation returns what Pillow's exif_transpose goes by: tag 0x0112 of an
// EXIF block, and where that has none the first tiff:Orientation of an XMP
// packet. It is 1 where there is neither or it makes no sense. A block at which
// Pillow would raise an error is none: that is no reason to lose an image.
func Orientation(exif, xmp []byte) int {
	v, found := exifOrientation(exif)
	if m := xmpOrientation.FindSubmatch(xmp); !found && m != nil {
		v = int(m[1][0] - '0')
	}
	if v < 1 || v > 8 {
		return 1
	}
	return v
}

var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// exifOrientation reads the tag from the first directory of a TIFF block, which
// is what an EXIF block is (TIFF 6.0, section 2), and tells whether there is one.
// A value that is no whole number is 0.
func exifOrientation(b []byte) (v int, found bool) {
	d := exifDirectory{data: unprefixed(b), order: byteOrder(b)}
	if d.order == nil {
		return 0, false
	}
	b = d.data
	p := uint64(d.order.Uint32(b[4:]))
	if p+2 > uint64(len(b)) {
		return 0, false
	}
	for i := range uint64(d.order.Uint16(b[p:])) {
		at := p + 2 + 12*i
		if at+12 > uint64(len(b)) {
			return 0, false
		}
		tag := d.order.Uint16(b[at:])
		if d.seen[tag/64]>>(tag%64)&1 != 0 {
			continue // the first counts
		}
		value, more := d.entry(b[at : at+12])
		if !more {
			return 0, false
		}
		const orientation = 0x0112
		if value != nil && tag == orientation {
			return d.whole(d.order.Uint16(b[at+2:]), value), true
		}
		if value != nil {
			d.seen[tag/64] |= 1 << (tag % 64)
		}
	}
	return 0, false
}

// isExif tells whether Pillow takes a block for EXIF.
func isExif(b []byte) bool { return byteOrder(b) != nil }

// unprefixed returns a block without what stands before it in a JPEG.
func unprefixed(b []byte) []byte {
	for range 2 {
		b = bytes.TrimPrefix(b, []byte("Exif\x00\x00"))
	}
	return b
}

// byteOrder returns the order of a TIFF block by its head, or nil if it is none.
func byteOrder(b []byte) binary.ByteOrder {
	if b = unprefixed(b); len(b) < 8 {
		return nil
	}
	switch string(b[:4]) {
	case "II*\x00", "II\x00*": // Pillow takes the first alone for right, but reads all
		return binary.LittleEndian
	case "MM\x00*", "MM*\x00", "MM\x00+":
		return binary.BigEndian
	}
	return nil
}

// exifDirectory follows the entries of a directory.
type exifDirectory struct {
	data    []byte
	order   binary.ByteOrder
	outside uint64 // bytes of values that do not fit into their entries, so far
	seen    [1 << 16 / 64]uint64
}

// exifSizes are the bytes of a value by its type.
var exifSizes = [...]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}

// entry returns the value of an entry, or nil where Pillow passes over it, and
// whether Pillow reads on: not behind a value that lies outside of the block.
func (d *exifDirectory) entry(e []byte) (value []byte, more bool) {
	kind := int(d.order.Uint16(e[2:]))
	if kind >= len(exifSizes) || exifSizes[kind] == 0 {
		return nil, true
	}
	n := exifSizes[kind] * uint64(d.order.Uint32(e[4:]))
	if n == 0 {
		return nil, true
	}
	if n <= 4 {
		return e[8 : 8+n], true
	}
	if d.outside += n; d.outside > uint64(len(d.data)) {
		return nil, true
	}
	at := uint64(d.order.Uint32(e[8:]))
	if at+n > uint64(len(d.data)) {
		return nil, false
	}
	return d.data[at : at+n], true
}

// whole returns the first number of a value, or 0 where it is none of 1 to 8.
func (d *exifDirectory) whole(kind uint16, b []byte) int {
	num := 0.0
	switch kind {
	case 3:
		num = float64(d.order.Uint16(b))
	case 4, 13:
		num = float64(d.order.Uint32(b))
	case 5:
		num = float64(d.order.Uint32(b)) / float64(d.order.Uint32(b[4:]))
	case 6:
		num = float64(int8(b[0]))
	case 8:
		num = float64(int16(d.order.Uint16(b)))
	case 9:
		num = float64(int32(d.order.Uint32(b)))
	case 10:
		num = float64(int32(d.order.Uint32(b))) / float64(int32(d.order.Uint32(b[4:])))
	case 11:
		num = float64(math.Float32frombits(d.order.Uint32(b)))
	case 12:
		num = math.Float64frombits(d.order.Uint64(b))
	case 16:
		num = float64(d.order.Uint64(b))
	}
	if num >= 1 && num <= 8 && num == math.Trunc(num) {
		return int(num)
	}
	return 0
}
