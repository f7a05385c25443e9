// SPDX-License-Identifier: MIT

package data

import (
	"container/list"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"seer/data/index"
)

// maxHandles returns how many shards may be open at once: a shuffled order
// visits all shards of a data set, and a process may have a thousand handles or
// a million. A quarter is left to shards; opening one costs a read's time.
func maxHandles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 64
	}
	return int(min(max(limit.Cur/4, 64), 4096))
}

// handles opens shards when they are first read and keeps the most recently
// used ones open.
type handles struct {
	shards []index.Shard
	limit  int

	mu   sync.Mutex
	open map[uint32]*handle
	idle *list.List // of *handle without users, the longest idle in front
}

type handle struct {
	file  *os.File
	shard uint32
	users int
	spot  *list.Element // in idle
}

func newHandles(shards []index.Shard) *handles {
	return &handles{shards: shards, limit: maxHandles(), open: map[uint32]*handle{}, idle: list.New()}
}

// readAt fills p from a shard.
func (h *handles) readAt(shard uint32, p []byte, off int64) error {
	f, err := h.acquire(shard)
	if err != nil {
		return err
	}
	defer h.release(f)
	_, err = f.file.ReadAt(p, off)
	return err
}

func (h *handles) acquire(shard uint32) (*handle, error) {
	if int(shard) >= len(h.shards) {
		return nil, fmt.Errorf("%w: shard %d of %d", errStale, shard, len(h.shards))
	}
	if f := h.reuse(shard); f != nil {
		return f, nil
	}
	// Opening may take long where files come from afar, so it does not keep
	// the others waiting. Two workers may then open the same shard.
	file, err := openShard(h.shards[shard])
	if err != nil {
		return nil, err
	}
	if f := h.reuse(shard); f != nil {
		file.Close()
		return f, nil
	}
	return h.add(shard, file), nil
}

// reuse returns the handle of an open shard, nil if there is none.
func (h *handles) reuse(shard uint32) *handle {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.open[shard]
	if f == nil {
		return nil
	}
	if f.spot != nil {
		h.idle.Remove(f.spot)
		f.spot = nil
	}
	f.users++
	return f
}

// add keeps a newly opened shard, unless another worker was faster by a hair:
// then this one is used once and closed.
func (h *handles) add(shard uint32, file *os.File) *handle {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := &handle{file: file, shard: shard, users: 1}
	if h.open[shard] == nil {
		h.open[shard] = f
		h.evict()
	}
	return f
}

// openShard refuses a file that is not the one that was indexed.
func openShard(s index.Shard) (*os.File, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.Size() != s.Size {
		err = fmt.Errorf("%w: shard %s has %d bytes, and had %d when it was indexed: build the index again", errStale, s.Path, st.Size(), s.Size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (h *handles) release(f *handle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.users--; f.users > 0 {
		return
	}
	if h.open[f.shard] != f {
		f.file.Close()
		return
	}
	f.spot = h.idle.PushBack(f)
	h.evict()
}

// evict closes idle shards above the limit. Shards in use stay open: there are
// at most as many as workers.
func (h *handles) evict() {
	for len(h.open) > h.limit && h.idle.Len() > 0 {
		f := h.idle.Remove(h.idle.Front()).(*handle)
		delete(h.open, f.shard)
		f.file.Close()
	}
}

func (h *handles) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for shard, f := range h.open {
		f.file.Close()
		delete(h.open, shard)
	}
	h.idle.Init()
}
