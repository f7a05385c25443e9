// SPDX-License-Identifier: MIT

package verify

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"seer/data/jpeg"
	"seer/data/source"
	"seer/internal/cpus"
)

// Kind is what is wrong with an image.
type Kind string

// The kinds of findings.
const (
	Corrupt   Kind = "corrupt"   // cannot be read or decoded; Detail begins with the reason
	Tiny      Kind = "tiny"      // its shorter side is below the limit
	Misnamed  Kind = "misnamed"  // its bytes are another format than its ending says
	Duplicate Kind = "duplicate" // the same bytes as an image before it
	Conflict  Kind = "conflict"  // the same bytes as an image of another class
)

// Finding is one image with something wrong about it.
type Finding struct {
	Kind   Kind   `json:"kind"`
	Index  int64  `json:"index"`
	Name   string `json:"name"`
	Detail string `json:"detail"`
	// Of is the image that a duplicate repeats.
	Of string `json:"of,omitempty"`
}

// CheckOptions say how thoroughly images are looked at.
type CheckOptions struct {
	Workers int                // 0: one for each CPU that the process may use
	Decode  jpeg.DecodeOptions // limit on pixels
	// MinSide is the length in pixels below which the shorter side of an
	// image is tiny; 0 means 32.
	MinSide int
	// HeadersOnly reads sizes and formats and decodes nothing: a hundred times
	// faster where files are in memory, blind for what is broken inside.
	// Duplicates are not looked for either.
	HeadersOnly bool
	// Find is told of every finding, in the order of the source; duplicates
	// come last, because only the end shows them.
	Find func(Finding)
	// Progress is told how many images are done.
	Progress func(done, total int64)
}

// window is the number of images between two reports: workers wait for each
// other at its end, which keeps findings in order at little cost.
const window = 1024

// Run reads every image of src once and returns the counts. Only an end of ctx
// is an error, which comes with the counts so far: whatever is wrong with
// images is a finding.
func Run(ctx context.Context, src source.Source, opt CheckOptions) (*Report, error) {
	if opt.Workers <= 0 {
		opt.Workers = cpus.Workers().N
	}
	if opt.MinSide <= 0 {
		opt.MinSide = 32
	}
	if opt.Find == nil {
		opt.Find = func(Finding) {}
	}
	r := &run{src: src, opt: opt, report: newReport(src)}
	for range opt.Workers {
		w := &worker{run: r, dec: jpeg.NewDecoder(opt.Decode)}
		defer w.dec.Close()
		r.workers = append(r.workers, w)
	}
	n := src.Len()
	for from := int64(0); from < n; from += window {
		if err := r.window(ctx, from, min(from+window, n)); err != nil {
			return r.report, fmt.Errorf("verify: stopped after %d of %d images: %w", from, n, err)
		}
		if opt.Progress != nil {
			opt.Progress(min(from+window, n), n)
		}
	}
	if err := r.duplicates(ctx); err != nil {
		return r.report, fmt.Errorf("verify: looking for duplicates: %w", err)
	}
	return r.report, nil
}

// run is the state of one Run.
type run struct {
	src     source.Source
	opt     CheckOptions
	workers []*worker
	report  *Report
	hashes  []hashed // of usable images
}

// look is what one image looked like.
type look struct {
	err    error
	format string // "raw" for pixels
	w, h   int
	bytes  int64
	hash   uint64
}

// window looks at the images from from to to with all workers, then files what
// they saw in order.
func (r *run) window(ctx context.Context, from, to int64) error {
	looks := make([]look, to-from)
	if p, ok := r.src.(source.Prefetcher); ok {
		for i := from; i < to; i++ {
			p.Prefetch(i)
		}
	}
	next := atomic.Int64{}
	next.Store(from)
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range r.workers {
		g.Go(func() error {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= to {
					break
				}
				looks[i-from] = w.look(ctx, i)
			}
			return context.Cause(ctx)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for k := range looks {
		r.file(from+int64(k), &looks[k])
	}
	return nil
}

// file counts one image and reports what is wrong with it.
func (r *run) file(i int64, l *look) {
	r.report.add(l, r.src.Label(i))
	if l.err != nil {
		r.find(Finding{Kind: Corrupt, Index: i, Detail: detail(l.err)})
		return
	}
	if !r.opt.HeadersOnly {
		r.hashes = append(r.hashes, hashed{l.hash, i})
	}
	if short := min(l.w, l.h); short < r.opt.MinSide {
		r.find(Finding{Kind: Tiny, Index: i, Detail: fmt.Sprintf("%d x %d pixels; the shorter side should have %d", l.w, l.h, r.opt.MinSide)})
	}
	if said := formatOf(r.src.Name(i)); said != "" && l.format != "raw" && said != l.format {
		r.find(Finding{Kind: Misnamed, Index: i, Detail: fmt.Sprintf("its bytes are %s, its name says %s", l.format, said)})
	}
}

func (r *run) find(f Finding) {
	f.Name = r.src.Name(f.Index)
	r.report.Findings[f.Kind]++
	r.opt.Find(f)
}

// detail begins with the reason and leaves out the name, which findings have.
func detail(err error) string {
	reason := source.ReasonOf(err)
	if read := (*source.ReadError)(nil); errors.As(err, &read) {
		err = read.Err
	}
	return fmt.Sprintf("%s: %v", reason, err)
}

// formatOf returns the format that a file name promises, "" for none.
func formatOf(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".jpg", ".jpeg", ".jpe", ".jfif":
		return "jpeg"
	case ".png", ".gif", ".webp", ".bmp":
		return ext[1:]
	case ".tif", ".tiff":
		return "tiff"
	}
	return ""
}
