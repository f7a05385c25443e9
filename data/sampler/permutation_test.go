// SPDX-License-Identifier: MIT

package sampler

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lengths around the squares, where the two factors of the domain change.
func lengths() []int64 {
	ns := []int64{}
	for n := int64(1); n <= 130; n++ {
		ns = append(ns, n)
	}
	for _, r := range []int64{31, 64, 100, 255, 256, 317} {
		ns = append(ns, r*r-1, r*r, r*r+1, r*(r-1), r*(r-1)+1)
	}
	return append(ns, 60000, 65536, 99991, 1<<17+1)
}

func TestPermutationIsABijection(t *testing.T) {
	for _, n := range lengths() {
		for epoch := range uint64(3) {
			p := NewPermutation(n, 7, epoch)
			seen := make([]bool, n)
			for i := range n {
				x := p.At(i)
				if seen[x] || p.Inverse(x) != i {
					t.Fatalf("n=%d epoch=%d: index %d appears twice, or its inverse is not %d", n, epoch, x, i)
				}
				seen[x] = true
			}
		}
	}
}

// A bijection of 2^62 cannot be enumerated, but it can be inverted.
func TestPermutationOfHugeDomains(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int64{1<<31 - 1, 1 << 32, 1e9, 1e12 + 39, 1<<53 + 1, MaxLen - 1, MaxLen} {
		p := NewPermutation(n, rng.Uint64(), rng.Uint64())
		for _, i := range []int64{0, 1, n / 2, n - 2, n - 1, rng.Int64N(n), rng.Int64N(n)} {
			x := p.At(i)
			require.True(t, x >= 0 && x < n, "n=%d: At(%d) = %d", n, i, x)
			require.Equal(t, i, p.Inverse(x), "n=%d", n)
		}
	}
}

// Runs must see the same images in the same order in every version: a change
// of these values makes every checkpoint resume on other data.
func TestPermutationGoldenValues(t *testing.T) {
	for _, c := range []struct {
		n           int64
		seed, epoch uint64
		want        []int64
	}{
		{1, 0, 0, []int64{0}},
		{10, 0, 0, []int64{2, 9, 6, 3, 7, 0, 4, 1, 5, 8}},
		{10, 0, 1, []int64{1, 3, 0, 5, 4, 9, 2, 6, 7, 8}},
		{10, 1, 0, []int64{5, 2, 9, 1, 3, 6, 7, 4, 8, 0}},
		{60000, 42, 3, []int64{42337, 27306, 2931, 28393, 19219, 5129, 33626, 55015, 34104, 12361}},
		{1000000000, 42, 0, []int64{975882502, 866570285, 383984598, 955223132, 133221794, 334360697, 553503644, 240530382, 452483098, 275680557}},
		{4611686018427387904, 42, 0, []int64{3858257135551551233, 2014574272690857317, 2632922030163526430, 1186515533719494579, 3125937220650278494, 1792618747939306944, 2743538318675929593, 4428444813468405204, 2260155984781788051, 383158064427471519}},
	} {
		p := NewPermutation(c.n, c.seed, c.epoch)
		got := make([]int64, min(c.n, 10))
		for i := range got {
			got[i] = p.At(int64(i))
		}
		require.Equal(t, c.want, got, "n=%d seed=%d epoch=%d", c.n, c.seed, c.epoch)
	}
}

// Every index should fall into every part of the epoch equally often.
// With 10×10 cells of equal expectation, chi-square has 81 degrees of freedom
// (margins are fixed): mean 81, standard deviation 12.7.
func TestPermutationSpreadsPositions(t *testing.T) {
	const n, cells = 10000, 10
	for seed := range uint64(20) {
		p := NewPermutation(n, seed, 0)
		var count [cells][cells]float64
		for i := range int64(n) {
			count[i*cells/n][p.At(i)*cells/n]++
		}
		chi := 0.0
		for _, row := range count {
			for _, c := range row {
				chi += (c - n/cells/cells) * (c - n/cells/cells) / (n / cells / cells)
			}
		}
		require.InDelta(t, 81, chi, 6*12.7, "seed %d", seed)
	}
}

// A random permutation of n items has a mean displacement of n/3, one fixed
// point, one ascent by one and half of its neighbours in rising order.
func TestPermutationLooksRandom(t *testing.T) {
	const n, trials = 1000, 200
	var displacement, fixed, successors, rising float64
	for epoch := range uint64(trials) {
		p := NewPermutation(n, 5, epoch)
		for i := range int64(n) {
			x := p.At(i)
			displacement += math.Abs(float64(x - i))
			if x == i {
				fixed++
			}
			if i > 0 && p.At(i-1) < x {
				rising++
			}
			if i > 0 && p.At(i-1)+1 == x {
				successors++
			}
		}
	}
	require.InDelta(t, n/3.0, displacement/n/trials, 3)
	require.InDelta(t, 1, fixed/trials, 0.4)
	require.InDelta(t, 1, successors/trials, 0.4)
	require.InDelta(t, 0.5, rising/(n-1)/trials, 0.01)
}

// Small domains have few orders; all of them should come up equally often.
func TestPermutationReachesEveryOrderOfFour(t *testing.T) {
	const trials = 24000
	count := map[[4]int64]int{}
	for epoch := range uint64(trials) {
		p := NewPermutation(4, 9, epoch)
		count[[4]int64{p.At(0), p.At(1), p.At(2), p.At(3)}]++
	}
	require.Len(t, count, 24)
	for order, c := range count {
		require.InDelta(t, trials/24, c, 200, "order %v", order)
	}
}

// Two epochs of one seed, and two seeds, agree in about one position of n.
func TestEpochsAndSeedsDiffer(t *testing.T) {
	const n = 5000
	base := NewPermutation(n, 3, 4)
	for name, other := range map[string]Permutation{
		"next epoch":        NewPermutation(n, 3, 5),
		"next seed":         NewPermutation(n, 4, 4),
		"swapped":           NewPermutation(n, 4, 3),
		"one up, one down":  NewPermutation(n, 2, 5),
		"high bit of seed":  NewPermutation(n, 3|1<<63, 4),
		"high bit of epoch": NewPermutation(n, 3, 4|1<<63),
	} {
		same := 0
		for i := range int64(n) {
			if base.At(i) == other.At(i) {
				same++
			}
		}
		require.Less(t, same, 12, name)
	}
}

func TestPermutationRefusesMisuse(t *testing.T) {
	require.Panics(t, func() { NewPermutation(0, 0, 0) })
	require.Panics(t, func() { NewPermutation(-1, 0, 0) })
	require.Panics(t, func() { NewPermutation(MaxLen+1, 0, 0) })
	p := NewPermutation(3, 0, 0)
	require.Panics(t, func() { p.At(3) })
	require.Panics(t, func() { p.At(-1) })
	require.Panics(t, func() { p.Inverse(3) })
}

func FuzzPermutationInverts(f *testing.F) {
	f.Add(int64(1), uint64(0), uint64(0), int64(0))
	f.Add(int64(17), uint64(1), uint64(2), int64(16))
	f.Add(MaxLen, uint64(1), uint64(2), MaxLen-1)
	f.Fuzz(func(t *testing.T, n int64, seed, epoch uint64, i int64) {
		if n < 1 || n > MaxLen || i < 0 {
			return
		}
		i %= n
		p := NewPermutation(n, seed, epoch)
		if x := p.At(i); x < 0 || x >= n || p.Inverse(x) != i {
			t.Fatalf("n=%d: At(%d) = %d, Inverse gives %d", n, i, x, p.Inverse(x))
		}
	})
}

func BenchmarkSamplerAt(b *testing.B) {
	s := New(1_000_000_000, 1)
	for i := range b.N {
		s.At(3, int64(i)%s.Len())
	}
}
