// SPDX-License-Identifier: MIT

package formats

/*
#include "fm_png.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
)

// pngMinimum is how many bytes a chunk must have for Pillow.
var pngMinimum = map[string]int{"IHDR": 13, "gAMA": 4, "cHRM": 32, "sRGB": 1, "pHYs": 9, "acTL": 8, "fcTL": 26, "fdAT": 4}

// clearsOne tells of a tRNS that it makes one colour clear and leaves the others
// opaque. Pillow's pattern lets a line feed pass at the end.
func clearsOne(s []byte) bool {
	s = bytes.TrimSuffix(s, []byte{'\n'})
	return bytes.Count(s, []byte{0}) == 1 && bytes.Count(s, []byte{0xff}) == len(s)-1
}

// handle reads a chunk; pixels says that it is one with pixels, whose data may be
// cut off.
func (f *pngFile) handle(c pngChunk) (pixels bool, err error) {
	if c.n < pngMinimum[c.kind] {
		return false, pngError(Corrupt, "chunk %s has %d bytes; it needs %d", c.kind, c.n, pngMinimum[c.kind])
	}
	switch c.kind {
	case "IDAT":
		return true, nil
	case "fdAT":
		return true, f.frameData(c)
	}
	s, err := f.body(c)
	if err != nil {
		return false, err
	}
	switch c.kind {
	case "IHDR":
		err = f.imageHeader(s)
	case "PLTE":
		if f.mode != nil && f.mode.kind == C.FM_PNG_PALETTE {
			f.palette = append([]byte{}, s...)
		}
	case "tRNS":
		if f.mode != nil && len(s) < f.mode.transparency {
			err = pngError(Corrupt, "chunk tRNS has %d bytes; it needs %d", len(s), f.mode.transparency)
		}
		f.clear = clearsOne(s)
	case "iCCP", "zTXt", "iTXt":
		err = f.compressed(c.kind, s)
	case "acTL":
		f.animation(s)
	case "fcTL":
		err = f.frameControl(s)
	}
	return false, err
}

func (f *pngFile) imageHeader(s []byte) error {
	f.w, f.h = binary.BigEndian.Uint32(s), binary.BigEndian.Uint32(s[4:])
	if m := pngModes[[2]byte{s[8], s[9]}]; m != nil {
		f.mode = m
	}
	f.interlaced = f.interlaced || s[12] != 0
	if s[11] != 0 {
		return pngError(Corrupt, "filter method %d; 0 is defined", s[11])
	}
	return nil
}

// compressed finds the compressed part of a profile or text and measures it.
func (f *pngFile) compressed(kind string, s []byte) error {
	_, rest, found := bytes.Cut(s, []byte{0})
	switch kind {
	case "iCCP":
		if !found || len(rest) == 0 || rest[0] != 0 {
			return pngError(Corrupt, "chunk iCCP has no name or an unknown compression")
		}
		return f.inflate(kind, rest[1:])
	case "zTXt":
		if len(rest) == 0 {
			return nil
		}
		if rest[0] != 0 {
			return pngError(Corrupt, "chunk zTXt has the unknown compression %d", rest[0])
		}
		return f.inflate(kind, rest[1:])
	}
	if len(rest) < 2 || rest[0] == 0 || rest[1] != 0 { // not compressed, or in no known way
		return nil
	}
	if parts := bytes.SplitN(rest[2:], []byte{0}, 3); len(parts) == 3 {
		return f.inflate(kind, parts[2])
	}
	return nil
}

// inflate refuses texts and profiles that are too long, one or all of them.
func (f *pngFile) inflate(kind string, s []byte) error {
	if f.scratch == nil {
		f.scratch = make([]byte, pngTextChunk)
	}
	var more C.int
	f.inflated += int(C.fm_png_measure(bytePtr(s), C.size_t(len(s)), pngTextChunk, bytePtr(f.scratch), &more))
	if more != 0 {
		return pngError(TooLarge, "chunk %s inflates to more than %d bytes", kind, pngTextChunk)
	}
	if f.inflated > pngTextTotal {
		return pngError(TooLarge, "its texts and profiles inflate to more than %d bytes", pngTextTotal)
	}
	return nil
}

// animation notes the number of frames; a second announcement takes the first
// one back.
func (f *pngFile) animation(s []byte) {
	n := binary.BigEndian.Uint32(s)
	switch {
	case f.frames != 0:
		f.frames = 0
	case n <= 1<<31:
		f.frames = n
	}
}

func (f *pngFile) sequence(s []byte) error {
	n := int64(binary.BigEndian.Uint32(s))
	if n != f.seq+1 {
		return pngError(Corrupt, "the animation's chunk %d follows number %d", n, f.seq)
	}
	f.seq = n
	return nil
}

func (f *pngFile) frameControl(s []byte) error {
	if err := f.sequence(s); err != nil {
		return err
	}
	u := func(at int) uint64 { return uint64(binary.BigEndian.Uint32(s[at:])) }
	w, h, x, y := u(4), u(8), u(12), u(16)
	if x+w > uint64(f.w) || y+h > uint64(f.h) {
		return pngError(Corrupt, "a frame of %d x %d at (%d, %d) lies outside the image's %d x %d", w, h, x, y, f.w, f.h)
	}
	f.frame = &pngFrame{uint32(x), uint32(y), uint32(w), uint32(h)}
	return nil
}

func (f *pngFile) frameData(c pngChunk) error {
	if c.at+4 > len(f.data) {
		return pngError(Truncated, "it ends in a chunk fdAT")
	}
	if f.seq < 0 {
		return pngError(Corrupt, "chunk fdAT comes before any fcTL")
	}
	return f.sequence(f.data[c.at:])
}
