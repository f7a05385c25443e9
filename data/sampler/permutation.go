// SPDX-License-Identifier: MIT

package sampler

import (
	"fmt"
	"math"
	"math/bits"
)

// MaxLen is the largest domain a [Permutation] covers. Two factors near its
// square root then fit in 32 bits each, and nothing below can overflow.
const MaxLen = int64(1) << 62

// rounds is twice the four that make a Feistel network with ideal round
// functions indistinguishable from a random permutation (Luby and Rackoff,
// 1988); the surplus pays for the cheap round function.
const rounds = 8

// A Permutation is a bijection of [0, n), drawn by a seed and an epoch.
//
// It is a Feistel network over Z_a × Z_b with modular addition (Black and
// Rogaway, "Ciphers with arbitrary finite domains", 2002), where a is the
// square root of n rounded up and a·b is at least n but less than n+a. The few
// values that fall outside [0, n) are walked on, so hardly any position needs
// a second pass; over powers of two every other one could.
type Permutation struct {
	n, a, b uint64
	keys    [rounds]uint64
}

// NewPermutation draws the permutation of [0, n) for a seed and an epoch.
// It panics unless 1 <= n <= [MaxLen].
func NewPermutation(n int64, seed, epoch uint64) Permutation {
	if n < 1 || n > MaxLen {
		panic(fmt.Sprintf("sampler: a permutation of %d items; allowed are 1 to %d", n, MaxLen))
	}
	p := Permutation{n: uint64(n), a: sqrtCeil(uint64(n))}
	p.b = (p.n + p.a - 1) / p.a
	// Seed and epoch are mixed one after the other: adding them would make
	// epoch 1 of seed 0 the same order as epoch 0 of seed 1.
	state := mix(mix(seed+golden) ^ epoch)
	for i := range p.keys {
		state += golden
		p.keys[i] = mix(state)
	}
	return p
}

// At returns the index at position i. It panics unless 0 <= i < n.
func (p *Permutation) At(i int64) int64 {
	p.check(i)
	x := p.encrypt(uint64(i))
	for x >= p.n {
		x = p.encrypt(x)
	}
	return int64(x)
}

// Inverse returns the position at which index x appears: Inverse(At(i)) = i.
func (p *Permutation) Inverse(x int64) int64 {
	p.check(x)
	i := p.decrypt(uint64(x))
	for i >= p.n {
		i = p.decrypt(i)
	}
	return int64(i)
}

func (p *Permutation) check(i int64) {
	if i < 0 || uint64(i) >= p.n {
		panic(fmt.Sprintf("sampler: position %d of a permutation of %d items", i, p.n))
	}
}

func (p *Permutation) encrypt(x uint64) uint64 {
	l, r := x%p.a, x/p.a
	for i := 0; i < rounds; i += 2 {
		l = addMod(l, draw(r, p.keys[i], p.a), p.a)
		r = addMod(r, draw(l, p.keys[i+1], p.b), p.b)
	}
	return r*p.a + l
}

func (p *Permutation) decrypt(x uint64) uint64 {
	l, r := x%p.a, x/p.a
	for i := rounds - 2; i >= 0; i -= 2 {
		r = addMod(r, p.b-draw(l, p.keys[i+1], p.b), p.b)
		l = addMod(l, p.a-draw(r, p.keys[i], p.a), p.a)
	}
	return r*p.a + l
}

// addMod adds two numbers of at most m, the first of them below m.
func addMod(x, y, m uint64) uint64 {
	if x += y; x >= m {
		x -= m
	}
	return x
}

// draw hashes x with a key to a number below m, by the high half of a product
// (Lemire, 2019) in place of a division.
func draw(x, key, m uint64) uint64 {
	hi, _ := bits.Mul64(mix(x^key), m)
	return hi
}

// golden is 2^64 divided by the golden ratio: the increment of splitmix64.
const golden = 0x9e3779b97f4a7c15

// mix is the output function of splitmix64 (Steele, Lea and Flood, 2014): a
// bijection of 64 bits in which every input bit reaches every output bit.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sqrtCeil returns the smallest a with a·a >= n, for n up to MaxLen. The
// floating-point root is only a first guess: it is off by one near 2^62.
func sqrtCeil(n uint64) uint64 {
	a := uint64(math.Sqrt(float64(n)))
	for a*a < n {
		a++
	}
	for a > 1 && (a-1)*(a-1) >= n {
		a--
	}
	return a
}
