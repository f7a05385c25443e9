// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"seer/data/index"
)

// A scan lists the images of one source into an index, in memory or on disk.
type scan interface {
	layout() index.Layout
	into(b *index.Builder) (index.Meta, error)
}

func newScan(ctx context.Context, spec Location, kind string) (scan, error) {
	common := scanner{ctx: ctx, spec: spec}
	switch kind {
	case "folder":
		return &folderScan{scanner: common}, nil
	case "list":
		return &listScan{scanner: common}, nil
	case "tar":
		return newTarScan(common)
	case "urls":
		return newURLScan(common)
	case "index":
		t, err := index.Open(spec.Path)
		if err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		return newIndexScan(common, t)
	}
	return nil, fmt.Errorf("data: %s: a source of kind %q has nothing to list", spec.Path, kind)
}

// scanner is what all scans share.
type scanner struct {
	ctx  context.Context
	spec Location
	last time.Time // of the last report
}

// tick is called for every image. It stops the scan with its context, and
// reports about five times a second; both cost too much to do every time.
func (s *scanner) tick(images int64, where string) error {
	if images%1024 != 0 {
		return nil
	}
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("data: listing %s: %w", s.spec.Path, context.Cause(s.ctx))
	}
	if s.spec.Progress != nil && time.Since(s.last) > 200*time.Millisecond {
		s.last = time.Now()
		s.spec.Progress(Progress{Images: images, Where: where})
	}
	return nil
}

// done reports the final count whatever the time.
func (s *scanner) done(images int64) {
	if s.spec.Progress != nil {
		s.spec.Progress(Progress{Images: images, Where: s.spec.Path})
	}
}

// isImage reports whether a file name has one of the endings.
func isImage(name string, extensions []string) bool {
	ext := filepath.Ext(name)
	return ext != "" && slices.Contains(extensions, strings.ToLower(ext))
}
