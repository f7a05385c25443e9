// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zlib"
)

// The part of MATLAB's level 5 format ("MAT-File Format", MathWorks) that a table of numbers and texts needs: an array of
// structs. Elements are a tag of type and size and so many bytes, to a multiple of eight.

// types of elements
const (
	miINT8 = 1 + iota
	miUINT8
	miINT16
	miUINT16
	miINT32
	miUINT32
	miSINGLE
	_
	miDOUBLE
	_
	_
	miINT64
	miUINT64
	miMATRIX
	miCOMPRESSED
	miUTF8
)

// classes of arrays
const (
	mxSTRUCT = 2
	mxCHAR   = 4
	mxDOUBLE = 6
	mxUINT64 = 15
)

const (
	matHeader = 128
	// maxMAT bounds what a compressed element may become: ImageNet's is 1 MB.
	maxMAT = 64 << 20
	// maxFields bounds the columns of a table; ImageNet's has 8.
	maxFields = 64
)

var errCutShort = errors.New("it ends early")

// matTable is an array of structs.
type matTable struct{ rows []matRow }

type matRow map[string]matValue

// matValue is a text, or the first number of an array; a matrix that is neither is empty.
type matValue struct {
	text   string
	number float64
	filled bool // there is a number
}

func (r matRow) number(field string) (int, error) {
	v := r[field]
	if !v.filled || v.number != math.Trunc(v.number) || math.Abs(v.number) > math.MaxInt32 {
		return 0, fmt.Errorf("%s is no integer", field)
	}
	return int(v.number), nil
}

// readMAT returns the array of structs of a name.
func readMAT(file []byte, name string) (matTable, error) {
	if len(file) < matHeader {
		return matTable{}, fmt.Errorf("%d bytes are no MATLAB file of level 5", len(file))
	}
	m := matReader{}
	switch string(file[126:128]) {
	case "IM":
		m.order = binary.LittleEndian
	case "MI":
		m.order = binary.BigEndian
	default:
		return matTable{}, errors.New("it is no MATLAB file of level 5 (files of level 7.3 are HDF5: save it with -v7)")
	}
	for rest := file[matHeader:]; len(rest) >= 8; {
		kind, body, after, err := m.element(rest)
		if err == nil && kind == miCOMPRESSED {
			kind, body, err = m.inflate(body)
		}
		if err != nil {
			return matTable{}, err
		}
		if kind == miMATRIX {
			if table, ok, err := m.table(body, name); ok || err != nil {
				return table, err
			}
		}
		rest = after
	}
	return matTable{}, fmt.Errorf("it holds no array of structs called %q", name)
}

type matReader struct{ order binary.ByteOrder }

// element splits the first element off. Small ones keep their bytes in the tag.
func (m matReader) element(b []byte) (kind uint32, body, rest []byte, err error) {
	if len(b) < 8 {
		return 0, nil, nil, errCutShort
	}
	kind, size := m.order.Uint32(b), uint64(m.order.Uint32(b[4:]))
	if small := kind >> 16; small != 0 {
		if small > 4 {
			return 0, nil, nil, fmt.Errorf("a small element of %d bytes; allowed are 4", small)
		}
		return kind & 0xffff, b[4 : 4+small], b[8:], nil
	}
	if size > uint64(len(b)-8) {
		return 0, nil, nil, errCutShort
	}
	end := 8 + size
	if kind != miCOMPRESSED {
		end = min((end+7)&^7, uint64(len(b)))
	}
	return kind, b[8 : 8+size], b[end:], nil
}

func (m matReader) inflate(packed []byte) (uint32, []byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return 0, nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxMAT+1))
	if err != nil {
		return 0, nil, err
	}
	if len(plain) > maxMAT {
		return 0, nil, fmt.Errorf("an array of more than %d bytes", maxMAT)
	}
	kind, body, _, err := m.element(plain)
	return kind, body, err
}

// matrix is the beginning of every array: class, size, name; rest is what the class says.
type matrix struct {
	class byte
	size  uint64
	name  string
	rest  []byte
}

func (m matReader) matrix(b []byte) (a matrix, err error) {
	_, flags, b, err := m.element(b)
	if err != nil {
		return a, err
	}
	_, dims, b, err := m.element(b)
	if err != nil {
		return a, err
	}
	_, name, b, err := m.element(b)
	if err != nil {
		return a, err
	}
	if len(flags) < 4 || len(dims)%4 != 0 {
		return a, errCutShort
	}
	a = matrix{class: byte(m.order.Uint32(flags)), size: 1, name: string(name), rest: b}
	for ; len(dims) > 0; dims = dims[4:] {
		n := uint64(m.order.Uint32(dims))
		if n > maxMAT || a.size*n > maxMAT {
			return a, fmt.Errorf("an array of %d × %d elements", a.size, n)
		}
		a.size *= n
	}
	return a, nil
}

// table reads an array of structs if it has the name; ok says that it has.
func (m matReader) table(b []byte, name string) (t matTable, ok bool, err error) {
	a, err := m.matrix(b)
	if err != nil || a.name != name || a.class != mxSTRUCT {
		return t, false, err
	}
	fields, rest, err := m.fields(a.rest)
	if err != nil {
		return t, true, err
	}
	// Every value has a tag of eight bytes at least: a size that the file cannot hold must not be believed.
	if a.size*uint64(len(fields))*8 > uint64(len(rest)) {
		return t, true, errCutShort
	}
	for range a.size {
		row := make(matRow, len(fields))
		for _, field := range fields {
			var body []byte
			if _, body, rest, err = m.element(rest); err != nil {
				return t, true, err
			}
			if row[field], err = m.value(body); err != nil {
				return t, true, fmt.Errorf("%s: %w", field, err)
			}
		}
		t.rows = append(t.rows, row)
	}
	return t, true, nil
}

// fields reads the names of a struct's fields, all of one length.
func (m matReader) fields(b []byte) (names []string, rest []byte, err error) {
	_, size, b, err := m.element(b)
	if err != nil {
		return nil, nil, err
	}
	_, text, rest, err := m.element(b)
	if err != nil {
		return nil, nil, err
	}
	if len(size) < 4 {
		return nil, nil, errCutShort
	}
	n := int64(m.order.Uint32(size))
	if n < 1 || len(text) == 0 || int64(len(text))%n != 0 || int64(len(text))/n > maxFields {
		return nil, nil, fmt.Errorf("names of fields in %d bytes, %d each", len(text), n)
	}
	for ; len(text) > 0; text = text[n:] {
		name, _, _ := bytes.Cut(text[:n], []byte{0})
		names = append(names, string(name))
	}
	return names, rest, nil
}

// value reads a text or a number.
func (m matReader) value(b []byte) (v matValue, err error) {
	if len(b) == 0 {
		return v, nil
	}
	a, err := m.matrix(b)
	if err != nil || a.size == 0 || a.class != mxCHAR && (a.class < mxDOUBLE || a.class > mxUINT64) {
		return v, err
	}
	kind, body, _, err := m.element(a.rest)
	if err != nil {
		return v, err
	}
	if a.class == mxCHAR {
		v.text, err = m.text(kind, body)
		return v, err
	}
	v.number, v.filled, err = m.first(kind, body)
	return v, err
}

func (m matReader) text(kind uint32, b []byte) (string, error) {
	switch kind {
	case miINT8, miUINT8, miUTF8:
		return string(b), nil
	case miUINT16:
		out := make([]rune, 0, len(b)/2)
		for ; len(b) >= 2; b = b[2:] {
			out = append(out, rune(m.order.Uint16(b)))
		}
		return string(out), nil
	}
	return "", fmt.Errorf("text in elements of type %d", kind)
}

// first reads the first number of an array, which may be stored in a smaller type than it has.
func (m matReader) first(kind uint32, b []byte) (float64, bool, error) {
	var eight [8]byte
	sizes := map[uint32]int{miINT8: 1, miUINT8: 1, miINT16: 2, miUINT16: 2, miINT32: 4, miUINT32: 4, miSINGLE: 4, miDOUBLE: 8, miINT64: 8, miUINT64: 8}
	n, ok := sizes[kind]
	switch {
	case !ok:
		return 0, false, fmt.Errorf("numbers in elements of type %d", kind)
	case len(b) < n:
		return 0, false, nil
	}
	copy(eight[:], b[:n])
	switch kind {
	case miINT8:
		return float64(int8(b[0])), true, nil
	case miUINT8:
		return float64(b[0]), true, nil
	case miINT16:
		return float64(int16(m.order.Uint16(b))), true, nil
	case miUINT16:
		return float64(m.order.Uint16(b)), true, nil
	case miINT32:
		return float64(int32(m.order.Uint32(b))), true, nil
	case miUINT32:
		return float64(m.order.Uint32(b)), true, nil
	case miSINGLE:
		return float64(math.Float32frombits(m.order.Uint32(b))), true, nil
	case miDOUBLE:
		return math.Float64frombits(m.order.Uint64(b)), true, nil
	case miINT64:
		return float64(int64(m.order.Uint64(b))), true, nil
	}
	return float64(m.order.Uint64(b)), true, nil
}
