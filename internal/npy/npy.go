// SPDX-License-Identifier: MIT

// Package npy writes two-dimensional float32 arrays in NumPy's file format (version 1.0), row by row: an array that
// does not fit into memory can be written, and its number of rows need not be known before the end.
package npy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"seer/internal/durable"
)

// headerBytes holds magic, version, length and the dictionary; a multiple of 64, as the format asks for alignment.
const headerBytes = 128

// Writer writes one file. The file appears under its name only when Close succeeds.
type Writer struct {
	path  string
	width int64
	rows  int64
	file  *os.File
	buf   *bufio.Writer
	bytes []byte // of one piece of rows, reused
}

// Create begins an array of a width; an existing file stays until Close.
func Create(path string, width int64) (*Writer, error) {
	if width < 1 {
		return nil, fmt.Errorf("npy: width %d; at least 1 is needed", width)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file (%s): name a file to write", path, info.Mode().Type())
	}
	// Beside the target: a rename is atomic only inside one file system.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, width: width, file: f, buf: bufio.NewWriterSize(f, 1<<20)}
	if _, err := w.buf.Write(header(0, width)); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// header is NumPy's header for a shape, padded to headerBytes.
func header(rows, width int64) []byte {
	dict := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, width)
	const prefix = 10 // magic 6, version 2, length 2
	pad := headerBytes - prefix - len(dict) - 1
	text := dict + strings.Repeat(" ", pad) + "\n"
	h := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(h[8:], uint16(len(text)))
	return append(h, text...)
}

// Append writes whole rows.
func (w *Writer) Append(values []float32) error {
	if int64(len(values))%w.width != 0 {
		return fmt.Errorf("npy: %d values are no whole rows of %d", len(values), w.width)
	}
	w.bytes = w.bytes[:0]
	for _, v := range values {
		w.bytes = binary.LittleEndian.AppendUint32(w.bytes, math.Float32bits(v))
	}
	w.rows += int64(len(values)) / w.width
	if _, err := w.buf.Write(w.bytes); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Rows is how many rows were appended.
func (w *Writer) Rows() int64 { return w.rows }

// Close completes the file and moves it to its name, over an older one. When anything fails, the older one stays.
func (w *Writer) Close() error {
	err := w.complete()
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", w.path, err), w.Abort())
	}
	var fs *durable.FS
	if err := fs.Rename(w.file.Name(), w.path); err != nil {
		return errors.Join(err, os.Remove(w.file.Name()))
	}
	return fs.SyncDir(filepath.Dir(w.path))
}

func (w *Writer) complete() error {
	if err := w.buf.Flush(); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(header(w.rows, w.width), 0); err != nil {
		return err
	}
	// CreateTemp is private to the user; a result is as readable as any other file.
	if err := w.file.Chmod(0o644); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	return w.file.Close()
}

// Abort removes what was written. It does no harm after Close.
func (w *Writer) Abort() error {
	if err := w.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if err := os.Remove(w.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
