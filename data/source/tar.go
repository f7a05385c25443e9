// SPDX-License-Identifier: MIT

package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"seer/data/index"
	"seer/data/remote"
)

// tarSource reads images out of tar shards by position.
type tarSource struct {
	tableSource
	shards *handles
}

var _ Source = (*tarSource)(nil)

func (s *tarSource) Read(ctx context.Context, i int64, buf []byte) (item Item, err error) {
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	err = s.entry(i, func(e index.Entry) error {
		item.Bytes, err = s.member(e, buf, func(buf []byte) error { return s.shards.readAt(ctx, e.Shard, buf, e.Offset) })
		return err
	})
	if err != nil {
		return Item{}, readError(s.Name(i), err)
	}
	return item, nil
}

// member returns an image whose bytes in its shard, which may be compressed, read fills in.
func (s *tarSource) member(e index.Entry, buf []byte, read func(buf []byte) error) ([]byte, error) {
	if err := checkSize(e.Length, s.maxBytes); err != nil {
		return nil, err
	}
	buf = resize(buf, int(e.Length))
	if err := read(buf); err != nil {
		return nil, staleAtEnd(err, e)
	}
	_, compression := splitCompression(string(e.Name))
	return decompress(compression, buf, s.maxBytes)
}

// staleAtEnd tells a shard that has become shorter from one that cannot be read.
func staleAtEnd(err error, e index.Entry) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: shard %d ends at %w", errStale, e.Shard, err)
	}
	return err
}

func (s *tarSource) Close() error {
	s.shards.close()
	return s.tableSource.Close()
}

// tarScan lists the images of tar shards: from the index beside a shard if it
// is there and fits, else by a walk along its headers.
type tarScan struct {
	scanner
	paths []string
	store *remote.Store // for shards that are URLs

	selection selection
	beside    counts           // files in the shards' folder that are no shards
	classes   map[string]int32 // class text to its number in order of appearance
	order     []string
	numeric   bool // all classes so far are integers
	folders   bool // classes are the members' folders
	found     atomic.Int64
}

// walkRules is the version of how a shard's members are chosen: an index beside a
// shard that another version has written is not used.
const walkRules = 3

func newTarScan(s scanner) (*tarScan, error) {
	paths, beside, err := expandFiles(s.spec.Path, ".tar")
	if err != nil {
		return nil, err
	}
	selection, err := s.spec.selection()
	if err != nil {
		return nil, err
	}
	store, err := s.spec.Cache.store(slices.ContainsFunc(paths, remote.Is))
	if err != nil {
		return nil, err
	}
	return &tarScan{scanner: s, paths: paths, store: store, selection: selection, beside: beside, classes: map[string]int32{}, numeric: true}, nil
}

func (s *tarScan) layout() index.Layout { return index.Layout{Labels: s.spec.Labels, Spans: true} }

// into lists shards side by side, a few at a time, and appends them in order.
func (s *tarScan) into(b *index.Builder) (index.Meta, error) {
	defer s.store.Close()
	meta := index.Meta{Kind: "shards", Members: s.spec.Members, Skipped: counts{}, Remarks: counts{}}
	counts(meta.Skipped).merge(s.beside, "")
	window := runtime.GOMAXPROCS(0)
	for len(s.paths) > 0 {
		now := s.paths[:min(window, len(s.paths))]
		s.paths = s.paths[len(now):]
		tables, err := s.tables(now)
		if err != nil {
			return index.Meta{}, err
		}
		for i, t := range tables {
			if err := s.append(b, t, len(meta.Shards)); err != nil {
				return index.Meta{}, err
			}
			shard := t.Meta().Shards[0]
			// An index beside a shard may have been written before both were moved.
			if shard.Path, err = absolute(now[i]); err != nil {
				return index.Meta{}, err
			}
			shard.Images = t.Len()
			meta.Shards = append(meta.Shards, shard)
			s.count(meta, t.Meta(), shard)
			t.Close()
		}
	}
	s.done(b.Len())
	if b.Len() == 0 {
		return index.Meta{}, s.emptyError(meta)
	}
	if s.spec.Labels {
		meta.Classes, meta.Numeric = s.order, s.numeric
	}
	return meta, nil
}

// count adds what was met in one shard.
func (s *tarScan) count(all, of index.Meta, shard index.Shard) {
	place := path.Base(shardName(shard.Path))
	counts(all.Skipped).merge(of.Skipped, place)
	counts(all.Remarks).merge(of.Remarks, place)
	if shard.Images == 0 {
		counts(all.Remarks).add("shards without images", place)
	}
}

func (s *tarScan) emptyError(meta index.Meta) error {
	found := "they hold nothing"
	if l := (Listing{Skipped: meta.Skipped, Remarks: meta.Remarks}).String(); l != "" {
		found = l
	}
	return fmt.Errorf("data: no images in the %d shards %s (%s); members must end in one of %s", len(meta.Shards), shardName(s.spec.Path), found, strings.Join(s.spec.extensions(), " "))
}

func (s *tarScan) tables(paths []string) ([]*index.Table, error) {
	out := make([]*index.Table, len(paths))
	var g errgroup.Group
	for i, p := range paths {
		g.Go(func() (err error) {
			if out[i], err = s.table(p); err != nil {
				return fmt.Errorf("data: shard %s: %w", shardName(p), err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		for _, t := range out {
			if t != nil {
				t.Close()
			}
		}
		return nil, err
	}
	// Reports come from here: one goroutine, after each window of shards.
	n := int64(0)
	for _, t := range out {
		n += t.Len()
	}
	s.found.Add(n)
	if s.spec.Progress != nil {
		s.spec.Progress(Progress{Images: s.found.Load(), Where: shardName(paths[len(paths)-1])})
	}
	return out, nil
}

// table lists one shard. Its labels count the class texts, whatever they say.
func (s *tarScan) table(name string) (*index.Table, error) {
	if remote.Is(name) {
		return s.remoteTable(name)
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	f, st, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	shard := index.Shard{Path: name, Size: st.Size(), ModTime: st.ModTime().UnixNano()}
	if t := s.sideTable(shard); t != nil {
		return t, nil
	}
	b := index.NewBuilder(s.sideLayout())
	if s.spec.WriteIndex {
		if b, err = index.Create(sidePath(name), index.FileOptions{Layout: s.sideLayout()}); err != nil {
			return nil, err
		}
		defer b.Abort()
	}
	meta, err := s.walk(f, shard, b)
	if err == nil {
		err = checkUnchanged(f, shard) // while it was walked
	}
	if err != nil {
		return nil, err
	}
	return b.Finish(meta)
}

// remoteTable reads a far shard from end to end: only its headers are of use, but they lie between the images.
func (s *tarScan) remoteTable(location string) (*index.Table, error) {
	if s.spec.WriteIndex {
		return nil, fmt.Errorf("an index can only be written beside a local shard; write one of all shards with seer data index --out")
	}
	o, err := s.store.Open(s.ctx, location)
	if err != nil {
		return nil, err
	}
	shard := index.Shard{Path: location, Size: o.Size(), ModTime: versionNumber(o)}
	b := index.NewBuilder(s.sideLayout())
	meta, err := s.walk(o.At(s.ctx), shard, b)
	if err != nil {
		return nil, err
	}
	if o.Version() == "" {
		counts(meta.Remarks).add("shards whose server tells neither entity tag nor date: a change of content at the same size would not be noticed", "")
	}
	return b.Finish(meta)
}

// absolute is where a shard lies, from whatever folder it will be read.
func absolute(shard string) (string, error) {
	if remote.Is(shard) {
		return shard, nil
	}
	return filepath.Abs(shard)
}

// shardName is a path, or a URL without its secrets.
func shardName(path string) string {
	if remote.Is(path) {
		return remote.Name(path)
	}
	return path
}

const sideEnding = ".seeridx"

func sidePath(shard string) string { return shard + sideEnding }

// sideLayout always keeps labels in files: the next reader may want them.
func (s *tarScan) sideLayout() index.Layout {
	return index.Layout{Labels: s.spec.Labels || s.spec.WriteIndex, Spans: true}
}

// sideTable returns the stored index of a shard, or nil where there is none,
// or where it belongs to another state of the file or lacks what is asked for.
func (s *tarScan) sideTable(shard index.Shard) *index.Table {
	t, err := index.Open(sidePath(shard.Path))
	if err != nil {
		return nil
	}
	m := t.Meta()
	fits := len(m.Shards) == 1 && m.Shards[0].Size == shard.Size && m.Shards[0].ModTime == shard.ModTime
	fits = fits && m.Rules == walkRules && slices.Equal(m.Members, s.spec.Members)
	if !fits || !t.Layout().Spans || s.spec.Labels && !t.Layout().Labels || s.spec.Extensions != nil {
		t.Close()
		return nil
	}
	return t
}

// walk adds the images of a shard to a table, and returns its description.
func (s *tarScan) walk(f io.ReaderAt, shard index.Shard, b *index.Builder) (index.Meta, error) {
	classes, order := map[string]int32{}, []string(nil)
	w := tarWalk{selection: s.selection, labels: s.sideLayout().Labels, emit: func(m member) error {
		if b.Len()%1024 == 0 && s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		e := index.Entry{Name: []byte(m.name), Label: -1, Offset: m.offset, Length: m.length}
		if m.class != "" {
			e.Label = number(classes, &order, m.class)
		}
		return b.Add(e)
	}}
	if err := w.walk(f, shard.Size); err != nil {
		return index.Meta{}, err
	}
	return index.Meta{Kind: "shards", Shards: []index.Shard{shard}, Classes: order, Members: s.spec.Members, Skipped: w.skipped, Remarks: w.remarks, Rules: walkRules}, nil
}

// number returns the number of a class, a new one for a new class.
func number(classes map[string]int32, order *[]string, class string) int32 {
	n, ok := classes[class]
	if !ok {
		n = int32(len(*order))
		classes[class] = n
		*order = append(*order, class)
	}
	return n
}

// append adds one shard's entries to the whole list, with labels in terms of
// all shards' classes. The first shard decides where labels come from: sibling
// files, or the folders of the members where it has none.
func (s *tarScan) append(b *index.Builder, t *index.Table, shard int) error {
	if s.spec.Labels && shard == 0 {
		s.folders = len(t.Classes()) == 0
	}
	return t.Each(func(_ int64, e index.Entry) error {
		e.Shard = uint32(shard)
		label := int32(-1)
		if s.spec.Labels {
			class, err := s.class(t, e)
			if err != nil {
				return err
			}
			label = number(s.classes, &s.order, class)
		}
		e.Label = label
		return cmp.Or(b.Add(e), s.ctx.Err())
	})
}

func (s *tarScan) class(t *index.Table, e index.Entry) (string, error) {
	var class string
	switch {
	case s.folders:
		class = path.Dir(path.Clean(string(e.Name)))
		if class == "." || class == "/" {
			return "", fmt.Errorf("data: shard %s: labels are asked for, but %s has neither a .cls, .json or .txt file beside it nor a folder", shardName(t.Meta().Shards[0].Path), e.Name)
		}
	case e.Label < 0:
		return "", fmt.Errorf("data: shard %s: labels are asked for, but %s has no .cls, .json or .txt file with one right beside it", shardName(t.Meta().Shards[0].Path), e.Name)
	default:
		class = t.Classes()[e.Label]
	}
	if v, err := strconv.ParseUint(class, 10, 31); err != nil || v > index.MaxLabel {
		s.numeric = false
	}
	return class, nil
}
