// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"fmt"

	"seer/data/index"
	"seer/data/remote"
)

// withAhead reads shards ahead where reads are slow to come: those that are far away image by image, and any shards that
// are read in windows in long stretches.
func (s *tarSource) withAhead(window int64) Source {
	switch {
	case window > 0:
		return newWindowedTar(s, window)
	case len(s.shards.shards) > 0 && remote.Is(s.shards.shards[0].Path):
		return newFarTar(s)
	}
	return s
}

// ShardImages returns the number of images in each shard, in the source's order: what [sampler.Windowed] wants to know.
func (s *tarSource) ShardImages() []int64 {
	images := make([]int64, len(s.shards.shards))
	for i := range images {
		images[i] = s.shards.shards[i].Images
	}
	return images
}

// farTar fetches images of far shards before their turn: a store takes tens of milliseconds to answer, and workers, as
// many as there are cores, would wait most of the time.
type farTar struct {
	*tarSource
	ahead *ahead
}

const (
	// farReads at once keep a line of 10 Gbit/s busy with images of 100 kB, at 80 ms each.
	farReads  = 128
	farMemory = 1 << 30
)

var _ Prefetcher = (*farTar)(nil)

func newFarTar(s *tarSource) *farTar {
	f := &farTar{tarSource: s}
	f.ahead = newAhead(f.fetch, farReads, farMemory)
	return f
}

// Ahead is less for few images: a hint for the next epoch would find the image of this one.
func (f *farTar) Ahead() int { return int(min(4*farReads, f.Len()/2)) }

func (f *farTar) Prefetch(i int64) { f.ahead.hint(i) }

func (f *farTar) fetch(ctx context.Context, i int64) ([]byte, error) {
	item, err := f.tarSource.Read(ctx, i, nil)
	return item.Bytes, err
}

// Read returns shared memory: two workers may have asked for the same image.
func (f *farTar) Read(ctx context.Context, i int64, _ []byte) (Item, error) {
	bytes, err := f.ahead.get(ctx, i)
	f.ahead.drop(i)
	return Item{Bytes: bytes, Shared: true}, err
}

func (f *farTar) Close() error {
	f.ahead.close()
	return f.tarSource.Close()
}

// windowedTar reads shards in chunks, from beginning to end, for an order that needs all of a stretch within a window.
type windowedTar struct {
	*tarSource
	ahead  *ahead
	window int64
	chunk  int64 // bytes
}

const (
	// chunkBytes is a read: long enough that the time to the first byte does not count.
	chunkBytes = 8 << 20
	// chunkReads at once.
	chunkReads = 8
)

var _ Prefetcher = (*windowedTar)(nil)

// newWindowedTar keeps the window that is being read and the one after it, and some more, because windows end within
// chunks.
func newWindowedTar(s *tarSource, window int64) *windowedTar {
	total := int64(0)
	for _, shard := range s.shards.shards {
		total += shard.Size
	}
	mean := total/s.Len() + 1
	w := &windowedTar{tarSource: s, window: min(window, s.Len()), chunk: chunkBytes}
	w.ahead = newAhead(w.fetch, chunkReads, min(3*w.window*mean+4*chunkBytes, total+total/4+4*chunkBytes))
	return w
}

// Ahead is a window: while one is read, the next one is fetched.
func (w *windowedTar) Ahead() int { return int(w.window) }

func (w *windowedTar) Prefetch(i int64) {
	// Damage shows where it matters, in Read.
	_ = w.entry(i, func(e index.Entry) error {
		for at := e.Offset / w.chunk; at*w.chunk < e.Offset+e.Length; at++ {
			w.ahead.hint(chunkKey(e.Shard, at))
		}
		return nil
	})
}

// chunkKey numbers chunk at of a shard: a shard of 2^32 chunks would be 32 petabytes long.
func chunkKey(shard uint32, at int64) int64 { return int64(shard)<<32 | at }

func (w *windowedTar) fetch(ctx context.Context, key int64) ([]byte, error) {
	shard, at := uint32(key>>32), key&(1<<32-1)
	size := w.shards.shards[shard].Size - at*w.chunk
	if size <= 0 {
		return nil, fmt.Errorf("%w: shard %d ends before byte %d", errStale, shard, at*w.chunk)
	}
	p := make([]byte, min(size, w.chunk))
	return p, w.shards.readAt(ctx, shard, p, at*w.chunk)
}

func (w *windowedTar) Read(ctx context.Context, i int64, buf []byte) (item Item, err error) {
	err = w.entry(i, func(e index.Entry) error {
		item.Bytes, err = w.member(e, buf, func(buf []byte) error { return w.span(ctx, e, buf) })
		return err
	})
	if err != nil {
		return Item{}, readError(w.Name(i), err)
	}
	return item, nil
}

// span copies an image out of its chunks, which stay for its neighbours.
func (w *windowedTar) span(ctx context.Context, e index.Entry, buf []byte) error {
	for done := 0; done < len(buf); {
		at := (e.Offset + int64(done)) / w.chunk
		chunk, err := w.ahead.get(ctx, chunkKey(e.Shard, at))
		if err != nil {
			return err
		}
		from := e.Offset + int64(done) - at*w.chunk
		if from >= int64(len(chunk)) {
			return fmt.Errorf("%w: shard %d ends before byte %d", errStale, e.Shard, e.Offset+e.Length)
		}
		done += copy(buf[done:], chunk[from:])
	}
	return nil
}

func (w *windowedTar) Close() error {
	w.ahead.close()
	return w.tarSource.Close()
}
