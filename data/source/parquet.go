// SPDX-License-Identifier: MIT

package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"seer/data/index"
)

// parquetRow is one row. Its bytes are valid until the next.
type parquetRow struct {
	url   []byte
	label int32  // of an integer column, else -1
	class []byte // of a text column, else nil
}

// eachParquetRow reads the column of URLs, and that of labels if asked for, page by page: a file may be larger than the
// memory. Rows without a URL come with an empty one. Errors name the row.
func eachParquetRow(r io.ReaderAt, size int64, column string, labels bool, fn func(parquetRow) error) error {
	file, err := openParquet(r, size)
	if err != nil {
		return err
	}
	names := []string{"url", "URL"}
	if column != "" {
		names = []string{column}
	}
	url, err := findColumn(file, "URLs", names, parquet.ByteArray)
	if err != nil {
		return err
	}
	p := parquetReader{url: url}
	if labels {
		if p.label, err = findColumn(file, "labels", []string{"label", "cls", "class"}, parquet.Int32, parquet.Int64, parquet.ByteArray); err != nil {
			return err
		}
	}
	for _, group := range file.RowGroups() {
		if err := p.group(group, fn); err != nil {
			return fmt.Errorf("row %d: %w", p.row, err)
		}
	}
	return nil
}

// guard turns a panic of the parquet library into an error: it trusts the numbers of a damaged file.
func guard(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parquet file is damaged: %v", r)
		}
	}()
	return call()
}

// openParquet reads the description at the end of a file, whose length is checked before it becomes memory.
func openParquet(r io.ReaderAt, size int64) (file *parquet.File, err error) {
	tail := make([]byte, 8)
	if _, err := r.ReadAt(tail, max(size-8, 0)); err != nil || size < 12 || string(tail[4:]) != "PAR1" {
		return nil, fmt.Errorf("the parquet file of %d bytes does not end as one; it was cut, or is still being written", size)
	}
	if footer := int64(binary.LittleEndian.Uint32(tail)); footer > size-12 {
		return nil, fmt.Errorf("the parquet file is damaged: a description of %d bytes in a file of %d", footer, size)
	}
	err = guard(func() error {
		file, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<20))
		return err
	})
	return file, err
}

// findColumn looks for a column without nesting, by the first name that the file has.
func findColumn(file *parquet.File, what string, names []string, kinds ...parquet.Kind) (leaf *parquet.LeafColumn, err error) {
	err = guard(func() error {
		for _, name := range names {
			if found, ok := file.Schema().Lookup(name); ok && leaf == nil {
				leaf = &found
			}
		}
		if leaf == nil {
			return fmt.Errorf("no column %s for %s; the columns are %s", strings.Join(names, " or "), what, columnNames(file))
		}
		if slices.Contains(kinds, leaf.Node.Type().Kind()) && leaf.MaxRepetitionLevel == 0 {
			return checkCodecs(file, leaf)
		}
		return fmt.Errorf("the column %s for %s is of type %s; the columns are %s", leaf.Path[0], what, leaf.Node.Type(), columnNames(file))
	})
	return leaf, err
}

// checkCodecs refuses what the library unpacks without a limit: a damaged file would take all memory.
func checkCodecs(file *parquet.File, leaf *parquet.LeafColumn) error {
	for _, group := range file.Metadata().RowGroups {
		switch codec := group.Columns[leaf.ColumnIndex].MetaData.Codec; codec {
		case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd:
		default:
			return fmt.Errorf("the column %s is compressed with %s; allowed are none, SNAPPY, GZIP and ZSTD: write it anew", leaf.Path[0], codec)
		}
	}
	return nil
}

func columnNames(file *parquet.File) string {
	var out []string
	for _, c := range file.Root().Columns() {
		kind := "nested"
		if c.Leaf() {
			kind = c.Type().String()
		}
		out = append(out, fmt.Sprintf("%.80s (%s)", c.Name(), kind))
	}
	return strings.Join(out, ", ")
}

// parquetReader walks along the rows of a file.
type parquetReader struct {
	url, label *parquet.LeafColumn // label is nil where none is asked for
	row        int64               // that is being read, from 1
}

// group reads the rows of one group.
func (p *parquetReader) group(group parquet.RowGroup, fn func(parquetRow) error) error {
	urls, err := openColumn(group, p.url)
	if err != nil {
		return err
	}
	defer urls.close()
	labels := &columnReader{}
	if p.label != nil {
		if labels, err = openColumn(group, p.label); err != nil {
			return err
		}
		defer labels.close()
	}
	for {
		p.row++
		row, err := p.next(urls, labels)
		if err == io.EOF {
			p.row--
			return nil
		}
		if err == nil {
			err = fn(row)
		}
		if err != nil {
			return err
		}
	}
}

// next reads a row; one without a URL has no label either. The end is io.EOF.
func (p *parquetReader) next(urls, labels *columnReader) (parquetRow, error) {
	row := parquetRow{label: -1}
	v, err := urls.next()
	if err != nil {
		return row, err
	}
	if !v.IsNull() {
		row.url = v.ByteArray()
	}
	if p.label == nil {
		return row, nil
	}
	label, err := labels.next()
	if err == io.EOF {
		err = errors.New("the parquet file is damaged: fewer labels than URLs")
	}
	if err != nil || len(row.url) == 0 {
		return row, err
	}
	return row, row.setLabel(label)
}

func (r *parquetRow) setLabel(v parquet.Value) error {
	if v.IsNull() {
		return fmt.Errorf("labels are asked for, but %.100q has none", r.url)
	}
	if v.Kind() == parquet.ByteArray {
		r.class = v.ByteArray()
		return nil
	}
	n := v.Int64()
	if v.Kind() == parquet.Int32 {
		n = int64(v.Int32())
	}
	if n < 0 || n > index.MaxLabel {
		return fmt.Errorf("label %d of %.100q; allowed are the integers from 0 to %d", n, r.url, index.MaxLabel)
	}
	r.label = int32(n)
	return nil
}

// columnReader reads the values of one column of one group. A value is valid until the next.
type columnReader struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buf    [256]parquet.Value
	ready  []parquet.Value
}

func openColumn(group parquet.RowGroup, leaf *parquet.LeafColumn) (c *columnReader, err error) {
	err = guard(func() error {
		c = &columnReader{pages: group.ColumnChunks()[leaf.ColumnIndex].Pages()}
		return nil
	})
	return c, err
}

func (c *columnReader) next() (parquet.Value, error) {
	for len(c.ready) == 0 {
		if err := guard(c.fill); err != nil {
			return parquet.Value{}, err
		}
	}
	v := c.ready[0]
	c.ready = c.ready[1:]
	return v, nil
}

// fill takes the next values of a page, or the next page.
func (c *columnReader) fill() (err error) {
	if c.page == nil {
		if c.page, err = c.pages.ReadPage(); err != nil {
			c.page = nil
			return err
		}
		c.values = c.page.Values()
	}
	n, err := c.values.ReadValues(c.buf[:])
	c.ready = c.buf[:n]
	if n == 0 {
		parquet.Release(c.page)
		c.page = nil
	}
	if n > 0 || err == io.EOF {
		return nil // whatever is wrong comes again with the next values
	}
	return err
}

func (c *columnReader) close() {
	// A library that has lost its way on a damaged file may do so again.
	_ = guard(func() error {
		if c.page != nil {
			parquet.Release(c.page)
		}
		return c.pages.Close()
	})
}
