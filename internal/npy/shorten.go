// SPDX-License-Identifier: MIT

package npy

import "fmt"

// Shorten lowers the number of rows to those written so far: where some rows turn out not to exist, such as those of
// images that cannot be read. Only Close may follow.
func (w *Writer) Shorten() error {
	h := header(w.written, w.width)
	if had := len(header(w.rows, w.width)); len(h) != had {
		return fmt.Errorf("%s: a header of %d bytes does not fit in place of one of %d", w.path, len(h), had)
	}
	if _, err := w.file.WriteAt(h, 0); err != nil {
		return err
	}
	w.rows = w.written
	return nil
}

// Rows is how many rows were written so far.
func (w *Writer) Rows() int64 { return w.written }
