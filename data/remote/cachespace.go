// SPDX-License-Identifier: MIT

package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// space says how much may be written. What the folder takes is counted by looking at its files, and between two looks a
// process writes a 32nd of what is free at most: so many processes together stay within the limit.
//
// Above the high mark nothing is written before something could be removed, and removing goes down to the low mark. What
// was read within the last minutes is not removed: a run reads all its shards all the time in random order, and if they do
// not fit, removing one for another would only lose what the next epoch wants. Of data 2.25 times the limit, 41 % of the
// bytes came from the folder so, and 15 % where the least recently read always went.
type space struct {
	mu      sync.Mutex
	max     int64
	idle    time.Duration // how long an object must not have been read before it may be removed
	budget  int64         // bytes that may be written before the next look
	pending int64         // bytes that are promised and perhaps not written yet
	next    time.Time     // no look before, because there was no room
}

const (
	// inUse is the idle time of all caches but those of tests.
	inUse     = 10 * time.Minute
	sharers   = 32
	lookAgain = 100 * time.Millisecond // when another process is removing files
)

func (s *space) high() int64 { return s.max - s.max/16 }
func (s *space) low() int64  { return s.max - s.max/8 }

func (s *space) resize(maxBytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max, s.budget, s.next = maxBytes, 0, time.Time{}
}

// reserve returns how many of so many blocks may be written. They are handed back with unreserve when they are.
func (c *Cache) reserve(blocks int) (granted int) {
	if c.resting() {
		return 0
	}
	s := &c.space
	s.mu.Lock()
	defer s.mu.Unlock()
	for granted < blocks && (s.budget >= blockBytes || c.look()) {
		n := min(blocks-granted, int(s.budget/blockBytes))
		granted += n
		s.budget -= int64(n) * blockBytes
		s.pending += int64(n) * blockBytes
	}
	return granted
}

func (c *Cache) unreserve(blocks int) {
	c.space.mu.Lock()
	defer c.space.mu.Unlock()
	c.space.pending -= int64(blocks) * blockBytes
}

// look counts the folder anew, makes room where there is too little, and reports whether there is some. The space is
// locked.
func (c *Cache) look() bool {
	s := &c.space
	if time.Now().Before(s.next) {
		return false
	}
	_, used, err := c.scan()
	wait := s.idle / 60
	if err == nil && used+s.pending > s.high() {
		used, err = c.evict(s.pending)
		if errors.Is(err, errLocked) {
			wait, err = lookAgain, nil
		}
	}
	if err != nil {
		c.fail(err)
		return false
	}
	s.budget = (s.max - used - s.pending) / sharers
	if used+s.pending > s.high() {
		s.budget, s.next = 0, time.Now().Add(wait)
	}
	return s.budget >= blockBytes
}

// found is a file of the folder.
type found struct {
	name  string
	bytes int64 // on the disk
	used  time.Time
}

// scan lists the cache's files and adds up what they take of the disk.
func (c *Cache) scan() (files []found, used int64, err error) {
	list, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, d := range list {
		if !isCacheFile(d.Name()) {
			continue
		}
		st, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		f := found{d.Name(), st.Sys().(*syscall.Stat_t).Blocks * 512, st.ModTime()}
		files, used = append(files, f), used+f.bytes
	}
	return files, used, nil
}

// evict removes the objects that have not been read for the longest time, and returns what the others take.
func (c *Cache) evict(pending int64) (used int64, err error) {
	unlock, err := c.lock()
	if err != nil {
		return c.space.max, err
	}
	defer unlock()
	files, used, err := c.scan() // again: another process may have made room
	if err != nil {
		return used, err
	}
	slices.SortFunc(files, func(a, b found) int { return a.used.Compare(b.used) })
	before := used
	for _, f := range files {
		total := used + pending
		if total <= c.space.low() || total <= c.space.max && time.Since(f.used) < c.space.idle {
			break
		}
		if err := c.remove(f.name); err != nil {
			return used, err
		}
		used -= f.bytes
	}
	c.count(func(s *CacheStats) { s.Evicted += before - used })
	return used, nil
}

// remove gives a file's bytes back to the disk at once, even while others have it open: they find it shortened or without
// a name, and fetch.
func (c *Cache) remove(name string) error {
	if err := c.try("remove"); err != nil {
		return err
	}
	path := filepath.Join(c.dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		defer f.Close()
		err = os.Remove(path)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// errLocked says that another process is removing files.
var errLocked = errors.New("another process has the lock")

// lock lets one process at a time remove files. It ends with the process, however that ends.
func (c *Cache) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(c.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return func() { f.Close() }, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errLocked
	}
	return nil, fmt.Errorf("%s: %w", f.Name(), err)
}
