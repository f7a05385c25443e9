// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"fmt"

	"seer/data/index"
)

// Kinds are the values of [Location.Kind].
var Kinds = []string{"auto", "folder", "list", "tar", "idx", "urls", "index"}

// Open opens a source; see [OpenContext].
func Open(spec Location) (Source, error) {
	return OpenContext(context.Background(), spec)
}

// OpenContext opens the source that spec describes. A folder of millions of
// files takes a while to list: ctx can stop it and spec.Progress watch it.
func OpenContext(ctx context.Context, spec Location) (Source, error) {
	kind, err := spec.resolveKind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "idx":
		return openIDX(spec)
	case "index":
		return openIndex(ctx, spec)
	}
	scan, err := newScan(ctx, spec, kind)
	if err != nil {
		return nil, err
	}
	b := index.NewBuilder(scan.layout())
	meta, err := scan.into(b)
	if err != nil {
		return nil, err
	}
	table, err := b.Finish(meta)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", spec.Path, err)
	}
	return NewTableSource(table, spec)
}

// NewTableSource reads the entries of a table from where its Meta says; of spec, what is about reading counts. It owns the
// table from here on.
func NewTableSource(t *index.Table, spec Location) (Source, error) {
	list := tableSource{table: t, labels: spec.Labels, maxBytes: spec.maxFileBytes()}
	switch kind := t.Meta().Kind; kind {
	case "files":
		return &fileSource{tableSource: list, root: t.Meta().Root}, nil
	case "shards":
		shards, err := newHandles(t.Meta().Shards, spec.Cache)
		if err != nil {
			t.Close()
			return nil, err
		}
		tar := &tarSource{tableSource: list, shards: shards}
		return tar.withAhead(spec.Window), nil
	case "urls":
		return newURLSource(list, spec), nil
	default:
		t.Close()
		return nil, fmt.Errorf("data: %s: an index of kind %q; this program knows \"files\", \"shards\" and \"urls\"", spec.Path, kind)
	}
}

// openIndex opens a file that [BuildIndex] has written.
func openIndex(ctx context.Context, spec Location) (Source, error) {
	t, err := index.Open(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	fail := func(format string, args ...any) (Source, error) {
		t.Close()
		return nil, fmt.Errorf("data: %s: "+format, append([]any{spec.Path}, args...)...)
	}
	if t.Len() == 0 {
		return fail("the index holds no images: build it again")
	}
	if spec.Labels && !t.Layout().Labels {
		return fail("labels are asked for, but the index was built without them: build it again with labels")
	}
	if spec.filtered(t) {
		if t, err = filter(ctx, spec, t); err != nil {
			return nil, err
		}
	}
	return NewTableSource(t, spec)
}

func (spec *Location) maxFileBytes() int64 {
	if spec.MaxFileBytes > 0 {
		return spec.MaxFileBytes
	}
	return DefaultMaxFileBytes
}

func (spec *Location) extensions() []string {
	if spec.Extensions == nil {
		return DefaultExtensions
	}
	return spec.Extensions
}
