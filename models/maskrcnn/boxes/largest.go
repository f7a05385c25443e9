// SPDX-License-Identifier: MIT

package boxes

import (
	"cmp"
	"slices"
)

// largest are the places of the k largest scores in descending order, of equal ones the first. A level has a hundred thousand
// scores, of which a thousand are wanted: the best so far lie in a heap with the worst of them on top, and most scores are
// compared with that one only.
func largest(scores []float32, k int) []int {
	k = min(k, len(scores))
	if k == 0 {
		return nil
	}
	h := worstFirst{scores: scores, places: make([]int, k)}
	for i := range h.places {
		h.places[i] = i
	}
	for i := k/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
	for i := k; i < len(scores); i++ {
		if scores[i] > scores[h.places[0]] {
			h.places[0] = i
			h.sink(0)
		}
	}
	slices.SortFunc(h.places, func(a, b int) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	return h.places
}

// worstFirst is a heap of places: of equal scores, the later one is worse.
type worstFirst struct {
	scores []float32
	places []int
}

func (h worstFirst) worse(a, b int) bool {
	x, y := h.places[a], h.places[b]
	return h.scores[x] < h.scores[y] || h.scores[x] == h.scores[y] && x > y
}

// sink moves a place down to where it belongs.
func (h worstFirst) sink(at int) {
	for {
		child := 2*at + 1
		if child >= len(h.places) {
			return
		}
		if child+1 < len(h.places) && h.worse(child+1, child) {
			child++
		}
		if !h.worse(child, at) {
			return
		}
		h.places[at], h.places[child] = h.places[child], h.places[at]
		at = child
	}
}
