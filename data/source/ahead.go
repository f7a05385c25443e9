// SPDX-License-Identifier: MIT

package source

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// ahead fetches pieces in the background before they are read.
//
// Memory is kept for two kinds of pieces: those fetched and not yet read, and those read before, which somebody may
// ask for again. The latter make room first, the longest unused before the others; of the former the one fetched last
// goes, because it will be read last. Background fetches wait while unread pieces, and those under way at the mean size
// of late, fill the memory: what was fetched in vain would be fetched again. What is under way comes on top of it.
type ahead struct {
	fetch       func(ctx context.Context, key int64) ([]byte, error)
	concurrency int
	memory      int64
	ctx         context.Context
	cancel      context.CancelFunc
	wg          sync.WaitGroup

	mu      sync.Mutex
	pieces  map[int64]*piece // queued, under way or kept
	queue   []*piece         // hints, in order; some may have been begun by a get
	running int              // fetches begun by a hint
	mean    int64            // size of a piece, over the last few
	size    int64            // of all pieces that are kept
	unread  *list.List       // of *piece without readers
	fresh   int64            // size of the pieces in unread
	read    *list.List       // of *piece without readers, the longest unused in front
	closed  bool
}

// piece is queued, then under way, then kept. The lock of its ahead is for all of it, but for data and err once done
// is closed.
type piece struct {
	key     int64
	queued  bool
	hinted  bool               // fetched by a hint: it goes on when the last reader leaves
	cancel  context.CancelFunc // of its fetch
	readers int                // gets that wait for it
	done    chan struct{}
	data    []byte
	err     error
	home    *list.List    // unread, read or nil
	spot    *list.Element // in home
}

const (
	// maxHints bounds the queue: hints are advice, and memory is not.
	maxHints = 1 << 14
	// pieceCost is what a piece takes besides its bytes; an error takes nothing else.
	pieceCost = 512
	// aheadGrace is how long close waits for fetches that do not heed their context.
	aheadGrace = 500 * time.Millisecond
)

var errAheadClosed = errors.New("the source was closed")

// newAhead prepares at most so many fetches at once by hints, and so many bytes of pieces that are kept. fetch may be
// called from any number of goroutines; if it panics, so does the program.
func newAhead(fetch func(ctx context.Context, key int64) ([]byte, error), concurrency int, memory int64) *ahead {
	a := &ahead{fetch: fetch, concurrency: concurrency, memory: memory, pieces: map[int64]*piece{}, unread: list.New(), read: list.New()}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// hint says that a piece will be read. It never blocks, and hints beyond the length of the queue are lost.
func (a *ahead) hint(key int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.pieces[key] != nil || len(a.queue) >= maxHints {
		return
	}
	p := a.add(key)
	p.queued = true
	a.queue = append(a.queue, p)
	a.advance()
}

// get returns a piece; its bytes are shared. The error of a fetch goes to those who wait for it, or to the first who
// asks; whoever comes later tries anew.
func (a *ahead) get(ctx context.Context, key int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := a.join(key)
	if p == nil {
		return nil, errAheadClosed
	}
	defer a.leave(p)
	select {
	case <-p.done:
		return p.data, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-a.ctx.Done():
		return nil, errAheadClosed
	}
}

// drop forgets a piece. Those who wait for it still get it.
func (a *ahead) drop(key int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pieces[key]
	if p == nil {
		return
	}
	a.forget(p)
	if p.cancel != nil && p.readers == 0 {
		p.cancel()
	}
	a.advance()
}

// close ends all fetches.
func (a *ahead) close() {
	a.mu.Lock()
	a.closed = true
	a.queue = nil
	a.mu.Unlock()
	a.cancel()
	gone := make(chan struct{})
	go func() { a.wg.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(aheadGrace):
	}
}

func (a *ahead) add(key int64) *piece {
	p := &piece{key: key, done: make(chan struct{})}
	a.pieces[key] = p
	return p
}

// join makes the caller a reader of a piece, which is begun if nobody else has; nil after close.
func (a *ahead) join(key int64) *piece {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	p := a.pieces[key]
	if p == nil {
		p = a.add(key)
	}
	p.readers++
	a.lift(p)
	switch {
	case p.cancel == nil:
		a.begin(p)
	case p.finished() && p.err != nil:
		a.forget(p)
	}
	return p
}

// leave ends a reader's interest. A fetch that nobody else wants is given up.
func (a *ahead) leave(p *piece) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.readers--; p.readers > 0 {
		return
	}
	switch {
	case !p.finished() && (!p.hinted || a.pieces[p.key] != p):
		a.forget(p)
		p.cancel()
	case p.finished() && a.pieces[p.key] == p:
		a.lay(p, a.read)
		a.evict()
	}
	a.advance()
}

// advance begins what is queued, as far as the limits allow.
func (a *ahead) advance() {
	for len(a.queue) > 0 {
		p := a.queue[0]
		if p.queued && a.full() {
			return
		}
		a.queue[0], a.queue = nil, a.queue[1:]
		if p.queued {
			p.hinted = true
			a.running++
			a.begin(p)
		}
	}
}

// full says that another fetch has to wait: for its turn, or for room. One at least is always under way or unread.
func (a *ahead) full() bool {
	room := a.fresh+int64(a.running+1)*a.mean <= a.memory || a.fresh == 0 && a.running == 0
	return a.running >= a.concurrency || !room
}

// begin fetches in a goroutine of its own: a reader that goes away must not end what others wait for.
func (a *ahead) begin(p *piece) {
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(a.ctx)
	p.queued = false
	a.wg.Go(func() {
		data, err := a.fetch(ctx, p.key)
		p.cancel()
		a.finish(p, data, err)
	})
}

func (a *ahead) finish(p *piece, data []byte, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.data, p.err = data, err
	close(p.done)
	if p.hinted {
		a.running--
	}
	switch {
	case a.pieces[p.key] != p: // forgotten meanwhile
	case err != nil && p.readers > 0:
		delete(a.pieces, p.key)
	default:
		a.keep(p)
	}
	a.advance()
}

func (p *piece) finished() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *piece) cost() int64 { return int64(len(p.data)) + pieceCost }

// keep counts a piece that was fetched. One with readers is laid down by the last of them.
func (a *ahead) keep(p *piece) {
	a.size += p.cost()
	if p.err == nil {
		a.mean += (p.cost() - a.mean) / 16
	}
	if p.readers == 0 {
		a.lay(p, a.unread)
	}
	a.evict()
}

// evict makes room. Pieces with readers lie in neither list; they may come on top of the memory until they are left,
// because an unread piece that made room for them would be fetched in vain.
func (a *ahead) evict() {
	for a.size > a.memory {
		switch {
		case a.read.Len() > 0:
			a.forget(a.read.Front().Value.(*piece))
		case a.fresh > a.memory:
			a.forget(a.unread.Back().Value.(*piece))
		default:
			return
		}
	}
}

// forget takes a piece out of all accounts, in whatever state it is.
func (a *ahead) forget(p *piece) {
	p.queued = false
	a.lift(p)
	if a.pieces[p.key] != p {
		return
	}
	delete(a.pieces, p.key)
	if p.finished() {
		a.size -= p.cost()
	}
}

// lay puts a piece without readers at the back of a list.
func (a *ahead) lay(p *piece, home *list.List) {
	p.home, p.spot = home, home.PushBack(p)
	if home == a.unread {
		a.fresh += p.cost()
	}
}

// lift takes it out again.
func (a *ahead) lift(p *piece) {
	if p.home == nil {
		return
	}
	if p.home == a.unread {
		a.fresh -= p.cost()
	}
	p.home.Remove(p.spot)
	p.home, p.spot = nil, nil
}
