// SPDX-License-Identifier: MIT

package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"seer/data/index"
)

// line is one entry of a list. The path is valid until the next line.
type line struct {
	path   []byte
	label  int32 // -1 without
	number int
}

func (l line) place() string { return fmt.Sprintf("line %d", l.number) }

// maxLine is the longest line: a path, and room to tell that it is too long.
const maxLine = index.MaxName

// lineReader parses a list of files or URLs.
type lineReader struct {
	labels bool
	// exists says whether there is a file, where a line can be read in two ways;
	// nil: it is no list of files.
	exists  func(path []byte) bool
	skipped counts

	comments, blanks doubts
}

// doubts counts how often lines that can be read in two ways were looked at.
// Where a thousand of them meant the same, the others do too: a look costs a
// round trip where files are far away.
type doubts struct{ looked, odd, plain int }

const enoughLooks = 1000

// each calls fn for every entry. Errors name the line.
func (r *lineReader) each(text io.Reader, fn func(line) error) error {
	sc := bufio.NewScanner(text)
	sc.Buffer(make([]byte, 4096), maxLine)
	n := 0
	for sc.Scan() {
		n++
		text := sc.Bytes()
		if n == 1 {
			if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
				return errors.New("it is UTF-16, as Windows writes it; save it as UTF-8")
			}
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // Windows' byte order mark
		}
		// A line may end in \r\n, and some programs end lines in \r alone.
		for part := range bytes.SplitSeq(text, []byte("\r")) {
			if err := r.one(n, part, fn); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes; is this a list of paths?", n+1, maxLine)
	} else if err != nil {
		return fmt.Errorf("after line %d: %w", n, err)
	}
	return nil
}

func (r *lineReader) one(n int, text []byte, fn func(line) error) error {
	switch bare := bytes.TrimSpace(text); {
	case len(bare) == 0:
		return nil
	case bare[0] == '#' && !r.names(text):
		r.skipped.add("comments", line{number: n}.place())
		return nil
	}
	l, err := r.parse(text)
	if err != nil {
		return err
	}
	l.number = n
	return fn(l)
}

// names says whether a line that looks like a comment names a file after all.
func (r *lineReader) names(text []byte) bool {
	d := &r.comments
	if r.exists == nil || d.looked >= enoughLooks && d.odd == 0 {
		return false
	}
	d.looked++
	l, err := r.parse(text)
	if err != nil || !r.exists(l.path) {
		return false
	}
	d.odd++
	return true
}

// parse reads a line as it stands, or without the blanks and quotes around its
// path that spreadsheets leave: whichever is a file.
func (r *lineReader) parse(text []byte) (line, error) {
	exact, err := parseLine(text, r.labels)
	clean, cleanErr := parseClean(text, r.labels)
	if cleanErr != nil || err == nil && bytes.Equal(exact.path, clean.path) {
		return exact, err
	}
	if err != nil || r.exists == nil {
		return clean, nil
	}
	d := &r.blanks
	if d.looked >= enoughLooks && d.odd == 0 && d.plain > 0 {
		return clean, nil
	}
	d.looked++
	switch {
	case r.exists(exact.path):
		d.odd++
	case r.exists(clean.path):
		d.plain++
		return clean, nil
	}
	return exact, nil
}

// parseClean reads a line without the blanks and quotes around its path.
func parseClean(text []byte, labels bool) (line, error) {
	text = bytes.TrimRight(text, " \t\u00a0")
	if path, rest, ok := unquote(bytes.TrimLeft(text, " \t\u00a0")); ok {
		if label := bytes.TrimSpace(rest); len(label) == 0 || isDecimal(label) {
			return labelled(path, label, len(label) > 0, labels)
		}
	}
	l, err := parseLine(text, labels)
	if l.path = bytes.TrimSpace(l.path); len(l.path) == 0 && err == nil {
		err = errors.New("no path")
	}
	return l, err
}

// unquote takes a path in quotes off the beginning of a line; doubled quotes
// within it stand for one.
func unquote(text []byte) (path, rest []byte, ok bool) {
	if len(text) < 2 || text[0] != '"' && text[0] != '\'' {
		return nil, nil, false
	}
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != quote:
			path = append(path, text[i])
		case i+1 < len(text) && text[i+1] == quote:
			path = append(path, quote)
			i++
		default:
			return path, text[i+1:], len(path) > 0
		}
	}
	return nil, nil, false
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
	return labelled(path, label, found, labels)
}

// labelled checks the parts of a line.
func labelled(path, label []byte, found, labels bool) (line, error) {
	switch {
	case len(path) == 0:
		return line{}, errors.New("no path before the label")
	case bytes.IndexByte(path, 0) >= 0:
		return line{}, errors.New("the path holds a zero byte; is this a text file?")
	case !labels:
		return line{path: path, label: -1}, nil
	case !found:
		return line{}, fmt.Errorf("labels are asked for, but %q has none; write the class as an integer after a tab", path)
	}
	v, err := strconv.ParseUint(string(label), 10, 31)
	if err != nil || v > index.MaxLabel {
		return line{}, fmt.Errorf("label %q of %q; allowed are the integers from 0 to %d", label, path, index.MaxLabel)
	}
	return line{path: path, label: int32(v)}, nil
}

func isDecimal(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
