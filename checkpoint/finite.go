// SPDX-License-Identifier: MIT

package checkpoint

import "encoding/binary"

// NotFinite counts the NaN and infinite values among a tensor's bytes; types
// without such values have none.
func NotFinite(dtype DType, data []byte) int64 {
	n := int64(0)
	switch dtype {
	case F64:
		for ; len(data) >= 8; data = data[8:] {
			n += special(binary.LittleEndian.Uint64(data)>>52, 0x7ff)
		}
	case F32:
		for ; len(data) >= 4; data = data[4:] {
			n += special(uint64(binary.LittleEndian.Uint32(data)>>23), 0xff)
		}
	case BF16:
		for ; len(data) >= 2; data = data[2:] {
			n += special(uint64(binary.LittleEndian.Uint16(data)>>7), 0xff)
		}
	case F16:
		for ; len(data) >= 2; data = data[2:] {
			n += special(uint64(binary.LittleEndian.Uint16(data)>>10), 0x1f)
		}
	}
	return n
}

// special is 1 for an exponent of ones only, which means NaN or infinity. The sign
// bit lies above it.
func special(bits, ones uint64) int64 {
	if bits&ones == ones {
		return 1
	}
	return 0
}

// pieceBytes is how much of a tensor is in memory while it is looked through, a
// multiple of every element size.
const pieceBytes = 16 << 20

// NotFinite counts the values of a tensor that are NaN or infinite. One that is
// expanded beyond what can be loaded has none.
func (f *File) NotFinite(name string) (int64, error) {
	info, ok := f.Lookup(name)
	if ok && f.affordable(name) != nil {
		return 0, nil
	}
	n := int64(0)
	err := f.Pieces(name, pieceBytes, func(piece []byte) error {
		n += NotFinite(info.DType, piece)
		return nil
	})
	return n, err
}

// HasFloats tells whether values of a type can be NaN or infinite.
func (d DType) HasFloats() bool { return d == F64 || d == F32 || d == F16 || d == BF16 }
