// SPDX-License-Identifier: MIT

package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"seer/data/index"
)

// listScan reads a text file with one image path a line; the package
// documentation has the format.
type listScan struct {
	scanner
}

func (s *listScan) layout() index.Layout { return index.Layout{Labels: s.spec.Labels} }

func (s *listScan) into(b *index.Builder) (index.Meta, error) {
	path, err := filepath.Abs(s.spec.Path)
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: %w", err)
	}
	f, err := openMaybeGzip(path)
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: list: %w", err)
	}
	defer f.Close()
	meta := index.Meta{Kind: "files", Root: filepath.Dir(path)}
	probe := prober{root: meta.Root}
	err = eachLine(f, s.spec.Labels, func(l line) error {
		meta.Labels = max(meta.Labels, l.label+1)
		probe.see(l.path)
		if err := b.Add(index.Entry{Name: l.path, Label: l.label}); err != nil {
			return err
		}
		return s.tick(b.Len(), path)
	})
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: list %s: %w", path, err)
	}
	if b.Len() == 0 {
		return index.Meta{}, fmt.Errorf("data: list %s names no images; write one path a line", path)
	}
	s.done(b.Len())
	return meta, probe.verdict(path)
}

// line is one entry of a list. The path is valid until the next line.
type line struct {
	path  []byte
	label int32 // -1 without
}

// maxLine is the longest line: a path, and room to tell that it is too long.
const maxLine = index.MaxName

// eachLine parses a list. Errors name the line.
func eachLine(r io.Reader, labels bool, fn func(line) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 4096), maxLine)
	n := 0
	for sc.Scan() {
		n++
		text := bytes.TrimRight(sc.Bytes(), "\r")
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // Windows' byte order mark
		}
		if len(bytes.TrimSpace(text)) == 0 || text[0] == '#' {
			continue
		}
		l, err := parseLine(text, labels)
		if err == nil {
			err = fn(l)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes; is this a list of paths?", n+1, maxLine)
	} else if err != nil {
		return err
	}
	return nil
}

// parseLine splits a path from its label. A tab always separates them; spaces
// do where an integer follows what ends like an image file, so that a file
// named "my photo 7" stays whole.
func parseLine(text []byte, labels bool) (line, error) {
	path, label, found := text, []byte(nil), false
	if i := bytes.LastIndexByte(text, '\t'); i >= 0 {
		path, label, found = text[:i], bytes.TrimSpace(text[i+1:]), true
	} else if i := bytes.LastIndexByte(bytes.TrimRight(text, " "), ' '); i >= 0 {
		left, right := bytes.TrimRight(text[:i], " "), bytes.TrimSpace(text[i:])
		if isDecimal(right) && isImage(string(left), DefaultExtensions) {
			path, label, found = left, right, true
		}
	}
	if !labels && !isDecimal(label) {
		path = text // the tab was part of the name
	}
	switch {
	case len(path) == 0:
		return line{}, errors.New("no path before the label")
	case bytes.IndexByte(path, 0) >= 0:
		return line{}, errors.New("the path holds a zero byte; is this a text file?")
	case !labels:
		return line{path, -1}, nil
	case !found:
		return line{}, fmt.Errorf("labels are asked for, but %q has none; write the class as an integer after a tab", path)
	}
	v, err := strconv.ParseUint(string(label), 10, 31)
	if err != nil || v > index.MaxLabel {
		return line{}, fmt.Errorf("label %q of %q; allowed are the integers from 0 to %d", label, path, index.MaxLabel)
	}
	return line{path, int32(v)}, nil
}

func isDecimal(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// prober looks whether the first files of a list exist. A list that was moved
// away from its images should fail here, with the reason, not as a thousand
// missing images; looking at all of them would take too long.
type prober struct {
	root         string
	first        string
	seen, exists int
}

const probed = 16

func (p *prober) see(path []byte) {
	if p.seen == probed {
		return
	}
	full := (&fileSource{root: p.root}).path(string(path))
	if p.seen++; p.seen == 1 {
		p.first = full
	}
	if _, err := os.Stat(full); err == nil {
		p.exists++
	}
}

func (p *prober) verdict(list string) error {
	if p.exists > 0 {
		return nil
	}
	return fmt.Errorf("data: list %s: none of its first %d files exists, the first being %s; paths are relative to the list's folder", list, p.seen, p.first)
}

// openMaybeGzip opens a file and looks through gzip, whatever its name says.
func openMaybeGzip(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(f, 1<<16)
	if head, _ := br.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return &stacked{br, f}, nil
	}
	z, err := gzip.NewReader(br)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &stacked{z, f}, nil
}

// stacked reads through a filter and closes the file below it.
type stacked struct {
	io.Reader
	file io.Closer
}

func (s *stacked) Close() error { return s.file.Close() }
