// SPDX-License-Identifier: MIT

package featurefile

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// rowGroup is the number of rows that a reader of the file can have alone; their values wait in memory until it is full.
const rowGroup = 4096

// parquet writes a column of names, "image", and a list of float32 for each column of features.
func (p *Pending) parquet(out io.Writer, t Table) error {
	fields := parquet.Group{"image": parquet.String()}
	for _, c := range t.Columns {
		fields[c.Name] = parquet.List(parquet.Leaf(parquet.FloatType))
	}
	schema := parquet.NewSchema("features", fields)
	options := []parquet.WriterOption{schema, parquet.MaxRowsPerRowGroup(rowGroup)}
	for key, value := range t.Metadata {
		options = append(options, parquet.KeyValueMetadata(key, value))
	}
	w := parquet.NewWriter(out, options...)
	rows := rowMaker{t: t, image: leafIndex(schema, "image")}
	for _, c := range t.Columns {
		rows.leaves = append(rows.leaves, leafIndex(schema, c.Name, "list", "element"))
	}
	err := p.Each(func(images []int64, values []float32) error {
		for i, image := range images {
			if _, err := w.WriteRows([]parquet.Row{rows.row(image, values[int64(i)*p.width:(int64(i)+1)*p.width])}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Close()
}

func leafIndex(schema *parquet.Schema, path ...string) int {
	leaf, _ := schema.Lookup(path...)
	return leaf.ColumnIndex
}

// rowMaker turns rows of features into parquet's. The row is valid until the next one.
type rowMaker struct {
	t      Table
	image  int // number of its leaf
	leaves []int
	parts  [][]parquet.Value // a leaf each
	values parquet.Row
}

func (m *rowMaker) row(image int64, values []float32) parquet.Row {
	if m.parts == nil {
		m.parts = make([][]parquet.Value, len(m.leaves)+1)
	}
	m.parts[m.image] = append(m.parts[m.image][:0], parquet.ByteArrayValue([]byte(m.t.Name(image))).Level(0, 0, m.image))
	for k, c := range m.t.Columns {
		leaf := m.leaves[k]
		m.parts[leaf] = m.parts[leaf][:0]
		for i, v := range values[:c.Width] {
			repetition := min(i, 1) // 0 begins a list, 1 goes on with it
			m.parts[leaf] = append(m.parts[leaf], parquet.FloatValue(v).Level(repetition, 1, leaf))
		}
		values = values[c.Width:]
	}
	m.values = m.values[:0]
	for _, part := range m.parts { // in the order of the leaves
		m.values = append(m.values, part...)
	}
	return m.values
}
