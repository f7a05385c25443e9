// SPDX-License-Identifier: MIT

package index

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// blockLen is the number of entries that share one 8-byte offset and one run
// of prefix-coded names: 16 costs half a byte an entry, and a lookup decodes
// eight records on average.
const blockLen = 16

// MaxName is the length of the longest name, in bytes: Linux' PATH_MAX is 4096.
const MaxName = 1 << 16

// An Entry is one image of a data set.
type Entry struct {
	// Name is the path of the image, relative to [Meta.Root] or inside its shard.
	Name []byte
	// Label is the class, -1 where there is none.
	Label int32
	// Shard is an index into [Meta.Shards]; Offset and Length are the span of
	// the image's bytes in that file.
	Shard          uint32
	Offset, Length int64
}

// Layout says what a table keeps of its entries besides the names.
type Layout struct {
	Labels, Spans bool
}

const (
	flagLabels = 1 << iota
	flagSpans
)

func (l Layout) flags() (f uint32) {
	if l.Labels {
		f |= flagLabels
	}
	if l.Spans {
		f |= flagSpans
	}
	return f
}

func layoutOf(flags uint32) Layout {
	return Layout{Labels: flags&flagLabels != 0, Spans: flags&flagSpans != 0}
}

// check refuses entries that the format cannot hold.
func (e *Entry) check() error {
	switch {
	case len(e.Name) == 0:
		return errors.New("index: an entry without a name")
	case len(e.Name) > MaxName:
		return fmt.Errorf("index: a name of %d bytes; allowed are %d: %.60q…", len(e.Name), MaxName, e.Name)
	case e.Label < -1:
		return fmt.Errorf("index: label %d of %q; allowed are -1 (none) and up", e.Label, e.Name)
	case e.Offset < 0 || e.Length < 0 || e.Offset+e.Length < e.Offset:
		return fmt.Errorf("index: %q at offset %d with length %d", e.Name, e.Offset, e.Length)
	}
	return nil
}

// appendRecord encodes e after prev; the zero prev starts a block.
func appendRecord(dst []byte, l Layout, prev, e *Entry) []byte {
	shared := commonPrefix(prev.Name, e.Name)
	dst = binary.AppendUvarint(dst, uint64(shared))
	dst = binary.AppendUvarint(dst, uint64(len(e.Name)-shared))
	dst = append(dst, e.Name[shared:]...)
	if l.Spans {
		dst = binary.AppendUvarint(dst, uint64(e.Shard))
		dst = binary.AppendVarint(dst, e.Offset-expectedOffset(prev, e.Shard))
		dst = binary.AppendUvarint(dst, uint64(e.Length))
	}
	if l.Labels {
		dst = binary.AppendUvarint(dst, uint64(e.Label+1))
	}
	return dst
}

// expectedOffset is where the next member would begin in a file without
// headers: real members lie a few blocks of 512 bytes behind it.
func expectedOffset(prev *Entry, shard uint32) int64 {
	if prev.Shard != shard {
		return 0
	}
	return prev.Offset + prev.Length
}

var errRecord = errors.New("index: damaged record")

// readRecord decodes one record into e, which holds the entry before it and
// owns the memory of its name, and returns the rest of the block.
func readRecord(src []byte, l Layout, e *Entry) (rest []byte, err error) {
	d := decoder{src: src}
	shared, suffix := d.uvarint(), d.uvarint()
	if d.bad || shared > uint64(len(e.Name)) || suffix > MaxName || suffix > uint64(len(d.src)) {
		return nil, errRecord
	}
	e.Name = append(e.Name[:shared], d.src[:suffix]...)
	d.src = d.src[suffix:]
	if l.Spans {
		shard := uint32(d.uvarint())
		e.Offset = expectedOffset(e, shard) + d.varint()
		e.Shard, e.Length = shard, int64(d.uvarint())
	}
	e.Label = -1
	if l.Labels {
		e.Label = int32(d.uvarint()) - 1
	}
	if d.bad || e.check() != nil {
		return nil, errRecord
	}
	return d.src, nil
}

// decoder reads varints until the first that is cut or too long.
type decoder struct {
	src []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.src)
	return v * d.advance(n)
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.src)
	return v * int64(d.advance(n))
}

// advance skips n bytes and returns 1, or notes the failure and returns 0.
func (d *decoder) advance(n int) uint64 {
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.src = d.src[n:]
	return 1
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
