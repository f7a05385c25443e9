// SPDX-License-Identifier: MIT

package boxes

// Sampler chooses the boxes that a loss is made of: so many in all, of which objects at most a share.
type Sampler struct {
	Size  int
	Share float64
}

// The samplers of the two stages.
var (
	ProposalSampler  = Sampler{256, .5}
	DetectionSampler = Sampler{512, .25}
)

// Permutation returns the first k numbers of a permutation of n.
type Permutation func(n, k int) []int

// Random permutes with uniform numbers in [0, 1): k of them a permutation.
func Random(next func() float64) Permutation {
	return func(n, k int) []int {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		for i := range k {
			j := i + int(next()*float64(n-i))
			all[i], all[j] = all[j], all[i]
		}
		return all[:k]
	}
}

// Choose returns places in matches: objects, then background, each in the order of the permutation, which is asked for objects
// first. Background fills up what objects leave.
func (s Sampler) Choose(matches []int32, permute Permutation) (objects, background []int) {
	for i, m := range matches {
		switch {
		case m >= 0:
			objects = append(objects, i)
		case m == Background:
			background = append(background, i)
		}
	}
	n := min(len(objects), int(float64(s.Size)*s.Share))
	objects = pick(objects, permute(len(objects), n))
	background = pick(background, permute(len(background), min(len(background), s.Size-n)))
	return objects, background
}

func pick(all, places []int) []int {
	chosen := make([]int, len(places))
	for i, p := range places {
		chosen[i] = all[p]
	}
	return chosen
}
