// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"seer/data/formats"
	"seer/data/index"
)

// fileSource reads one file an image: a folder or a list.
type fileSource struct {
	tableSource
	root string
}

var _ Source = (*fileSource)(nil)

func (s *fileSource) Read(ctx context.Context, i int64, buf []byte) (item Item, err error) {
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	var path string
	err = s.entry(i, func(e index.Entry) error {
		path = s.path(string(e.Name))
		return nil
	})
	if err == nil {
		item.Bytes, err = readFile(path, buf, s.maxBytes)
	}
	if err != nil {
		return Item{}, readError(s.Name(i), err)
	}
	return item, nil
}

func (s *fileSource) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return s.root + "/" + name
}

// readFile reads a whole regular file into buf, or into a new buffer where it
// does not fit. A file that grows while it is read is cut at its old size, one
// that shrinks is returned short: the decoder judges both.
func readFile(path string, buf []byte, limit int64) ([]byte, error) {
	f, st, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkSize(st.Size(), limit); err != nil {
		return nil, err
	}
	if err := checkBeginning(f, st.Size()); err != nil {
		return nil, err
	}
	buf = resize(buf, int(st.Size()))
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return nil, err
	}
	return buf[:n], nil
}

// judged is the size from which a file is looked at before it is read whole: a
// film or an archive that is called .jpg must not take half a gigabyte in every worker.
const judged = 4 << 20

// checkBeginning refuses a large file that does not begin like an image.
func checkBeginning(f io.ReaderAt, size int64) error {
	if size < judged {
		return nil
	}
	var head [64]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	if formats.Sniff(head[:]) == "" {
		_, err := formats.ReadHeader(head[:])
		return err
	}
	return nil
}

// checkSize refuses files that cannot be photographs.
func checkSize(size, limit int64) error {
	if size <= limit {
		return nil
	}
	return fmt.Errorf("%w: %d bytes; allowed are %d", errTooLarge, size, limit)
}

// resize returns a slice of n bytes, in the memory of buf if that is enough.
// New memory is a quarter larger than asked for: image sizes vary, and a
// worker's buffer should stop growing after a few of them.
func resize(buf []byte, n int) []byte {
	if n <= cap(buf) {
		return buf[:n]
	}
	return make([]byte, n, n+n/4)
}
