// SPDX-License-Identifier: MIT

package source

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"seer/data/index"
)

// urlScan lists URLs: of a text file as lists are written, or of parquet files.
type urlScan struct {
	scanner
	files   []string
	skipped counts

	classes map[string]int32 // class text of parquet files to its number in order of appearance
	order   []string
	numeric bool  // all classes so far are integers
	labels  int32 // one more than the largest integer label
}

func newURLScan(s scanner) (*urlScan, error) {
	if len(s.spec.Members) > 0 {
		return nil, fmt.Errorf("data: %s: data.members is for folders, lists, tar shards and their indexes, and this is a list of URLs: leave it out", s.spec.Path)
	}
	files, beside, err := expandFiles(s.spec.Path, ".parquet")
	if err != nil {
		return nil, err
	}
	if beside == nil {
		beside = counts{}
	}
	return &urlScan{scanner: s, files: files, skipped: beside, classes: map[string]int32{}, numeric: true}, nil
}

func (s *urlScan) layout() index.Layout { return index.Layout{Labels: s.spec.Labels} }

// into takes one file after the other: only their order keeps that of the list.
func (s *urlScan) into(b *index.Builder) (index.Meta, error) {
	for _, name := range s.files {
		if err := s.file(b, name); err != nil {
			return index.Meta{}, fmt.Errorf("data: URLs of %s: %w", name, err)
		}
	}
	if b.Len() == 0 {
		return index.Meta{}, fmt.Errorf("data: %s names no URLs; write one a line, or give parquet files with a column of them", s.spec.Path)
	}
	s.done(b.Len())
	meta := index.Meta{Kind: "urls", Labels: s.labels, Skipped: s.skipped}
	if len(s.order) > 0 {
		meta.Labels, meta.Classes, meta.Numeric = 0, s.order, s.numeric
	}
	return meta, nil
}

func (s *urlScan) file(b *index.Builder, name string) error {
	add := func(url []byte, label int32) error {
		if b.Len() == 0 && !isWebURL(url) {
			return fmt.Errorf("the first entry is %.100q; http://… or https://… is needed", url)
		}
		s.labels = max(s.labels, label+1)
		// What is no URL, or an endless one, is a dead link among others when it is read.
		if err := b.Add(index.Entry{Name: url[:min(len(url), index.MaxName)], Label: label}); err != nil {
			return err
		}
		return s.tick(b.Len(), name)
	}
	f, st, err := openRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if isParquet(f) {
		return s.parquet(f, st.Size(), add)
	}
	if isParquetName(name) {
		return errors.New("no parquet file: it does not begin with PAR1")
	}
	lines, err := openMaybeGzip(name)
	if err != nil {
		return err
	}
	defer lines.Close()
	list := lineReader{labels: s.spec.Labels, skipped: s.skipped}
	return list.each(lines, func(l line) error { return add(l.path, l.label) })
}

func (s *urlScan) parquet(f *os.File, size int64, add func(url []byte, label int32) error) error {
	row := 0
	return eachParquetRow(f, size, s.spec.Column, s.spec.Labels, func(r parquetRow) error {
		if row++; len(r.url) == 0 {
			s.skipped.add("rows without a URL", fmt.Sprintf("%s: row %d", filepath.Base(f.Name()), row))
			return nil
		}
		label := r.label
		if r.class != nil {
			label = number(s.classes, &s.order, string(r.class))
			s.numeric = s.numeric && isLabel(r.class)
		}
		return add(r.url, label)
	})
}

func isLabel(text []byte) bool {
	v, err := strconv.ParseUint(string(text), 10, 31)
	return err == nil && v <= index.MaxLabel
}

// isWebURL holds for what can be downloaded.
func isWebURL(text []byte) bool {
	for _, scheme := range []string{"http://", "https://"} {
		if len(text) > len(scheme) && bytes.EqualFold(text[:len(scheme)], []byte(scheme)) {
			return true
		}
	}
	return false
}

// isParquetName also holds for patterns.
func isParquetName(path string) bool { return hasEnding(path, ".parquet") }

func isParquet(f *os.File) bool {
	head := make([]byte, 4)
	_, err := f.ReadAt(head, 0)
	return err == nil && string(head) == "PAR1"
}

// listKind tells a list of URLs from one of files by its first entry.
func listKind(path string) string {
	f, err := openMaybeGzip(path)
	if err != nil {
		return "list" // opening it says what is wrong
	}
	defer f.Close()
	kind, found := "list", errors.New("found")
	// A line that cannot be read is an error again when the list is.
	list := lineReader{skipped: counts{}}
	_ = list.each(f, func(l line) error {
		if isWebURL(l.path) {
			kind = "urls"
		}
		return found
	})
	return kind
}
