// SPDX-License-Identifier: MIT

package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"seer/internal/durable"
)

// headerAlign is what NumPy aligns the data to, for memory mapping.
const headerAlign = 64

// header is the magic word, version 1.0 and a Python dict, filled up with spaces
// (NumPy's numpy/lib/format.py).
func header(rows, width int64) []byte {
	dict := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, width)
	const before = len("\x93NUMPY\x01\x00") + 2
	total := (before + len(dict) + 1 + headerAlign - 1) / headerAlign * headerAlign
	h := append(make([]byte, 0, total), "\x93NUMPY\x01\x00"...)
	h = binary.LittleEndian.AppendUint16(h, uint16(total-before))
	h = append(h, dict...)
	for len(h) < total-1 {
		h = append(h, ' ')
	}
	return append(h, '\n')
}

// Writer writes the rows of one file.
type Writer struct {
	path        string
	file        *durable.Pending // nil after Close or Abort
	rows, width int64
	written     int64 // rows
	scratch     [16 << 10]byte
}

// Create begins a file of rows × width values, in C order and little endian.
func Create(path string, rows, width int64) (*Writer, error) {
	if rows < 0 || width < 1 || width > math.MaxInt32 {
		return nil, fmt.Errorf("%s: shape (%d, %d): rows of 0 or more and a width of 1 or more are needed", path, rows, width)
	}
	file, err := durable.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: file, rows: rows, width: width}
	if _, err := file.Write(header(rows, width)); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// Write appends whole rows.
func (w *Writer) Write(values []float32) error {
	n := int64(len(values))
	if n%w.width != 0 || w.written+n/w.width > w.rows {
		return fmt.Errorf("%s: %d values at row %d: whole rows of %d are needed, %d rows in all", w.path, n, w.written, w.width, w.rows)
	}
	for chunk := range slices.Chunk(values, len(w.scratch)/4) {
		for i, v := range chunk {
			binary.LittleEndian.PutUint32(w.scratch[4*i:], math.Float32bits(v))
		}
		if _, err := w.file.Write(w.scratch[:4*len(chunk)]); err != nil {
			return err
		}
	}
	w.written += n / w.width
	return nil
}

// Close completes the file and gives it its name. Rows that are missing are an
// error, and the file does not appear.
func (w *Writer) Close() error {
	if w.file == nil {
		return fs.ErrClosed
	}
	if w.written != w.rows {
		err := fmt.Errorf("%s: %d rows were written, %d are needed", w.path, w.written, w.rows)
		return errors.Join(err, w.Abort())
	}
	file := w.file
	w.file = nil
	return file.Commit()
}

// Abort drops an unfinished file; after Close it does nothing.
func (w *Writer) Abort() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file = nil
	return file.Abort()
}
