// SPDX-License-Identifier: MIT

package remote

import (
	"container/list"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// entry is what this process knows of an object in the cache.
type entry struct {
	cache *Cache
	id    identity
	users int           // under the cache's lock, as spot
	spot  *list.Element // in the cache's spare entries

	mu      sync.Mutex
	file    *blockFile // nil where there is none yet, or none can be had
	touched time.Time
	flights map[int64]*flight // by block
}

// flight is a block that one reader fetches and others wait for.
type flight struct {
	done  chan struct{}
	ended bool   // done is closed; only its owner looks
	block []byte // nil: its owner has given up, see for yourself
	err   error  // of the store
}

// open returns the object's file, nil where there is none. A file that another process has removed is left for a new one.
func (e *entry) open(create bool) *blockFile {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.file != nil && !e.file.alive() {
		e.file.Close() // readers that still have it find it closed, and fetch
		e.file = nil
	}
	if e.file == nil {
		e.file = e.cache.open(e.id, create)
		e.touched = e.file.used()
	}
	if every := e.cache.space.idle / 10; e.file != nil && time.Since(e.touched) >= every {
		// The time of the last use decides what is removed first, and all processes see it.
		e.touched = time.Now()
		os.Chtimes(e.file.Name(), e.touched, e.touched)
	}
	return e.file
}

// open opens an object's file. A damaged one is replaced.
func (c *Cache) open(id identity, create bool) *blockFile {
	err := c.try("open")
	for again := true; err == nil; again = false {
		var f *blockFile
		if f, err = openBlocks(c.dir, id, create); err == nil {
			return f
		}
		if !again || !errors.Is(err, errForeign) {
			break
		}
		c.damaged(fmt.Errorf("%s: %w, so it is made anew", id.fileName(), err))
		if err = os.Remove(filepath.Join(c.dir, id.fileName())); errors.Is(err, fs.ErrNotExist) {
			err = nil // another process was faster
		}
	}
	if create || !errors.Is(err, fs.ErrNotExist) {
		c.fail(err)
	}
	return nil
}

func (e *entry) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.file != nil {
		e.file.Close()
		e.file = nil
	}
}

// claim takes the blocks that nobody fetches; theirs are under way.
func (e *entry) claim(blocks []int64) (mine, theirs map[int64]*flight) {
	mine, theirs = map[int64]*flight{}, map[int64]*flight{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range blocks {
		if f := e.flights[b]; f != nil {
			theirs[b] = f
			continue
		}
		mine[b] = &flight{done: make(chan struct{})}
		e.flights[b] = mine[b]
	}
	return mine, theirs
}

// unclaim ends flights. Who waits for one without a block tries by itself.
func (e *entry) unclaim(mine map[int64]*flight, blocks []int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range blocks {
		f := mine[b]
		if f == nil {
			continue
		}
		if e.flights[b] == f {
			delete(e.flights, b)
		}
		f.end()
	}
}

// end wakes those who wait.
func (f *flight) end() {
	if !f.ended {
		f.ended = true
		close(f.done)
	}
}

// reading is one read of at most a window's bytes.
type reading struct {
	ctx   context.Context
	entry *entry
	p     []byte
	off   int64
	far   fetch
}

// run fills p: with what the file has, with what others are fetching, and with what it fetches itself.
func (r *reading) run() error {
	blocks := r.local(r.blocks())
	for len(blocks) > 0 {
		mine, theirs := r.entry.claim(blocks)
		if err := r.fetch(mine, blocks); err != nil {
			return err
		}
		var err error
		if blocks, err = r.wait(theirs, blocks); err != nil {
			return err
		}
	}
	return nil
}

// blocks lists those that p touches.
func (r *reading) blocks() []int64 {
	var out []int64
	for b := r.off / blockBytes; b*blockBytes < r.off+int64(len(r.p)); b++ {
		out = append(out, b)
	}
	return out
}

// part is the piece of p that lies in a block, and where in the block it begins.
func (r *reading) part(block int64) (piece []byte, skip int64) {
	start := block * blockBytes
	low, high := max(r.off, start), min(r.off+int64(len(r.p)), start+blockBytes)
	return r.p[low-r.off : high-r.off], low - start
}

// fill copies what p wants of a block.
func (r *reading) fill(block int64, content []byte) {
	piece, skip := r.part(block)
	copy(piece, content[skip:])
}

// local fills p from the file and returns the blocks that are not there.
func (r *reading) local(blocks []int64) (missing []int64) {
	f := r.entry.open(false)
	if f == nil || len(blocks) == 0 {
		return blocks
	}
	var room [4 * (windowBytes/blockBytes + 1)]byte
	first := blocks[0]
	sums := room[:4*(blocks[len(blocks)-1]-first+1)]
	if err := f.sums(first, sums); err != nil {
		r.entry.spoiled(f, first, err)
		return blocks
	}
	hits := 0
	for _, b := range blocks {
		sum := binary.LittleEndian.Uint32(sums[4*(b-first):])
		if sum == 0 || !r.fromFile(f, b, sum) {
			missing = append(missing, b)
			continue
		}
		piece, _ := r.part(b)
		hits += len(piece)
	}
	r.hit(hits)
	return missing
}

func (r *reading) hit(n int) {
	r.entry.cache.count(func(s *CacheStats) { s.Hits += int64(n) })
}

// scratch holds blocks of which a read wants only a part.
var scratch = sync.Pool{New: func() any { return new([blockBytes]byte) }}

// fromFile reads and verifies a whole block, whatever part of it p wants.
func (r *reading) fromFile(f *blockFile, block int64, sum uint32) bool {
	piece, skip := r.part(block)
	n := f.id.blockLen(block)
	if len(piece) == n {
		return r.entry.good(f, block, f.block(block, piece, sum))
	}
	whole := scratch.Get().(*[blockBytes]byte)
	defer scratch.Put(whole)
	if !r.entry.good(f, block, f.block(block, whole[:n], sum)) {
		return false
	}
	copy(piece, whole[skip:])
	return true
}

func (e *entry) good(f *blockFile, block int64, err error) bool {
	if err != nil {
		e.spoiled(f, block, err)
	}
	return err == nil
}

// spoiled counts a block that could not be read, unless the file has just been removed to make room.
func (e *entry) spoiled(f *blockFile, block int64, err error) {
	if errors.Is(err, os.ErrClosed) || !f.alive() {
		return
	}
	e.cache.damaged(fmt.Errorf("block %d of %s: %w; it is fetched again", block, e.id.fileName(), err))
	f.forget(block)
}

// wait fills p from the flights of others. It returns the blocks whose readers have given up: to fetch one of them in
// place of its reader is for whoever claims it first.
func (r *reading) wait(theirs map[int64]*flight, blocks []int64) (again []int64, err error) {
	hits := 0
	for _, b := range blocks {
		f := theirs[b]
		if f == nil {
			continue
		}
		select {
		case <-f.done:
		case <-r.ctx.Done():
			return nil, context.Cause(r.ctx)
		}
		switch {
		case f.err != nil:
			return nil, f.err
		case f.block == nil:
			again = append(again, b)
		default:
			r.fill(b, f.block)
			piece, _ := r.part(b)
			hits += len(piece)
		}
	}
	r.hit(hits)
	return again, nil
}
