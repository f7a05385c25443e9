// SPDX-License-Identifier: MIT

package sampler

import (
	"fmt"
	"math"
)

// A Sampler maps (epoch, position) to the index of an image: all n of a
// source, or a subset of them. It is immutable and safe for concurrent use.
type Sampler struct {
	total  int64 // images in the source
	len    int64 // images in an epoch
	seed   uint64
	subset func(k int64) int64 // k-th member of the subset; nil is the identity
	// windows is the order of [Windowed]; nil shuffles everything with everything.
	windows *windows
	// balanced is the order of [Balanced]; nil draws every image alike.
	balanced *balanced
}

// New samples all of n images in an order drawn by the seed.
// It panics unless 1 <= n <= [MaxLen].
func New(n int64, seed uint64) *Sampler {
	if n < 1 || n > MaxLen {
		panic(fmt.Sprintf("sampler: %d images; allowed are 1 to %d", n, MaxLen))
	}
	return &Sampler{total: n, len: n, seed: seed}
}

// First samples only the first k of n images.
func First(n, k int64, seed uint64) (*Sampler, error) {
	if err := checkLen(n); err != nil {
		return nil, err
	}
	if k < 1 || k > n {
		return nil, fmt.Errorf("sampler: a subset of the first %d images; the source holds %d, allowed are 1 to %d", k, n, n)
	}
	return &Sampler{total: n, len: k, seed: seed}, nil
}

// Fraction samples a random part of n images: round(f·n) of them, at least
// one. Which ones is fixed by subsetSeed alone, so that runs with different
// seeds, and smaller fractions, draw from the same images: the members of a
// smaller fraction are all members of a larger one.
func Fraction(n int64, f float64, subsetSeed, seed uint64) (*Sampler, error) {
	if err := checkLen(n); err != nil {
		return nil, err
	}
	if !(f > 0 && f <= 1) { // also refuses NaN
		return nil, fmt.Errorf("sampler: a fraction of %v; allowed is more than 0 and at most 1", f)
	}
	k := min(max(int64(math.Round(f*float64(n))), 1), n)
	if k == n {
		return New(n, seed), nil
	}
	// The subset is a prefix of a permutation of its own: O(1) and no memory.
	p := NewPermutation(n, mix(subsetSeed^0x73756273), 0)
	return &Sampler{total: n, len: k, seed: seed, subset: p.At}, nil
}

// List samples the images of a list of indices, in which repeats count as
// often as they occur. The list is kept, not copied.
func List(n int64, indices []int64, seed uint64) (*Sampler, error) {
	if err := checkLen(n); err != nil {
		return nil, err
	}
	if len(indices) == 0 {
		return nil, fmt.Errorf("sampler: the list of indices is empty")
	}
	for k, i := range indices {
		if i < 0 || i >= n {
			return nil, fmt.Errorf("sampler: entry %d of the list is %d; the source holds %d images, allowed are 0 to %d", k, i, n, n-1)
		}
	}
	at := func(k int64) int64 { return indices[k] }
	return &Sampler{total: n, len: int64(len(indices)), seed: seed, subset: at}, nil
}

// Len returns the number of images in an epoch.
func (s *Sampler) Len() int64 { return s.len }

// Total returns the number of images in the source behind the subset.
func (s *Sampler) Total() int64 { return s.total }

// Seed returns the seed of the order.
func (s *Sampler) Seed() uint64 { return s.seed }

// At returns the index of the image at a position of an epoch. Over the
// positions 0 to Len()-1 it names every image of the subset exactly once, unless
// the sampler is [Balanced].
func (s *Sampler) At(epoch uint64, pos int64) int64 {
	image, _ := s.Draw(epoch, pos)
	return image
}

// Draw is At with a number that no other draw of the same image has: the epoch,
// where every image comes once in each.
func (s *Sampler) Draw(epoch uint64, pos int64) (image int64, pass uint64) {
	if s.windows != nil {
		s.checkPosition(pos)
		return s.windows.at(epoch, pos, s.len), epoch
	}
	p := NewPermutation(s.len, s.seed, epoch)
	if s.balanced != nil {
		return s.balanced.at(epoch, p.At(pos))
	}
	return s.Sequential(p.At(pos)), epoch
}

// Sequential returns the k-th image of the subset without shuffling, for
// evaluation. It panics unless 0 <= k < Len().
func (s *Sampler) Sequential(k int64) int64 {
	s.checkPosition(k)
	switch {
	case s.balanced != nil:
		image, _ := s.balanced.at(0, k)
		return image
	case s.subset != nil:
		return s.subset(k)
	}
	return k
}

func (s *Sampler) checkPosition(pos int64) {
	if pos < 0 || pos >= s.len {
		panic(fmt.Sprintf("sampler: position %d of an epoch of %d images", pos, s.len))
	}
}

// Locate splits a global position, which counts on through the epochs, into
// the epoch and the position in it.
func (s *Sampler) Locate(global int64) (epoch uint64, pos int64) {
	if global < 0 {
		panic(fmt.Sprintf("sampler: global position %d", global))
	}
	return uint64(global / s.len), global % s.len
}

// Global returns the index of the image at a global position.
func (s *Sampler) Global(global int64) int64 {
	return s.At(s.Locate(global))
}

func checkLen(n int64) error {
	if n < 1 || n > MaxLen {
		return fmt.Errorf("sampler: %d images in the source; allowed are 1 to %d", n, MaxLen)
	}
	return nil
}
