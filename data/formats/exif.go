// SPDX-License-Identifier: MIT

package formats

import "encoding/binary"

// ExifOrientation returns tag 0x0112 of the first directory of a TIFF block,
// which is what an EXIF block is (TIFF 6.0, section 2), or 1 where there is none
// or it makes no sense: a wrong orientation is never a reason to lose an image.
func ExifOrientation(b []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	if len(b) < 8 {
		return 1
	}
	switch string(b[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	p := uint64(order.Uint32(b[4:]))
	if p+2 > uint64(len(b)) {
		return 1
	}
	entries := uint64(order.Uint16(b[p:]))
	for i := range entries {
		at := p + 2 + 12*i
		if at+12 > uint64(len(b)) {
			return 1
		}
		const orientation, short = 0x0112, 3
		if order.Uint16(b[at:]) != orientation {
			continue
		}
		v := int(order.Uint16(b[at+8:]))
		if order.Uint16(b[at+2:]) != short || v < 1 || v > 8 {
			return 1
		}
		return v
	}
	return 1
}

// riffChunk returns the data of the first chunk of that type, or nil.
func riffChunk(data []byte, kind string) []byte {
	for p := uint64(12); p+8 <= uint64(len(data)); {
		n := uint64(binary.LittleEndian.Uint32(data[p+4:]))
		if p+8+n > uint64(len(data)) {
			return nil
		}
		if string(data[p:p+4]) == kind {
			return data[p+8 : p+8+n]
		}
		p += 8 + n + n&1 // chunks are padded to even length
	}
	return nil
}
