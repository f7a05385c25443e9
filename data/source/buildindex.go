// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"fmt"
	"os"

	"seer/data/index"
	"seer/internal/redact"
)

// IndexOptions say how an index is built.
type IndexOptions struct {
	// Sort orders the images by their names. Folders and single shards are in
	// that order anyway; lists keep theirs without it.
	Sort bool
	// Memory bounds the memory of sorting in bytes; 0 means 256 MiB.
	Memory int
	// Listed is told what was left out, if it is not nil.
	Listed func(Listing)
}

// BuildIndex lists the images of a folder, a list, tar shards or another index into a file at
// path, which [Open] then opens in place of listing them again. It needs little
// memory for any number of images. An existing file is replaced when the new
// one is complete; runs that have the old one open keep it.
func BuildIndex(ctx context.Context, spec Location, path string, opt IndexOptions) (images int64, err error) {
	kind, err := spec.resolveKind()
	if err != nil {
		return 0, err
	}
	scan, err := newScan(ctx, spec, kind)
	if err != nil {
		return 0, err
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return 0, fmt.Errorf("data: index %s is a %v; name a file to write", path, st.Mode().Type())
	}
	b, err := index.Create(path, index.FileOptions{
		Layout: scan.layout(), Sort: opt.Sort, Memory: opt.Memory, Private: kind == "urls" || redact.Has(spec.Path),
	})
	if err != nil {
		return 0, fmt.Errorf("data: %w", err)
	}
	defer b.Abort()
	meta, err := scan.into(b)
	if err != nil {
		return 0, err
	}
	t, err := b.Finish(meta)
	if err != nil {
		return 0, fmt.Errorf("data: %w", err)
	}
	defer t.Close()
	if opt.Listed != nil {
		opt.Listed((&tableSource{table: t}).Listing())
	}
	return t.Len(), nil
}
