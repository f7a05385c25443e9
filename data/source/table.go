// SPDX-License-Identifier: MIT

package source

import (
	"fmt"
	"sync"

	"seer/data/index"
)

// tableSource is the part of a source that an index answers.
type tableSource struct {
	table    *index.Table
	labels   bool
	maxBytes int64
}

func (s *tableSource) Len() int64 { return s.table.Len() }

// names recycles the memory into which entries decode their names.
var names = sync.Pool{New: func() any { b := make([]byte, 0, 256); return &b }}

// entry looks up entry i and hands it to fn with a name that is valid until fn
// returns.
func (s *tableSource) entry(i int64, fn func(index.Entry) error) error {
	buf := names.Get().(*[]byte)
	defer names.Put(buf)
	e, err := s.table.Entry(i, *buf)
	if err != nil {
		return err
	}
	*buf = e.Name
	return fn(e)
}

func (s *tableSource) Name(i int64) string {
	name, err := s.table.Name(i)
	if err != nil {
		return fmt.Sprintf("[%v]", err)
	}
	return name
}

func (s *tableSource) Label(i int64) (label int) {
	label = -1
	if s.labels {
		// Damage shows where it matters, in Read.
		_ = s.entry(i, func(e index.Entry) error { label = int(e.Label); return nil })
	}
	return label
}

func (s *tableSource) Classes() []string {
	if !s.labels {
		return nil
	}
	return s.table.Classes()
}

func (s *tableSource) Fingerprint() string { return s.table.Fingerprint() }

// Listing implements [ListingOf].
func (s *tableSource) Listing() Listing {
	m := s.table.Meta()
	var l Listing
	if len(m.Skipped) > 0 {
		l.Skipped = m.Skipped
	}
	if len(m.Remarks) > 0 {
		l.Remarks = m.Remarks
	}
	return l
}

func (s *tableSource) Close() error { return s.table.Close() }
