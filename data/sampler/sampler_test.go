// SPDX-License-Identifier: MIT

package sampler

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func epochOf(s *Sampler, epoch uint64) []int64 {
	out := make([]int64, s.Len())
	for i := range out {
		out[i] = s.At(epoch, int64(i))
	}
	return out
}

func must(t *testing.T) func(*Sampler, error) *Sampler {
	return func(s *Sampler, err error) *Sampler {
		t.Helper()
		require.NoError(t, err)
		return s
	}
}

func TestFirstSamplesThePrefix(t *testing.T) {
	s := must(t)(First(1000, 10, 1))
	require.EqualValues(t, 10, s.Len())
	require.EqualValues(t, 1000, s.Total())
	require.ElementsMatch(t, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, epochOf(s, 0))
	require.NotEqual(t, epochOf(s, 0), epochOf(s, 1))
}

func TestFractionKeepsItsMembers(t *testing.T) {
	tenth := must(t)(Fraction(1000, .1, 5, 1))
	require.EqualValues(t, 100, tenth.Len())
	members := epochOf(tenth, 0)
	require.ElementsMatch(t, members, epochOf(tenth, 7), "another epoch")
	require.ElementsMatch(t, members, epochOf(must(t)(Fraction(1000, .1, 5, 2)), 0), "another run's seed")
	require.Subset(t, epochOf(must(t)(Fraction(1000, .2, 5, 1)), 0), members, "a larger fraction")
	require.NotSubset(t, epochOf(must(t)(Fraction(1000, .2, 6, 1)), 0), members, "another subset seed")
}

func TestFractionRounds(t *testing.T) {
	for _, c := range []struct {
		n    int64
		f    float64
		want int64
	}{{10, .25, 3}, {10, .01, 1}, {10, 1, 10}, {1, .5, 1}, {MaxLen, 1, MaxLen}} {
		require.EqualValues(t, c.want, must(t)(Fraction(c.n, c.f, 0, 0)).Len(), "%+v", c)
	}
}

func TestListSamplesItsEntries(t *testing.T) {
	s := must(t)(List(100, []int64{5, 99, 5, 0}, 3))
	require.ElementsMatch(t, []int64{0, 5, 5, 99}, epochOf(s, 11))
	require.EqualValues(t, 99, s.Sequential(1))
}

func TestSubsetsRefuseBadInput(t *testing.T) {
	for name, f := range map[string]func() (*Sampler, error){
		"holds 10":             func() (*Sampler, error) { return First(10, 11, 0) },
		"first 0 images":       func() (*Sampler, error) { return First(10, 0, 0) },
		"fraction of 0":        func() (*Sampler, error) { return Fraction(10, 0, 0, 0) },
		"fraction of 1.5":      func() (*Sampler, error) { return Fraction(10, 1.5, 0, 0) },
		"fraction of NaN":      func() (*Sampler, error) { return Fraction(10, math.NaN(), 0, 0) },
		"list of indices is":   func() (*Sampler, error) { return List(10, nil, 0) },
		"entry 1 of the list":  func() (*Sampler, error) { return List(10, []int64{0, 10}, 0) },
		"0 images in the sour": func() (*Sampler, error) { return First(0, 1, 0) },
	} {
		_, err := f()
		require.ErrorContains(t, err, name)
	}
	require.Panics(t, func() { New(0, 0) })
}

func TestGlobalPositionCountsThroughEpochs(t *testing.T) {
	s := New(7, 1)
	for global := range int64(50) {
		epoch, pos := s.Locate(global)
		require.EqualValues(t, global/7, epoch)
		require.Equal(t, s.At(epoch, pos), s.Global(global))
	}
	require.Panics(t, func() { s.Locate(-1) })
	require.Panics(t, func() { s.Sequential(7) })
}

func TestSequentialIsInOrder(t *testing.T) {
	s := New(5, 9)
	for k := range int64(5) {
		require.Equal(t, k, s.Sequential(k))
	}
}

func TestSamplerDoesNotAllocate(t *testing.T) {
	s := must(t)(Fraction(1e9, .1, 1, 2))
	require.Zero(t, testing.AllocsPerRun(100, func() { s.Global(12345) }))
}
