// SPDX-License-Identifier: MIT

package labelled

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxLine is the longest line of a text file; paths and rows are a hundredth of it.
const maxLine = 1 << 16

// openFile opens a regular file: to open a pipe that nobody writes would never end.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("labelled: %w", err)
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("labelled: %s is no file; a regular file is needed", path)
	}
	return f, nil
}

// readLines calls fn for every line of a file that is not empty. Errors name file and line.
func readLines(path string, fn func(line []byte) error) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return lines(path, f, fn)
}

func lines(path string, r io.Reader, fn func(line []byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 4096), maxLine)
	n := 0
	for sc.Scan() {
		n++
		text := bytes.TrimSpace(sc.Bytes())
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // Windows' byte order mark
		}
		if len(text) == 0 {
			continue
		}
		if err := fn(text); err != nil {
			return fmt.Errorf("labelled: %s: line %d: %w", path, n, err)
		}
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("labelled: %s: line %d is longer than %d bytes; is it the file of labels?", path, n+1, maxLine)
	} else if err != nil {
		return fmt.Errorf("labelled: %s: after line %d: %w", path, n, err)
	}
	return nil
}

// readBounded reads a small file whole.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(path, f, limit)
}

func readAll(path string, r io.Reader, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("labelled: %s: %w", path, err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("labelled: %s has more than %d bytes; is it the file that its name says?", path, limit)
	}
	return content, nil
}
