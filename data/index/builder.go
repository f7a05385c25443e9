// SPDX-License-Identifier: MIT

package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// A Builder collects entries into a [Table]: Add them all, then Finish, or
// Abort to drop them. It is not safe for concurrent use.
type Builder struct {
	enc    encoder
	sorter *sorter // nil keeps the order of insertion
	file   *file   // nil builds in memory

	records, blocks bytes.Buffer // in memory
}

// NewBuilder builds a table in memory, in the order of insertion.
func NewBuilder(l Layout) *Builder {
	b := &Builder{}
	b.enc = newEncoder(l, &b.records, &b.blocks)
	return b
}

// Add appends an entry. It keeps nothing of e.Name.
func (b *Builder) Add(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	if b.sorter != nil {
		return b.sorter.add(&e)
	}
	return b.enc.add(&e)
}

// Len returns the number of entries added.
func (b *Builder) Len() int64 {
	if b.sorter != nil {
		return b.sorter.n
	}
	return b.enc.n
}

// Finish returns the table, on disk after it was synced and renamed to its
// place. The builder is of no use afterwards.
func (b *Builder) Finish(m Meta) (*Table, error) {
	if b.file != nil {
		defer b.Abort()
		return b.finishFile(m)
	}
	t := &Table{
		layout: b.enc.layout, n: b.enc.n, meta: m,
		sum: finishHash(b.enc.sum, b.enc.n, m),
		// Buffers double as they grow; the copies fit.
		store: store{records: bytes.Clone(b.records.Bytes()), blocks: bytes.Clone(b.blocks.Bytes())},
	}
	return t, t.rankClasses()
}

// encoder turns entries into records and block offsets, one after the other.
type encoder struct {
	layout          Layout
	records, blocks io.Writer
	sum             hash.Hash
	n, size         int64
	prev            Entry // owns its name
	scratch         []byte
}

func newEncoder(l Layout, records, blocks io.Writer) encoder {
	return encoder{layout: l, records: records, blocks: blocks, sum: newHasher(l)}
}

func (c *encoder) add(e *Entry) error {
	if c.n%blockLen == 0 {
		c.prev = Entry{Name: c.prev.Name[:0]}
		c.scratch = binary.LittleEndian.AppendUint64(c.scratch[:0], uint64(c.size))
		if _, err := c.blocks.Write(c.scratch); err != nil {
			return err
		}
	}
	c.scratch = appendRecord(c.scratch[:0], c.layout, &c.prev, e)
	if _, err := c.records.Write(c.scratch); err != nil {
		return err
	}
	c.sum.Write(c.scratch)
	c.size += int64(len(c.scratch))
	c.n++
	name := append(c.prev.Name[:0], e.Name...)
	c.prev = *e
	c.prev.Name = name
	return nil
}

// AddTable appends every entry of t with its shard numbers shifted by a
// constant: how the tables of many shards become one. labels maps the labels
// of t to those of the new table; nil keeps them.
func (b *Builder) AddTable(t *Table, shard uint32, labels []int32) error {
	return t.Each(func(_ int64, e Entry) error {
		e.Shard += shard
		if labels != nil && e.Label >= 0 {
			if int(e.Label) >= len(labels) {
				return fmt.Errorf("index: label %d of %d classes", e.Label, len(labels))
			}
			e.Label = labels[e.Label]
		}
		return b.Add(e)
	})
}
