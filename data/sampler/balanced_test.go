// SPDX-License-Identifier: MIT

package sampler_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/sampler"
)

// sizes are classes of so many images each, numbered one after the other.
func sizes(ns ...int) (classes [][]int64, total int64) {
	for _, n := range ns {
		var members []int64
		for range n {
			members = append(members, total)
			total++
		}
		classes = append(classes, members)
	}
	return classes, total
}

// drawsOf counts the draws of each class in an epoch.
func drawsOf(s *sampler.Sampler, classes [][]int64, epoch uint64) []int {
	draws := make([]int, len(classes))
	for pos := range s.Len() {
		image := s.At(epoch, pos)
		for c, members := range classes {
			if len(members) > 0 && image >= members[0] && image <= members[len(members)-1] {
				draws[c]++
			}
		}
	}
	return draws
}

func TestClassesGetTheirShares(t *testing.T) {
	classes, n := sizes(900, 0, 90, 10)
	for exponent, want := range map[float64][]int{
		1:   {900, 0, 90, 10},
		0.5: {703, 0, 222, 74}, // 30, 9.49 and 3.16 of 42.65
		0:   {333, 0, 333, 333},
	} {
		s, err := sampler.Balanced(n, classes, n, exponent, 7)
		require.NoError(t, err)
		for epoch := range uint64(3) {
			assert.Equal(t, want, drawsOf(s, classes, epoch), "exponent %v, epoch %d", exponent, epoch)
		}
	}
}

// However small its share, a class is drawn in every epoch, and however rare, its images take turns.
func TestImagesOfAClassTakeTurns(t *testing.T) {
	classes, n := sizes(60, 4)
	s, err := sampler.Balanced(n, classes, n, 0, 3)
	require.NoError(t, err)
	seen := map[int64]int{}
	passes := map[[2]int64]bool{}
	for epoch := range uint64(15) { // 480 draws of each class
		for pos := range s.Len() {
			image, pass := s.Draw(epoch, pos)
			seen[image]++
			key := [2]int64{image, int64(pass)}
			require.False(t, passes[key], "draw %d of image %d twice: its crops would be the same", pass, image)
			passes[key] = true
		}
	}
	for i := range n {
		want := 8 // 480 / 60
		if i >= 60 {
			want = 120
		}
		assert.Equal(t, want, seen[i], "image %d", i)
	}
}

// The order is that of the seed and differs from epoch to epoch; rare images are spread over it.
func TestBalancedOrderDependsOnSeedAndEpoch(t *testing.T) {
	classes, n := sizes(50, 5)
	order := func(seed, epoch uint64) (all []int64) {
		s, err := sampler.Balanced(n, classes, n, 0.5, seed)
		require.NoError(t, err)
		for pos := range s.Len() {
			all = append(all, s.At(epoch, pos))
		}
		return all
	}
	assert.Equal(t, order(1, 2), order(1, 2))
	assert.NotEqual(t, order(1, 2), order(1, 3))
	assert.NotEqual(t, order(1, 2), order(2, 2))
}

func TestAnImageOfSeveralClassesIsDrawnForEach(t *testing.T) {
	s, err := sampler.Balanced(3, [][]int64{{0, 1}, {1}}, 4, 0, 1)
	require.NoError(t, err)
	both := 0
	for pos := range 10 * s.Len() {
		image := s.Global(pos)
		require.NotEqual(t, int64(2), image, "it has no class")
		if image == 1 {
			both++
		}
	}
	assert.EqualValues(t, 30, both, "half of the draws of the first class, all of the second")
	assert.EqualValues(t, 3, s.Total())
	assert.EqualValues(t, 4, s.Len())
}

func TestBalancedRefuses(t *testing.T) {
	for want, f := range map[string]func() (*sampler.Sampler, error){
		"an exponent of 2":         func() (*sampler.Sampler, error) { return sampler.Balanced(2, [][]int64{{0}}, 1, 2, 0) },
		"class 0 has image 2":      func() (*sampler.Sampler, error) { return sampler.Balanced(2, [][]int64{{2}}, 1, 0, 0) },
		"none of 2 classes has an": func() (*sampler.Sampler, error) { return sampler.Balanced(2, [][]int64{{}, {}}, 1, 0, 0) },
		"0 images in the source":   func() (*sampler.Sampler, error) { return sampler.Balanced(0, nil, 1, 0, 0) },
	} {
		_, err := f()
		assert.ErrorContains(t, err, want)
	}
}
