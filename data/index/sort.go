// SPDX-License-Identifier: MIT

package index

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"io"
	"os"
	"slices"
)

// sorter is an external merge sort by name: entries are collected up to a
// limit, sorted and written out as a run; merge reads all runs side by side.
type sorter struct {
	dir    string
	layout Layout
	limit  int
	n      int64

	arena []byte // records as appendRecord makes them after a zero entry
	refs  []ref
	runs  []*os.File
}

// ref finds one collected record and its name.
type ref struct {
	at, name, nameEnd, end uint32
}

const refBytes = 16

func newSorter(dir string, opt FileOptions) *sorter {
	limit := opt.Memory
	if limit <= 0 {
		limit = 256 << 20
	}
	return &sorter{dir: dir, layout: opt.Layout, limit: min(limit, 1<<31)}
}

func (s *sorter) add(e *Entry) error {
	if len(s.arena)+len(s.refs)*refBytes > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	at := len(s.arena)
	s.arena = appendRecord(s.arena, s.layout, &Entry{}, e)
	// The record begins with one byte for "shared 0" and the name's length.
	name := at + 1 + uvarintLen(uint64(len(e.Name)))
	s.refs = append(s.refs, ref{uint32(at), uint32(name), uint32(name + len(e.Name)), uint32(len(s.arena))})
	s.n++
	return nil
}

func (s *sorter) sort() {
	slices.SortFunc(s.refs, func(a, b ref) int {
		// Positions break ties: the order of insertion.
		return cmp.Or(bytes.Compare(s.arena[a.name:a.nameEnd], s.arena[b.name:b.nameEnd]), cmp.Compare(a.at, b.at))
	})
}

// spill writes what is collected as a sorted run of length-prefixed records.
func (s *sorter) spill() error {
	s.sort()
	f, err := scratch(s.dir)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, f)
	w := bufio.NewWriterSize(f, 1<<18)
	var head [4]byte
	for _, r := range s.refs {
		binary.LittleEndian.PutUint32(head[:], r.end-r.at)
		w.Write(head[:])
		w.Write(s.arena[r.at:r.end])
	}
	s.arena, s.refs = s.arena[:0], s.refs[:0]
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// merge hands all entries to emit in order.
func (s *sorter) merge(emit func(*Entry) error) error {
	if len(s.runs) == 0 {
		return s.emitArena(emit)
	}
	if err := s.spill(); err != nil {
		return err
	}
	s.arena, s.refs = nil, nil
	h := make(runHeap, 0, len(s.runs))
	for i, f := range s.runs {
		r := &run{number: i, r: bufio.NewReaderSize(f, 1<<17), layout: s.layout}
		if err := r.next(); err == nil {
			h = append(h, r)
		} else if err != io.EOF {
			return err
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		if err := emit(&h[0].entry); err != nil {
			return err
		}
		if err := h[0].next(); err == io.EOF {
			heap.Pop(&h)
		} else if err != nil {
			return err
		} else {
			heap.Fix(&h, 0)
		}
	}
	return nil
}

func (s *sorter) emitArena(emit func(*Entry) error) error {
	s.sort()
	var e Entry
	for _, r := range s.refs {
		e = Entry{Name: e.Name[:0]}
		if _, err := readRecord(s.arena[r.at:r.end], s.layout, &e); err != nil {
			return err
		}
		if err := emit(&e); err != nil {
			return err
		}
	}
	return nil
}

func (s *sorter) close() {
	for _, f := range s.runs {
		f.Close()
	}
	s.runs = nil
}

// run is one sorted file being read.
type run struct {
	number int
	r      *bufio.Reader
	layout Layout
	buf    []byte
	entry  Entry
}

func (r *run) next() error {
	var head [4]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return err
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	r.buf = slices.Grow(r.buf[:0], n)[:n]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return io.ErrUnexpectedEOF
	}
	r.entry = Entry{Name: r.entry.Name[:0]}
	_, err := readRecord(r.buf, r.layout, &r.entry)
	return err
}

// runHeap orders runs by their next name; earlier runs hold earlier entries.
type runHeap []*run

func (h runHeap) Len() int { return len(h) }
func (h runHeap) Less(i, j int) bool {
	c := cmp.Or(bytes.Compare(h[i].entry.Name, h[j].entry.Name), cmp.Compare(h[i].number, h[j].number))
	return c < 0
}
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)   { *h = append(*h, x.(*run)) }
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
