// SPDX-License-Identifier: MIT

package source

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"seer/data/index"
)

// indexScan lists those images of an index that data.members chooses. An index is
// a list: what was left out when it was built does not come back.
type indexScan struct {
	scanner
	table     *index.Table
	selection selection
}

// newIndexScan takes the table over and closes it when it was listed.
func newIndexScan(s scanner, t *index.Table) (*indexScan, error) {
	if t.Meta().Kind == "urls" {
		return nil, fmt.Errorf("data: %s: data.members is for folders, lists, tar shards and their indexes, and this is a list of URLs: leave it out", s.spec.Path)
	}
	selection, err := s.spec.selection()
	return &indexScan{scanner: s, table: t, selection: selection}, err
}

func (s *indexScan) layout() index.Layout { return s.table.Layout() }

func (s *indexScan) into(b *index.Builder) (index.Meta, error) {
	defer s.table.Close()
	old := s.table.Meta()
	meta := old
	meta.Members, meta.Shards, meta.Skipped = s.spec.Members, slices.Clone(old.Shards), counts{}
	counts(meta.Skipped).merge(old.Skipped, "")
	for i := range meta.Shards {
		meta.Shards[i].Images = 0
	}
	if meta.Labels == 0 {
		meta.Classes = s.table.Classes() // entries come with their rank among these
	}
	err := s.table.Each(func(_ int64, e index.Entry) error {
		if !s.selection.chosen(string(e.Name)) {
			counts(meta.Skipped).add(notChosen, string(e.Name))
			return nil
		}
		if s.table.Layout().Spans {
			if int(e.Shard) >= len(meta.Shards) {
				return fmt.Errorf("%q lies in shard %d of %d", e.Name, e.Shard, len(meta.Shards))
			}
			meta.Shards[e.Shard].Images++
		}
		return cmp.Or(b.Add(e), s.tick(b.Len(), s.spec.Path))
	})
	if err != nil {
		return meta, fmt.Errorf("data: index %s: %w", s.spec.Path, err)
	}
	if b.Len() == 0 {
		return meta, fmt.Errorf("data: index %s: data.members = %q chooses none of its %d images", s.spec.Path, s.spec.Members, s.table.Len())
	}
	s.done(b.Len())
	return meta, nil
}

// filtered says whether data.members asks for less than an index holds.
func (spec *Location) filtered(t *index.Table) bool {
	return len(spec.Members) > 0 && !slices.Equal(spec.Members, t.Meta().Members)
}

// filter lists in memory what data.members chooses of an index.
func filter(ctx context.Context, spec Location, t *index.Table) (*index.Table, error) {
	scan, err := newIndexScan(scanner{ctx: ctx, spec: spec}, t)
	if err != nil {
		return nil, err
	}
	b := index.NewBuilder(scan.layout())
	meta, err := scan.into(b)
	if err != nil {
		return nil, err
	}
	return b.Finish(meta)
}
