// SPDX-License-Identifier: MIT

package augment

import "math/bits"

// philox is Philox4x32 with ten rounds (Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011): a bijection of the 128-bit counter for
// every 64-bit key. Any two different counters give independent blocks, so a
// generator needs no state that workers would have to share or replay.
func philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		m0, m1 = 0xD2511F53, 0xCD9E8D57 // multipliers
		w0, w1 = 0x9E3779B9, 0xBB67AE85 // key increments (golden ratio, sqrt 3 - 1)
	)
	for range 10 {
		hi0, lo0 := bits.Mul32(m0, counter[0])
		hi1, lo1 := bits.Mul32(m1, counter[2])
		counter = [4]uint32{hi1 ^ counter[1] ^ key[0], lo1, hi0 ^ counter[3] ^ key[1], lo0}
		key[0] += w0
		key[1] += w1
	}
	return counter
}

// purpose separates the streams of one crop, one for each operation: a change to
// one operation's probability or range leaves the others' draws as they were.
type purpose uint32

const (
	forBox purpose = iota
	forFlip
	forJitter
	forGray
	forBlur
	forScene
)

// stream is a sequence of uniform numbers keyed by (seed, epoch, index, crop,
// purpose). The counter's words are: index low, index high, epoch, and crop (16
// bits), purpose (4 bits), block (12 bits); the epoch's upper half is folded into
// the key, which nobody reaches.
type stream struct {
	key     [2]uint32
	counter [4]uint32
	block   [4]uint32
	used    int
}

func newStream(seed, epoch uint64, index int64, crop int, p purpose) stream {
	return stream{
		key:     [2]uint32{uint32(seed), uint32(seed>>32) ^ uint32(epoch>>32)},
		counter: [4]uint32{uint32(index), uint32(uint64(index) >> 32), uint32(epoch), uint32(crop)<<16 | uint32(p)<<12},
		used:    4,
	}
}

// Numbers are the uniform numbers in [0, 1) of an image in an epoch, for what moves the whole image with all that is known of
// it: package detection. They are independent of those of crops.
func Numbers(seed, epoch uint64, index int64) func() float64 {
	s := newStream(seed, epoch, index, 0, forScene)
	return s.float
}

// next returns 32 uniform bits.
func (s *stream) next() uint32 {
	if s.used == 4 {
		s.block = philox(s.counter, s.key)
		s.counter[3]++
		s.used = 0
	}
	s.used++
	return s.block[s.used-1]
}

// float returns a number in [0, 1), a multiple of 2^-32.
func (s *stream) float() float64 { return float64(s.next()) * 0x1p-32 }

// uniform returns a number in [lo, hi).
func (s *stream) uniform(lo, hi float64) float64 { return lo + (hi-lo)*s.float() }

// intn returns an integer in [0, n), n >= 1, by multiplication: the bias is below
// n / 2^32, a millionth for the widest image that passes the size limit.
func (s *stream) intn(n int) int {
	hi, _ := bits.Mul32(s.next(), uint32(n))
	return int(hi)
}

// chance reports true with probability p.
func (s *stream) chance(p float64) bool { return s.float() < p }
