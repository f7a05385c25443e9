// SPDX-License-Identifier: MIT

package remote

import (
	"maps"
	"slices"
)

// fetch brings the blocks that this read has claimed: those that have come since it looked from the file, the others from
// afar, as few ranges as possible.
func (r *reading) fetch(mine map[int64]*flight, blocks []int64) error {
	if len(mine) == 0 {
		return nil
	}
	claimed := slices.Sorted(maps.Keys(mine))
	defer r.entry.unclaim(mine, claimed)
	left := r.local(claimed)
	for len(left) > 0 {
		n := 1
		for n < len(left) && left[n] == left[0]+int64(n) {
			n++
		}
		if err := r.fetchRun(mine, left[:n]); err != nil {
			return err
		}
		left = left[n:]
	}
	return nil
}

// fetchRun fetches blocks that follow each other. Where there is no room to keep them, just the bytes that p wants.
func (r *reading) fetchRun(mine map[int64]*flight, run []int64) error {
	c := r.entry.cache
	kept := c.reserve(len(run))
	defer c.unreserve(kept)
	if kept == 0 {
		r.entry.unclaim(mine, run)
		return r.fetchExactly(run)
	}
	first, last := run[0], run[len(run)-1]
	content := make([]byte, int64(len(run)-1)*blockBytes+int64(r.entry.id.blockLen(last)))
	if err := r.far(r.ctx, content, first*blockBytes); err != nil {
		if r.ctx.Err() == nil { // else it says nothing to those who wait
			for _, b := range run {
				mine[b].err = err
			}
		}
		return err
	}
	for i, b := range run {
		mine[b].block = content[i*blockBytes : min((i+1)*blockBytes, len(content))]
		mine[b].end()
		r.fill(b, mine[b].block)
	}
	c.fetched(len(content), kept == len(run))
	r.entry.keep(first, content[:min(kept*blockBytes, len(content))])
	return nil
}

// fetchExactly passes the cache by.
func (r *reading) fetchExactly(run []int64) error {
	head, skip := r.part(run[0])
	tail, _ := r.part(run[len(run)-1])
	n := len(head)
	if len(run) > 1 {
		n += (len(run)-2)*blockBytes + len(tail)
	}
	off := run[0]*blockBytes + skip
	if err := r.far(r.ctx, r.p[off-r.off:][:n], off); err != nil {
		return err
	}
	r.entry.cache.fetched(n, false)
	return nil
}

func (c *Cache) fetched(n int, kept bool) {
	resting := c.resting()
	c.count(func(s *CacheStats) {
		s.Misses += int64(n)
		if !kept && !resting {
			s.Refused += int64(n)
		}
	})
}

// keep writes blocks into the file, from first on.
func (e *entry) keep(first int64, content []byte) {
	f := e.open(true)
	if f == nil || !f.writable {
		return
	}
	err := e.cache.try("write")
	if err == nil {
		err = f.put(first, content)
	}
	if err != nil && f.alive() {
		e.cache.fail(err)
	}
}
