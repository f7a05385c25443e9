// SPDX-License-Identifier: MIT

package featurefile

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"seer/internal/durable"
	"seer/internal/npy"
)

// Endings are the formats that can be written.
var Endings = []string{".npy", ".parquet", ".safetensors"}

// Column is a part of each row: the features of one layer.
type Column struct {
	Name  string
	Width int64
}

// Table says what the rows of features are.
type Table struct {
	Columns []Column
	// Name is that of an image of the source.
	Name func(image int64) string
	// Metadata goes into files that have a place for it.
	Metadata map[string]string
}

// Files are those that Export writes for a name: the features, of .npy a file for each column where there are several,
// and the names of the rows' images as text, a line each, where the format has no place for them.
func Files(out string, columns []Column) []string {
	stem := strings.TrimSuffix(out, filepath.Ext(out))
	var files []string
	switch filepath.Ext(out) {
	case ".parquet":
		return []string{out}
	case ".npy":
		if len(columns) > 1 {
			for _, c := range columns {
				files = append(files, stem+"."+strings.ReplaceAll(c.Name, ":", "-")+".npy")
			}
			break
		}
		files = []string{out}
	default:
		files = []string{out}
	}
	return append(files, stem+".txt")
}

// Export writes the features in the format that the ending of out names, each file whole or not at all, the names first:
// where features stand, their names stand too.
func (p *Pending) Export(out string, t Table) error {
	files := Files(out, t.Columns)
	if filepath.Ext(out) == ".parquet" {
		return durable.WriteFile(out, func(w io.Writer) error { return p.parquet(w, t) })
	}
	features, names := files[:len(files)-1], files[len(files)-1]
	if err := durable.WriteFile(names, func(w io.Writer) error { return p.names(w, t.Name) }); err != nil {
		return err
	}
	if filepath.Ext(out) == ".safetensors" {
		return durable.WriteFile(out, func(w io.Writer) error { return p.safetensors(w, t) })
	}
	at := int64(0)
	for i, c := range t.Columns {
		if err := p.npy(features[i], at, c.Width); err != nil {
			return err
		}
		at += c.Width
	}
	return nil
}

// names writes a line for each row, whatever a file system allows in names.
func (p *Pending) names(out io.Writer, name func(int64) string) error {
	w := bufio.NewWriter(out)
	err := p.Each(func(images []int64, _ []float32) error {
		for _, i := range images {
			if _, err := fmt.Fprintln(w, strings.ReplaceAll(name(i), "\n", "\\n")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// npy writes the columns from at on.
func (p *Pending) npy(path string, at, width int64) error {
	w, err := npy.Create(path, p.state.Rows, width)
	if err != nil {
		return err
	}
	defer w.Abort() // does nothing after Close
	if err := p.column(at, width, w.Write); err != nil {
		return err
	}
	return w.Close()
}

// column hands on the values [rows, width] from column at on.
func (p *Pending) column(at, width int64, use func([]float32) error) error {
	var part []float32
	return p.Each(func(images []int64, values []float32) error {
		if width == p.width {
			return use(values)
		}
		part = part[:0]
		for i := range int64(len(images)) {
			part = append(part, values[i*p.width+at:i*p.width+at+width]...)
		}
		return use(part)
	})
}
