// SPDX-License-Identifier: MIT

package data

import (
	"container/list"
	"fmt"
	"os"
	"sync"

	"seer/data/index"
)

// maxHandles bounds the shards that are open at once: a process has 1024 file
// handles by default, and a shuffled order visits all shards of a data set.
const maxHandles = 128

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
	return &handles{shards: shards, limit: maxHandles, open: map[uint32]*handle{}, idle: list.New()}
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
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.open[shard]; f != nil {
		if f.spot != nil {
			h.idle.Remove(f.spot)
			f.spot = nil
		}
		f.users++
		return f, nil
	}
	if int(shard) >= len(h.shards) {
		return nil, fmt.Errorf("%w: shard %d of %d", errStale, shard, len(h.shards))
	}
	file, err := openShard(h.shards[shard])
	if err != nil {
		return nil, err
	}
	f := &handle{file: file, shard: shard, users: 1}
	h.open[shard] = f
	h.evict()
	return f, nil
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
	if f.users--; f.users == 0 {
		f.spot = h.idle.PushBack(f)
		h.evict()
	}
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
