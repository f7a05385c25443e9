// SPDX-License-Identifier: MIT

package formats

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tiffCodec reads TIFF as Pillow does: it reads the directory itself, finds the
// kind of image in a table, takes uncompressed data as they lie, and leaves
// compressed ones to libtiff.
var tiffCodec = codec{
	header: func(data []byte) (Header, error) {
		t, err := tiffOpen(data)
		if err != nil {
			return Header{Format: "tiff"}, err
		}
		return t.header, nil
	},
	decode: func(data []byte, _ Header, lim Limits) (*Image, error) {
		t, err := tiffOpen(data)
		if err != nil {
			return nil, err
		}
		if t.compression == tiffRaw {
			return t.decodeRaw(data, lim)
		}
		return t.decodeLib(data, lim)
	},
}

// tiffFile is what a directory says about its image.
type tiffFile struct {
	*tiffDir
	header      Header
	compression int64
	photometric float64
	separate    bool // a plane for each sample
	bits        []float64
	bands       int                            // samples by the photometric interpretation and the extra samples
	key         func(fillOrder float64) string // in tiffModeOf
	tiffMode
	palette []byte // 256 colours, of modes P and PA
}

func tiffError(reason Reason, format string, args ...any) error {
	return &Error{Reason: reason, Format: "tiff", Detail: fmt.Sprintf(format, args...)}
}

// tiffOpen reads the directory and refuses what Pillow refuses to open.
func tiffOpen(data []byte) (*tiffFile, error) {
	d, err := tiffHeader(data)
	if err != nil {
		return nil, err
	}
	d.read(data)
	t := &tiffFile{tiffDir: d}
	for _, step := range []func() error{t.readKind, t.readSize, t.readMode, t.readPalette} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	t.header.Orientation, err = t.orientation()
	return t, err
}

// readKind reads compression, colours and planes.
func (t *tiffFile) readKind() error {
	if _, ok := t.tags[tagMediaPhoto]; ok {
		return tiffError(Unsupported, "it is a Windows Media Photo (JPEG XR)")
	}
	c := t.single(tagCompression, tiffRaw)
	if t.compression = int64(c); float64(t.compression) != c || tiffCompressions[t.compression] == "" {
		return tiffError(Unsupported, "its compression is %v; known are %s", c,
			"none, CCITT, LZW, JPEG, deflate, PackBits, ThunderScan, LZMA and Zstandard")
	}
	t.separate = t.single(tagPlanar, 1) == 2
	if p := t.tags[tagPhotometric]; p.count() == 1 { // several values count as none, and none as white is zero
		t.photometric = p.number(0)
	}
	if t.compression == tiffOldJPEG {
		t.photometric = photoYCbCr
	}
	return nil
}

// Photometric interpretations.
const (
	photoRGB   = 2
	photoCMYK  = 5
	photoYCbCr = 6
	photoLab   = 8
)

func (t *tiffFile) readSize() error {
	for _, id := range []uint16{tagWidth, tagLength} {
		v, ok := t.whole(id, -1)
		_, found := t.tags[id]
		switch {
		case !found && t.cut:
			return tiffError(Truncated, "the file ends in its directory")
		case !found || !ok || v < 1:
			return tiffError(Corrupt, "its directory has no usable width and length (tags 256 and 257)")
		case v > math.MaxInt32:
			return tiffError(TooLarge, "tag %d says %d pixels", id, v)
		case id == tagWidth:
			t.header.W = int(v)
		default:
			t.header.H = int(v)
		}
	}
	t.header.Format = "tiff"
	return nil
}

// readMode finds the kind of image.
func (t *tiffFile) readMode() error {
	format, formatBytes := t.list(tagSampleFormat, 1)
	if len(format) > 1 && allEqual(format) {
		format, formatBytes = format[:1], false
	}
	bits, bitsBytes := t.list(tagBits, 1)
	extra, extraBytes := t.list(tagExtraSamples)
	missing := int64(1)
	if t.compression == tiffOldJPEG {
		missing = 3
	}
	samples, ok := t.whole(tagSamples, missing)
	if !ok {
		return tiffError(Corrupt, "its number of samples is no integer")
	}
	if t.separate && len(extra) > 0 && extra[0] == 0 && allEqual(extra) {
		// Planes at the end whose meaning is unspecified are left out.
		bits, samples = bits[:max(len(bits)-len(extra), 0)], samples-int64(len(extra))
		extra, extraBytes = nil, false
	}
	t.bands = tiffBands(t.photometric) + len(extra)
	if err := t.fitBits(bits, samples); err != nil {
		return err
	}
	t.key = func(fill float64) string {
		return fmt.Sprintf("%s %v %s %v %s %s", t.orderName(), t.photometric, joined(format), fill, joined(t.bits), joined(extra))
	}
	fill := t.single(tagFillOrder, 1)
	if t.tiffMode, ok = tiffModeOf[t.key(fill)]; !ok || formatBytes || bitsBytes || extraBytes {
		return tiffError(Unsupported, "photometric interpretation %v with samples of %s bits, sample format %s, extra samples %s and"+
			" fill order %v is no kind of image that is read", t.photometric, joined(t.bits), joined(format), joined(extra), fill)
	}
	if t.mode == "La" {
		return tiffError(Unsupported, "it is grey with a premultiplied alpha, which Pillow cannot turn into RGB")
	}
	return nil
}

// fitBits makes the list of bits as long as there are samples.
func (t *tiffFile) fitBits(bits []float64, samples int64) error {
	switch n := int64(len(bits)); {
	case samples > 6:
		return tiffError(Unsupported, "it has %d samples a pixel; up to 6 are read", samples)
	case samples < 1:
		return tiffError(Corrupt, "it has %d samples a pixel", samples)
	case samples < n:
		bits = bits[:samples]
	case samples > n && n == 1: // one value for all of them
		bits = slices.Repeat(bits, int(samples))
	case samples != n:
		return tiffError(Unsupported, "it has %d samples a pixel and %d values for their bits", samples, n)
	}
	t.bits = bits
	return nil
}

func (t *tiffFile) orderName() string {
	if t.order.String() == "BigEndian" {
		return "M"
	}
	return "I"
}

// tiffBands is how many samples colours of that kind have.
func tiffBands(photometric float64) int {
	switch photometric {
	case photoRGB, photoYCbCr, photoLab:
		return 3
	case photoCMYK:
		return 4
	}
	return 1
}

func allEqual(v []float64) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

// joined writes a list for a key of tiffModes; of none, "-".
func joined(v []float64) string {
	if len(v) == 0 {
		return "-"
	}
	var s []string
	for _, x := range v {
		s = append(s, strconv.FormatFloat(x, 'g', -1, 64))
	}
	return strings.Join(s, ",")
}

// readPalette reads the colour map: the high bytes of all reds, greens and
// blues.
func (t *tiffFile) readPalette() error {
	if t.mode != "P" && t.mode != "PA" {
		return nil
	}
	m, ok := t.tags[tagColorMap]
	if !ok && t.cut {
		return tiffError(Truncated, "the file ends in its directory, before the colour map")
	}
	n := m.count() / 3
	if !ok || n > 256 || !m.integers() && m.kind != typeByte {
		return tiffError(Corrupt, "it has indexed colours and no usable colour map of up to 3 x 256 values (tag 320)")
	}
	t.palette = make([]byte, 3*256)
	for i := range m.count() {
		v := m.integer(i) >> 8
		if v < 0 || v > 255 {
			return tiffError(Corrupt, "value %d of its colour map is %d; allowed: 0 to 65535", i, m.integer(i))
		}
		if i < 3*n {
			t.palette[i%n*3+i/n] = byte(v)
		}
	}
	return nil
}

// orientation is the tag's, or XMP's where there is none.
func (t *tiffFile) orientation() (int, error) {
	v := t.single(tagOrientation, -1)
	if _, ok := t.tags[tagOrientation]; !ok {
		x, found := t.tags[tagXMP]
		if found && x.kind != typeByte && x.kind != typeUndefined {
			return 0, tiffError(Corrupt, "its XMP packet (tag 700) is no bytes")
		}
		if m := xmpOrientation.FindSubmatch(x.data); m != nil {
			v = float64(m[1][0] - '0')
		}
	}
	if v >= 1 && v <= 8 && v == math.Trunc(v) {
		return int(v), nil
	}
	return 1, nil
}
