// SPDX-License-Identifier: MIT

package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
)

// File is a matrix of float32 that is read some rows at a time.
type File struct {
	Rows, Width int64

	path string
	file *os.File
	data int64 // where the first row begins
}

// dict is the header that NumPy writes for a matrix of float32 in C order.
var dict = regexp.MustCompile(`^\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d{1,15}), (\d{1,10})\), \} *\n$`)

// Open reads the header of a file that [Create] or NumPy has written: versions 1.0 and 2.0, float32, two dimensions, C order.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, file: file}
	if err := f.header(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func (f *File) header() error {
	st, err := f.file.Stat()
	if err != nil {
		return err
	}
	var before [12]byte
	if n, _ := f.file.ReadAt(before[:], 0); n < len(before) || string(before[:6]) != "\x93NUMPY" {
		return fmt.Errorf("it is no .npy file")
	}
	start, length := int64(10), int64(binary.LittleEndian.Uint16(before[8:]))
	if before[6] != 1 {
		start, length = 12, int64(binary.LittleEndian.Uint32(before[8:]))
	}
	if length > 1<<16 {
		return fmt.Errorf("its header has %d bytes; that of a matrix has a few hundred", length)
	}
	text := make([]byte, length)
	if _, err := f.file.ReadAt(text, start); err != nil {
		return fmt.Errorf("its header is cut off: %w", err)
	}
	m := dict.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("it holds %.100q; a matrix of float32 in C order is needed: numpy.ascontiguousarray(x, \"float32\")", text)
	}
	f.Rows, _ = strconv.ParseInt(string(m[1]), 10, 64) // digits, and few
	f.Width, _ = strconv.ParseInt(string(m[2]), 10, 64)
	f.data = start + length
	if f.Width < 1 || f.Width > math.MaxInt32 || f.Rows > (st.Size()-f.data)/4/f.Width {
		return fmt.Errorf("its header says shape (%d, %d), and %d bytes follow: it is cut off", f.Rows, f.Width, st.Size()-f.data)
	}
	return nil
}

// Each hands on all rows in order, some at a time, [n, Width]; they are valid during the call.
func (f *File) Each(use func(values []float32) error) error {
	const chunk = 4 << 20
	per := max(1, chunk/(4*f.Width))
	raw, values := make([]byte, 4*per*f.Width), make([]float32, per*f.Width)
	for at := int64(0); at < f.Rows; at += per {
		n := min(per, f.Rows-at) * f.Width
		if _, err := f.file.ReadAt(raw[:4*n], f.data+4*at*f.Width); err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		for i := range n {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		if err := use(values[:n]); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
