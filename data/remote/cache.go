// SPDX-License-Identifier: MIT

package remote

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Cache keeps what is read of far objects in a folder of this machine, within a limit. Any number of processes may use
// one folder at once. All methods may be called from any number of goroutines.
//
// The folder holds one sparse file an object (see blockFile), in blocks of 64 KiB that are there or not. A block that is
// read from it is compared with its checksum first, so nothing depends on the order in which a crash has let writes
// through, nothing is synced, and whatever is damaged or gone is fetched again. No failure of the folder is one of a read.
type Cache struct {
	dir    string
	before func(op string) error // a test's hook ahead of operations on files; nil otherwise

	mu      sync.Mutex
	entries map[cacheKey]*entry
	spare   *list.List // of *entry without users, the longest unused in front

	space  space
	counts counts
}

// MinCacheBytes is the smallest limit: below it the blocks that several processes may write between two looks at the
// folder would be a good part of all.
const MinCacheBytes = 64 << 20

// maxOpenFiles bounds the files that a cache keeps open without reading from them.
const maxOpenFiles = 256

// OpenCache opens or makes the folder of a cache, whose files may take so many bytes of the disk. It refuses a limit that
// the disk has no room for.
func OpenCache(dir string, maxBytes int64) (*Cache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c := &Cache{dir: dir, entries: map[cacheKey]*entry{}, spare: list.New(), space: space{idle: inUse}}
	return c, c.Resize(maxBytes)
}

// Resize changes the limit under the conditions of [OpenCache].
func (c *Cache) Resize(maxBytes int64) error {
	if maxBytes < MinCacheBytes {
		return fmt.Errorf("cache %s: a limit of %s; allowed are %s and more", c.dir, bytesText(maxBytes), bytesText(MinCacheBytes))
	}
	if err := c.prepare(); err != nil {
		return err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(c.dir, &disk); err != nil {
		return fmt.Errorf("cache %s: %w", c.dir, err)
	}
	_, used, err := c.scan() // after the free space: what another process writes meanwhile counts twice and not never
	if err != nil {
		return fmt.Errorf("cache %s: %w", c.dir, err)
	}
	if free := int64(disk.Bavail) * disk.Bsize; maxBytes > free+used {
		return fmt.Errorf("cache %s: a limit of %s, and its disk has %s free (%s are the cache's already): give at most %s, or another disk's folder",
			c.dir, bytesText(maxBytes), bytesText(free), bytesText(used), bytesText(free+used))
	}
	c.space.resize(maxBytes)
	return nil
}

// prepare makes the folder, for its owner's eyes only: the objects may not be for everybody.
func (c *Cache) prepare() error {
	if st, err := os.Stat(c.dir); err == nil && !st.IsDir() {
		return fmt.Errorf("cache %s: it is not a folder; name one on a local disk, which will be made if it is not there", c.dir)
	}
	err := os.MkdirAll(c.dir, 0o700)
	if err == nil {
		var unlock func()
		if unlock, err = c.lock(); err == nil {
			unlock()
		}
	}
	if err != nil && err != errLocked {
		return fmt.Errorf("cache %s: the folder cannot be written: %w; name one that can", c.dir, err)
	}
	return nil
}

// bytesText writes sizes as people give them.
func bytesText(n int64) string {
	switch {
	case n >= 1e12:
		return fmt.Sprintf("%.2f TB", float64(n)/1e12)
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d bytes", n)
}

// fetch fills p from the object itself.
type fetch func(ctx context.Context, p []byte, off int64) error

// readAt fills p from an object: from the folder where it has the bytes, else by fetch.
func (c *Cache) readAt(ctx context.Context, id identity, p []byte, off int64, far fetch) error {
	e := c.acquire(id)
	defer c.release(e)
	for len(p) > 0 {
		// Pieces bound the memory, and how long others wait for a block in the middle.
		n := int(min(int64(len(p)), windowBytes-off%blockBytes))
		r := reading{ctx: ctx, entry: e, p: p[:n], off: off, far: far}
		if err := r.run(); err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// acquire returns what this process knows of an object.
func (c *Cache) acquire(id identity) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[id.key]
	if e == nil {
		e = &entry{cache: c, id: id, flights: map[int64]*flight{}}
		c.entries[id.key] = e
	}
	if e.spot != nil {
		c.spare.Remove(e.spot)
		e.spot = nil
	}
	e.users++
	return e
}

// release closes the files above the limit that nobody reads.
func (c *Cache) release(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	e.spot = c.spare.PushBack(e)
	for len(c.entries) > maxOpenFiles && c.spare.Len() > 0 {
		c.drop()
	}
}

// Close closes the files that nobody reads. They are opened again when somebody does.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.spare.Len() > 0 {
		c.drop()
	}
}

// drop forgets the entry that has been unused for the longest time.
func (c *Cache) drop() {
	e := c.spare.Remove(c.spare.Front()).(*entry)
	delete(c.entries, e.id.key)
	e.close()
}

// CacheStats counts what a cache has done in this process.
type CacheStats struct {
	Hits     int64 // bytes that reads got from the folder, or from a fetch that was under way
	Misses   int64 // bytes that were fetched
	Refused  int64 // bytes among them that were not kept, because the cache is full of objects in use
	Evicted  int64 // bytes that this process removed for others
	Failures int64 // operations on the folder that failed, and blocks that were damaged
	Err      error // the first of the failures
}

// String is for people.
func (s CacheStats) String() string {
	text := fmt.Sprintf("%s from the disk, %s from afar", bytesText(s.Hits), bytesText(s.Misses))
	if s.Refused > 0 {
		text += fmt.Sprintf(", of which %s were not kept, because the cache is full of what is in use", bytesText(s.Refused))
	}
	if s.Failures > 0 {
		text += fmt.Sprintf("; %d failures, the first: %v", s.Failures, s.Err)
	}
	return text
}

// counts is CacheStats under a lock.
type counts struct {
	mu     sync.Mutex
	s      CacheStats
	resume time.Time // nothing is written before
}

// Stats returns the counts so far.
func (c *Cache) Stats() CacheStats {
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	return c.counts.s
}

func (c *Cache) count(change func(s *CacheStats)) {
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	change(&c.counts.s)
}

// restAfterFailure is how long a folder that cannot be written is left alone: the disk may be full or away for a while.
const restAfterFailure = 30 * time.Second

// fail notes that the folder could not be used, and stops writing for a while.
func (c *Cache) fail(err error) {
	c.damaged(err)
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	c.counts.resume = time.Now().Add(restAfterFailure)
}

// damaged notes that one block or file was not what had been written.
func (c *Cache) damaged(err error) {
	c.count(func(s *CacheStats) {
		s.Failures++
		s.Err = cmp.Or(s.Err, fmt.Errorf("cache %s: %w", c.dir, err))
	})
}

// resting reports whether the folder is left alone after a failure.
func (c *Cache) resting() bool {
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	return !c.counts.resume.IsZero() && time.Now().Before(c.counts.resume)
}

// try asks a test's hook.
func (c *Cache) try(op string) error {
	if c.before == nil {
		return nil
	}
	return c.before(op)
}
