// SPDX-License-Identifier: MIT

package source

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"seer/data/index"
	"seer/data/remote"
)

// Cache is a folder of this machine that keeps what is read of far shards, for all sources and processes that name it.
type Cache struct {
	Dir   string // "" for none
	Bytes int64  // the most it may take of the disk, at least [remote.MinCacheBytes]
}

// caches are those of this process, by folder: sources that name the same folder share one.
var caches = struct {
	sync.Mutex
	byDir map[string]*openCache
}{byDir: map[string]*openCache{}}

type openCache struct {
	*remote.Cache
	bytes int64
}

// open returns the process's cache of a folder, in the size that was asked for last. The folder is only looked at when the
// size is another: a source that is listed anew must not fail because the disk has become full.
func (c Cache) open() (*remote.Cache, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	caches.Lock()
	defer caches.Unlock()
	open := caches.byDir[dir]
	switch {
	case open == nil:
		cache, err := remote.OpenCache(dir, c.Bytes)
		if err != nil {
			return nil, err
		}
		open = &openCache{Cache: cache}
		caches.byDir[dir] = open
	case open.bytes != c.Bytes:
		if err := open.Resize(c.Bytes); err != nil {
			return nil, err
		}
	}
	open.bytes = c.Bytes
	return open.Cache, nil
}

// store is where shards are read from that are far away. Where none is, the cache is left alone.
func (c Cache) store(far bool) (*remote.Store, error) {
	if !far || c.Dir == "" {
		return remote.New(remote.StoreOptions{}), nil
	}
	cache, err := c.open()
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return remote.New(remote.StoreOptions{Cache: cache}), nil
}

// Stats returns what this process has done with the folder so far.
func (c Cache) Stats() remote.CacheStats {
	dir, err := filepath.Abs(c.Dir)
	caches.Lock()
	defer caches.Unlock()
	if open := caches.byDir[dir]; open != nil && err == nil && c.Dir != "" {
		return open.Stats()
	}
	return remote.CacheStats{}
}

func anyFar(shards []index.Shard) bool {
	return slices.ContainsFunc(shards, func(s index.Shard) bool { return remote.Is(s.Path) })
}
