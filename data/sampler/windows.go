// SPDX-License-Identifier: MIT

package sampler

import (
	"fmt"
	"sort"
	"sync/atomic"
)

// Windows describes an order for data that are read best from beginning to end:
// tar shards that are far away. The shards of an epoch follow one another in
// random order, and images are shuffled within windows of Size of that sequence,
// as a shuffle buffer of that size would do it; only, the order is known
// beforehand, so that a run can be resumed anywhere in it.
type Windows struct {
	// Shards are the numbers of images in the shards of the source, in its order.
	Shards []int64
	// Size of a window in images, at least 2. All of the source is a full shuffle.
	Size int64
	// Lanes is the number of sequences side by side, 0 means 1. Every batch takes
	// an equal part from each. Ranks that divide the lanes evenly read shards of
	// their own, and the order does not depend on their number.
	Lanes int64
	// Batch is the global batch, a multiple of Lanes. It matters with several lanes only.
	Batch int64
}

// windows is the order of a source of n images.
type windows struct {
	spec   Windows
	seed   uint64
	starts []int64 // first image of each shard

	// The last two epochs' shards: workers at the end of one meet others at the
	// beginning of the next.
	epochs [2]atomic.Pointer[shardOrder]
}

// shardOrder is the sequence of the shards of one epoch.
type shardOrder struct {
	epoch  uint64
	shards []int32
	ends   []int64 // images up to the end of each
}

// Windowed samples all images of shards in windows.
func Windowed(w Windows, seed uint64) (*Sampler, error) {
	w.Lanes = max(w.Lanes, 1)
	o := &windows{spec: w, seed: seed}
	n := int64(0)
	for _, images := range w.Shards {
		if images < 0 {
			return nil, fmt.Errorf("sampler: a shard of %d images", images)
		}
		o.starts = append(o.starts, n)
		n += images
	}
	switch {
	case w.Size < 2:
		return nil, fmt.Errorf("sampler: windows of %d images; allowed are 2 and more", w.Size)
	case w.Lanes > 1 && (w.Batch < w.Lanes || w.Batch%w.Lanes != 0):
		return nil, fmt.Errorf("sampler: %d lanes and a batch of %d images: the batch must be a multiple of the lanes", w.Lanes, w.Batch)
	}
	if err := checkLen(n); err != nil {
		return nil, err
	}
	return &Sampler{total: n, len: n, seed: seed, windows: o}, nil
}

// at returns the image at a position of an epoch.
func (o *windows) at(epoch uint64, pos, n int64) int64 {
	lane, k, begin, length := o.lane(pos, n)
	window := k / o.spec.Size
	first := window * o.spec.Size
	size := min(o.spec.Size, length-first)
	// Lanes are shorter than 2^62 images, and so is the number of their windows:
	// the key of a window is unlike that of any other.
	p := NewPermutation(size, mix(mix(o.seed^0x77696e64)+uint64(lane))^uint64(window), epoch)
	return o.image(o.order(epoch), begin+first+p.At(k-first))
}

// lane says in which lane a position lies, as which image of it, and where the
// lane lies in the sequence. What does not fill a batch at the end is a lane of
// its own.
func (o *windows) lane(pos, n int64) (lane, k, begin, length int64) {
	if o.spec.Lanes == 1 {
		return 0, pos, 0, n
	}
	batches, part := n/o.spec.Batch, o.spec.Batch/o.spec.Lanes
	length = batches * part
	if pos >= length*o.spec.Lanes {
		begin = length * o.spec.Lanes
		return o.spec.Lanes, pos - begin, begin, n - begin
	}
	lane = pos % o.spec.Batch / part
	return lane, pos/o.spec.Batch*part + pos%part, lane * length, length
}

// order returns the shards of an epoch, which are drawn once.
func (o *windows) order(epoch uint64) *shardOrder {
	kept := &o.epochs[epoch%2]
	if s := kept.Load(); s != nil && s.epoch == epoch {
		return s
	}
	s := &shardOrder{epoch: epoch, shards: make([]int32, len(o.spec.Shards)), ends: make([]int64, len(o.spec.Shards))}
	p := NewPermutation(int64(len(s.shards)), mix(o.seed^0x73686472), epoch)
	end := int64(0)
	for i := range s.shards {
		s.shards[i] = int32(p.At(int64(i)))
		end += o.spec.Shards[s.shards[i]]
		s.ends[i] = end
	}
	kept.Store(s)
	return s
}

// image returns the index in the source of an image of the epoch's sequence.
func (o *windows) image(s *shardOrder, k int64) int64 {
	i := sort.Search(len(s.ends), func(i int) bool { return s.ends[i] > k })
	shard := s.shards[i]
	return o.starts[shard] + k - (s.ends[i] - o.spec.Shards[shard])
}
