// SPDX-License-Identifier: MIT

package formats

import (
	"encoding/binary"
	"math"
	"slices"
)

// The tags that decide how an image is read.
const (
	tagWidth        = 256
	tagLength       = 257
	tagBits         = 258
	tagCompression  = 259
	tagPhotometric  = 262
	tagFillOrder    = 266
	tagStripOffsets = 273
	tagOrientation  = 274
	tagSamples      = 277
	tagRowsPerStrip = 278
	tagStripCounts  = 279
	tagPlanar       = 284
	tagColorMap     = 320
	tagTileWidth    = 322
	tagTileLength   = 323
	tagTileOffsets  = 324
	tagTileCounts   = 325
	tagExtraSamples = 338
	tagSampleFormat = 339
	tagT4Options    = 292
	tagPredictor    = 317
	tagSubsampling  = 530
	tagXMP          = 700
	tagMediaPhoto   = 0xbc01
	tagImageDepth   = 32997
)

// tiffKnown are the tags that a directory keeps.
var tiffKnown = []uint16{tagWidth, tagLength, tagBits, tagCompression, tagPhotometric, tagFillOrder, tagStripOffsets, tagOrientation,
	tagSamples, tagRowsPerStrip, tagStripCounts, tagPlanar, tagColorMap, tagTileWidth, tagTileLength, tagTileOffsets, tagTileCounts,
	tagExtraSamples, tagSampleFormat, tagXMP, tagT4Options, tagPredictor, tagSubsampling, tagImageDepth, tagMediaPhoto}

// Types of tags (TIFF 6.0 section 2, and BigTIFF's).
const (
	typeByte      = 1
	typeASCII     = 2
	typeShort     = 3
	typeLong      = 4
	typeRational  = 5
	typeSByte     = 6
	typeUndefined = 7
	typeSShort    = 8
	typeSLong     = 9
	typeSRational = 10
	typeFloat     = 11
	typeDouble    = 12
	typeIFD       = 13
	typeLong8     = 16
)

// tiffSizes are the bytes of one value of each type; 0: Pillow passes over it.
var tiffSizes = [17]uint64{typeByte: 1, typeASCII: 1, typeShort: 2, typeLong: 4, typeRational: 8, typeSByte: 1, typeUndefined: 1,
	typeSShort: 2, typeSLong: 4, typeSRational: 8, typeFloat: 4, typeDouble: 8, typeIFD: 4, typeLong8: 8}

// tiffTag is a tag's values as they lie in the file.
type tiffTag struct {
	order binary.ByteOrder
	kind  uint16
	data  []byte
	entry uint64 // where it lies in the file
}

// tiffDir is the first directory of a file, read as Pillow reads it.
type tiffDir struct {
	order   binary.ByteOrder
	big     bool
	offset  uint64
	tags    map[uint16]tiffTag
	entries int    // how many there are, of any kind
	outside uint64 // bytes of all values in the file that do not fit into their entries
	total   uint64 // the same, as far as Pillow counts them, in the file or not
	cut     bool   // the file ended in it, or in a tag's values
}

// tiffHeader reads byte order, kind and the offset of the first directory.
// Pillow takes the number after the byte order in either order, too.
func tiffHeader(data []byte) (*tiffDir, error) {
	if len(data) < 8 {
		return nil, Cut("tiff", len(data))
	}
	d := &tiffDir{order: binary.LittleEndian, tags: map[uint16]tiffTag{}}
	switch string(data[:4]) {
	case "MM\x00*", "MM*\x00":
		d.order = binary.BigEndian
	case "II+\x00":
		d.big = true
	case "MM\x00+":
		return nil, tiffError(Unsupported, "it is a big-endian BigTIFF, which Pillow does not read; little-endian ones are")
	}
	if !d.big {
		d.offset = uint64(d.order.Uint32(data[4:]))
	} else if len(data) < 16 {
		return nil, Cut("tiff", len(data))
	} else {
		d.offset = d.order.Uint64(data[8:])
	}
	if d.offset == 0 {
		return nil, tiffError(Corrupt, "it has no directory")
	}
	return d, nil
}

// read reads the directory. Where the file ends in it, what came before stays,
// as in Pillow.
func (d *tiffDir) read(data []byte) {
	at, entry, count := d.offset+2, uint64(12), uint64(0)
	if d.big {
		at, entry = d.offset+8, 20
	}
	if d.cut = at > uint64(len(data)) || at < d.offset; d.cut {
		return
	}
	if d.big {
		count = d.order.Uint64(data[d.offset:])
	} else {
		count = uint64(d.order.Uint16(data[d.offset:]))
	}
	var seen [1 << 16 / 64]uint64
	for ; count > 0; count-- {
		if d.cut = at+entry > uint64(len(data)); d.cut {
			return
		}
		if !d.readEntry(data, at, &seen) {
			d.cut = true
			return
		}
		at += entry
	}
}

// readEntry reads one tag, unless it was there before. It reports false where
// the file ends in its values.
func (d *tiffDir) readEntry(data []byte, at uint64, seen *[1 << 16 / 64]uint64) (more bool) {
	d.entries++
	e := data[at:]
	id, kind, count, value := d.order.Uint16(e), d.order.Uint16(e[2:]), uint64(d.order.Uint32(e[4:])), e[8:12]
	if d.big {
		count, value = d.order.Uint64(e[4:]), e[12:20]
	}
	if seen[id/64]&(1<<(id%64)) != 0 || int(kind) >= len(tiffSizes) || tiffSizes[kind] == 0 || count == 0 {
		return true
	}
	size := min(count, 1<<59) * tiffSizes[kind]
	if size > uint64(len(value)) {
		from := uint64(0)
		if d.big {
			from = d.order.Uint64(value)
		} else {
			from = uint64(d.order.Uint32(value))
		}
		if value, more = d.values(data, from, size); value == nil {
			return more
		}
	}
	seen[id/64] |= 1 << (id % 64)
	if slices.Contains(tiffKnown, id) {
		d.tags[id] = tiffTag{d.order, kind, value[:size], at}
	}
	return true
}

// values returns those that lie elsewhere, or nil where they are passed over. more
// is false where the file ends in them, which ends the directory, too.
func (d *tiffDir) values(data []byte, from, size uint64) (value []byte, more bool) {
	if from >= 1<<63 {
		return nil, true
	}
	there := from <= uint64(len(data)) && size <= uint64(len(data))-from
	if there {
		d.outside += size
	}
	// All values together fit into the file; a tag with which they would not is
	// passed over.
	if d.total = min(d.total+size, math.MaxInt64); d.total > uint64(len(data)) {
		return nil, true
	}
	if !there {
		return nil, false
	}
	return data[from:], true
}

// count is how many values the tag has.
func (t tiffTag) count() int {
	if t.kind == 0 {
		return 0
	}
	return len(t.data) / int(tiffSizes[t.kind])
}

// integer returns value i of a tag of integers; of bytes, too, which Pillow
// takes for integers only where it goes through them one by one.
func (t tiffTag) integer(i int) int64 {
	b := t.data[i*int(tiffSizes[t.kind]):]
	switch t.kind {
	case typeByte:
		return int64(b[0])
	case typeSByte:
		return int64(int8(b[0]))
	case typeShort:
		return int64(t.order.Uint16(b))
	case typeSShort:
		return int64(int16(t.order.Uint16(b)))
	case typeLong, typeIFD:
		return int64(t.order.Uint32(b))
	case typeSLong:
		return int64(int32(t.order.Uint32(b)))
	}
	return int64(min(t.order.Uint64(b), math.MaxInt64))
}

// integers tells whether Pillow has the tag's values as integers.
func (t tiffTag) integers() bool {
	switch t.kind {
	case typeSByte, typeShort, typeSShort, typeLong, typeSLong, typeIFD, typeLong8:
		return true
	}
	return false
}

// number returns value i as Pillow compares it with an integer: fractions and
// floats count, bytes and text are equal to no number.
func (t tiffTag) number(i int) float64 {
	b := t.data[i*int(tiffSizes[t.kind]):]
	switch t.kind {
	case typeByte, typeASCII, typeUndefined:
		return math.NaN()
	case typeRational:
		return float64(t.order.Uint32(b)) / float64(t.order.Uint32(b[4:]))
	case typeSRational:
		return float64(int32(t.order.Uint32(b))) / float64(int32(t.order.Uint32(b[4:])))
	case typeFloat:
		return float64(math.Float32frombits(t.order.Uint32(b)))
	case typeDouble:
		return math.Float64frombits(t.order.Uint64(b))
	}
	return float64(t.integer(i))
}

// single returns the value of a tag that has one, or missing. Of several values
// the first counts.
func (d *tiffDir) single(id uint16, missing float64) float64 {
	t, ok := d.tags[id]
	if !ok {
		return missing
	}
	return t.number(0)
}

// loose is number where bytes count as integers, as they do for libtiff.
func (t tiffTag) loose(i int) float64 {
	if t.kind == typeByte {
		return float64(t.data[i])
	}
	return t.number(i)
}

// loose is single for libtiff.
func (d *tiffDir) loose(id uint16, missing float64) float64 {
	t, ok := d.tags[id]
	if !ok {
		return missing
	}
	return t.loose(0)
}

// whole is single for a tag whose value must be an integer; ok is false where it
// is there and is none.
func (d *tiffDir) whole(id uint16, missing int64) (v int64, ok bool) {
	t, found := d.tags[id]
	switch {
	case !found:
		return missing, true
	case !t.integers():
		return 0, false
	}
	return t.integer(0), true
}

// list returns all values of a tag. bytes tells that Pillow has them as a string
// of bytes, which equals no list of numbers.
func (d *tiffDir) list(id uint16, missing ...float64) (values []float64, bytes bool) {
	t, ok := d.tags[id]
	if !ok {
		return missing, false
	}
	for i := range min(t.count(), 64) { // no image has that many samples
		values = append(values, t.loose(i))
	}
	return values, t.kind == typeByte
}
