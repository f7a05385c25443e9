// SPDX-License-Identifier: MIT

package source

import (
	"container/list"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"seer/data/index"
	"seer/data/remote"
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
	store  *remote.Store
	limit  int

	mu   sync.Mutex
	open map[uint32]*handle
	idle *list.List // of *handle without users, the longest idle in front
}

type handle struct {
	file  shardFile
	shard uint32
	users int
	spot  *list.Element // in idle
}

// shardFile is an open shard, here or far away.
type shardFile interface {
	// readAt fills p or returns an error.
	readAt(ctx context.Context, p []byte, off int64) error
	Close() error
}

type localShard struct {
	*os.File
	shard index.Shard
}

// readAt looks at the file again after it was read: as long as its time and size
// are those of the index, so were the bytes. A file of another content at the
// same place is another file, and this one goes on being what it was.
func (f localShard) readAt(_ context.Context, p []byte, off int64) error {
	if _, err := f.ReadAt(p, off); err != nil {
		return err
	}
	return checkUnchanged(f.File, f.shard)
}

// checkUnchanged refuses a file that is not the one that was indexed.
func checkUnchanged(f *os.File, s index.Shard) error {
	st, err := f.Stat()
	switch {
	case err != nil:
		return err
	case st.Size() != s.Size:
		return fmt.Errorf("%w: shard %s has %d bytes, and had %d when it was indexed: %s", errStale, s.Path, st.Size(), s.Size, indexAgain)
	case !sameTime(st.ModTime().UnixNano(), s.ModTime):
		return fmt.Errorf("%w: shard %s was written at %s, and the one that was indexed at %s; if it was only copied, keep its time (cp -p, rsync -t): else %s",
			errStale, s.Path, stamp(st.ModTime()), stamp(time.Unix(0, s.ModTime)), indexAgain)
	}
	return nil
}

const indexAgain = "build the index again (seer data index)"

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999999") }

// sameTime compares times in nanoseconds. Some programs that copy a file keep
// whole seconds of its time only.
func sameTime(a, b int64) bool {
	second := int64(time.Second)
	return a == b || a/second == b/second && (a%second == 0 || b%second == 0)
}

type remoteShard struct{ *remote.Object }

func (o remoteShard) readAt(ctx context.Context, p []byte, off int64) error {
	return o.ReadAt(ctx, p, off)
}
func (o remoteShard) Close() error { return nil }

func newHandles(shards []index.Shard, cache Cache) (*handles, error) {
	store, err := cache.store(anyFar(shards))
	if err != nil {
		return nil, err
	}
	return &handles{shards: shards, store: store, limit: maxHandles(), open: map[uint32]*handle{}, idle: list.New()}, nil
}

// readAt fills p from a shard.
func (h *handles) readAt(ctx context.Context, shard uint32, p []byte, off int64) error {
	f, err := h.acquire(ctx, shard)
	if err != nil {
		return err
	}
	defer h.release(f)
	return f.file.readAt(ctx, p, off)
}

func (h *handles) acquire(ctx context.Context, shard uint32) (*handle, error) {
	if int(shard) >= len(h.shards) {
		return nil, fmt.Errorf("%w: shard %d of %d", errStale, shard, len(h.shards))
	}
	if f := h.reuse(shard); f != nil {
		return f, nil
	}
	// Opening may take long where files come from afar, so it does not keep
	// the others waiting. Two workers may then open the same shard.
	file, err := openShard(ctx, h.store, h.shards[shard])
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
func (h *handles) add(shard uint32, file shardFile) *handle {
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
func openShard(ctx context.Context, store *remote.Store, s index.Shard) (shardFile, error) {
	if remote.Is(s.Path) {
		return openRemoteShard(ctx, store, s)
	}
	f, _, err := openRegular(s.Path)
	if err != nil {
		return nil, err
	}
	if err := checkUnchanged(f, s); err != nil {
		f.Close()
		return nil, err
	}
	return localShard{f, s}, nil
}

func openRemoteShard(ctx context.Context, store *remote.Store, s index.Shard) (shardFile, error) {
	o, err := store.Open(ctx, s.Path)
	if err != nil {
		return nil, err
	}
	if o.Size() != s.Size || versionNumber(o) != s.ModTime {
		return nil, fmt.Errorf("%w: shard %s is not the one that was indexed (%d bytes, and had %d): build the index again", errStale, o.Name(), o.Size(), s.Size)
	}
	return remoteShard{o}, nil
}

// versionNumber stands for an object's version where an index has a file's time.
func versionNumber(o *remote.Object) int64 {
	h := fnv.New64a()
	io.WriteString(h, o.Version())
	return int64(h.Sum64() >> 1)
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
	h.store.Close()
}
