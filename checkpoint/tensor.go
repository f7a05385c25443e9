// SPDX-License-Identifier: MIT

package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// DType names the type of a tensor's elements, as safetensors spells it.
type DType string

// The types that can be read and written.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Types that files hold beside those. They are listed, and their bytes can be
// read; nothing here computes with them.
const (
	C128       DType = "C128"
	C64        DType = "C64"
	C32        DType = "C32"
	F8E4M3     DType = "F8_E4M3"
	F8E5M2     DType = "F8_E5M2"
	F8E8M0     DType = "F8_E8M0"
	F8E4M3FNUZ DType = "F8_E4M3FNUZ"
	F8E5M2FNUZ DType = "F8_E5M2FNUZ"
	F6E2M3     DType = "F6_E2M3"
	F6E3M2     DType = "F6_E3M2"
	F4         DType = "F4"
)

// dtypeBits is the size of an element. The last few share bytes.
var dtypeBits = map[DType]int64{
	F64: 64, I64: 64, U64: 64, F32: 32, I32: 32, U32: 32, F16: 16, BF16: 16, I16: 16, U16: 16, I8: 8, U8: 8, Bool: 8,
	C128: 128, C64: 64, C32: 32, F8E4M3: 8, F8E5M2: 8, F8E8M0: 8, F8E4M3FNUZ: 8, F8E5M2FNUZ: 8,
	F6E2M3: 6, F6E3M2: 6, F4: 4,
}

// writable are the types that can be written, in the order of error messages.
var writable = []DType{F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, Bool}

// Size is the number of bytes of one element, 0 for an unknown type and for those
// whose elements are parts of a byte.
func (d DType) Size() int64 {
	if dtypeBits[d]%8 != 0 {
		return 0
	}
	return dtypeBits[d] / 8
}

// Info describes a tensor without its data. An empty Shape is a scalar.
type Info struct {
	Name  string  `json:"name"`
	DType DType   `json:"dtype"`
	Shape []int64 `json:"shape"`

	// extent is the size in bytes of a tensor whose type is not known here.
	extent int64
}

// Elements is the product of the shape, 1 for a scalar.
func (i Info) Elements() int64 {
	n := int64(1)
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// Bytes is the size of the tensor's data.
func (i Info) Bytes() int64 {
	if i.extent > 0 {
		return i.extent
	}
	return i.Elements() * dtypeBits[i.DType] / 8
}

// String is like `fc.weight F32 [1000 440]`.
func (i Info) String() string { return fmt.Sprintf("%s %s %v", i.Name, i.DType, i.Shape) }

// check makes Elements and Bytes safe to call: no negative dimension, no overflow.
func (i Info) check() error {
	size := max(dtypeBits[i.DType], 1)
	if slices.Contains(i.Shape, 0) {
		size = 0 // an empty tensor has 0 bytes, whatever its other dimensions
	}
	for _, d := range i.Shape {
		if d < 0 {
			return fmt.Errorf("shape %v has a negative dimension", i.Shape)
		}
		if size > 0 && d > math.MaxInt64/size {
			return fmt.Errorf("shape %v of %s is larger than any memory", i.Shape, i.DType)
		}
		size *= d
	}
	if size%8 != 0 && dtypeBits[i.DType] > 0 {
		return fmt.Errorf("shape %v of %s ends within a byte", i.Shape, i.DType)
	}
	return nil
}

// Tensor is a named array: Data holds Shape's elements in row-major order,
// contiguous and little endian.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Data  []byte
}

// Info describes the tensor.
func (t Tensor) Info() Info { return Info{Name: t.Name, DType: t.DType, Shape: t.Shape} }

// check tells whether the data have the length that type and shape ask for.
func (t Tensor) check() error {
	info := t.Info()
	if !slices.Contains(writable, t.DType) {
		return fmt.Errorf("dtype %q is not supported; allowed are %s", t.DType, strings.Trim(fmt.Sprint(writable), "[]"))
	}
	if err := info.check(); err != nil {
		return err
	}
	if want := info.Bytes(); int64(len(t.Data)) != want {
		return fmt.Errorf("%s %v needs %d bytes, its data have %d", t.DType, t.Shape, want, len(t.Data))
	}
	return nil
}

// FromFloat32 makes an F32 tensor with its own copy of the values; their number
// must be the product of the shape.
func FromFloat32(name string, values []float32, shape ...int64) (Tensor, error) {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	t := Tensor{Name: name, DType: F32, Shape: slices.Clone(shape), Data: data}
	if err := t.check(); err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	return t, nil
}

// Float32 converts any floating-point tensor to float32 values. F64 is rounded;
// F16 and BF16 are exact. Other types are an error: an integer buffer among
// the weights is a mistake to show, not to convert.
func (t Tensor) Float32() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	decode := floatDecoders[t.DType]
	if decode == nil {
		return nil, fmt.Errorf("tensor %q has dtype %s; F32, F16, BF16 or F64 is needed", t.Name, t.DType)
	}
	size := int(t.DType.Size())
	values := make([]float32, len(t.Data)/size)
	for i := range values {
		values[i] = decode(t.Data[i*size:])
	}
	return values, nil
}

var floatDecoders = map[DType]func([]byte) float32{
	F64:  func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) },
	F32:  func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) },
	BF16: func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) },
	F16:  func(b []byte) float32 { return halfToFloat32(binary.LittleEndian.Uint16(b)) },
}

// halfToFloat32 widens IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10
// fraction bits.
func halfToFloat32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // zero and subnormals: fraction × 2⁻²⁴
		f := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 31: // infinity and NaN keep their fraction
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
	}
}

// FormatError says that a file is not what it should be: the bytes are wrong,
// not the disk.
type FormatError struct {
	Path    string // the file
	Key     string // the tensor, when the problem is about one
	Problem string // what was found and what is allowed
}

// Error implements error.
func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Key != "" {
		fmt.Fprintf(&b, ": tensor %q", e.Key)
	}
	b.WriteString(": ")
	b.WriteString(e.Problem)
	return b.String()
}

// formatErrorf makes a FormatError.
func formatErrorf(path, key, format string, args ...any) error {
	return &FormatError{Path: path, Key: key, Problem: fmt.Sprintf(format, args...)}
}
