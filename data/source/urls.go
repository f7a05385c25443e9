// SPDX-License-Identifier: MIT

package source

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"seer/data/fetch"
	"seer/data/index"
	"seer/data/remote"
)

// urlSource downloads every image when its turn comes near.
type urlSource struct {
	tableSource
	client   *fetch.Client
	pieces   *ahead
	distance int
	failed   failures
}

var _ Prefetcher = (*urlSource)(nil)

// aheadOfRequests is how many images are named ahead for each request that may be under way: most of them wait behind
// slow hosts while others are asked. Each may take a megabyte on average.
const (
	aheadOfRequests = 4
	aheadBytes      = 1 << 20
)

func newURLSource(list tableSource, spec Location) *urlSource {
	opt := spec.URLs
	opt.MaxBytes = min(cmp.Or(opt.MaxBytes, fetch.Defaults.MaxBytes), list.maxBytes)
	s := &urlSource{tableSource: list, client: fetch.New(opt)}
	s.distance = aheadOfRequests * cmp.Or(opt.Concurrency, fetch.Defaults.Concurrency)
	// The client bounds requests; whoever waits there for a slow host must not keep others from asking theirs.
	s.pieces = newAhead(s.download, s.distance, int64(s.distance)*aheadBytes)
	return s
}

func (s *urlSource) Ahead() int       { return s.distance }
func (s *urlSource) Prefetch(i int64) { s.pieces.hint(i) }

// Read leaves the bytes where they are until others need the memory: an image that has replaced a dead link comes again
// at its own place soon.
func (s *urlSource) Read(ctx context.Context, i int64, _ []byte) (Item, error) {
	b, err := s.pieces.get(ctx, i)
	if err != nil {
		return Item{}, readError(s.Name(i), err)
	}
	return Item{Bytes: b, Shared: true}, nil
}

// Name returns the URL without user and query: signatures do not belong into logs, nor do whole images (data:…).
func (s *urlSource) Name(i int64) string {
	name, _, _ := strings.Cut(s.tableSource.Name(i), "?") // also of what is no URL
	name = remote.Name(name)
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "") + "…"
	}
	return name
}

const longestName = 500

func (s *urlSource) Close() error {
	s.pieces.close()
	s.client.Close()
	return s.tableSource.Close()
}

func (s *urlSource) download(ctx context.Context, i int64) (b []byte, err error) {
	if err := s.failed.of(i); err != nil {
		return nil, err
	}
	var location string
	err = s.entry(i, func(e index.Entry) error { location = string(e.Name); return nil })
	if err == nil {
		b, err = s.client.Get(ctx, location, nil)
	}
	if err != nil && !isContextError(err) {
		s.failed.add(i, err)
	}
	return b, err
}

// failures remembers for a minute or two which images could not be had. A replacement tries links that are to come at
// their own places too: a dead one should cost its time once, and not be alive in one place and dead in the other.
type failures struct {
	mu          sync.Mutex
	now, before map[int64]error
	begun       time.Time // of now
}

const (
	failureTime = time.Minute
	maxFailures = 1 << 14
)

func (f *failures) of(i int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.age()
	return cmp.Or(f.now[i], f.before[i])
}

func (f *failures) add(i int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.age()
	f.now[i] = err
}

// age forgets what is old, or too much.
func (f *failures) age() {
	since := time.Since(f.begun)
	if f.now != nil && since < failureTime && len(f.now) < maxFailures {
		return
	}
	f.before, f.now, f.begun = f.now, map[int64]error{}, time.Now()
	if since > 2*failureTime {
		f.before = nil
	}
}
