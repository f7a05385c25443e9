// SPDX-License-Identifier: MIT

package boxes

import (
	"cmp"
	"math"
	"slices"
)

// Suppress is non-maximum suppression: boxes in descending order of scores, without those that overlap one before them by more
// than the threshold. It returns the places of those that stay; equal scores keep their order.
func Suppress(boxes []Box, scores []float32, threshold float64) []int {
	order := descending(scores)
	areas := make([]float32, len(boxes))
	for i, b := range boxes {
		areas[i] = b.area()
	}
	gone := make([]bool, len(boxes))
	var kept []int
	for n, i := range order {
		if gone[i] {
			continue
		}
		kept = append(kept, i)
		for _, j := range order[n+1:] {
			if gone[j] {
				continue
			}
			if common := intersection(boxes[i], boxes[j]); common > 0 {
				gone[j] = float64(common/(float32(areas[i]+areas[j])-common)) > threshold
			}
		}
	}
	return kept
}

// descending are the places of scores, the largest first.
func descending(scores []float32) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
}

// groupwise is from how many boxes on torchvision suppresses group by group, on the CPU. With fewer it moves groups apart and
// suppresses all at once, where sums of large coordinates round overlaps; it counts the four numbers of a box.
const groupwise = 4000 / 4

// SuppressGroups is [Suppress] within each group, a class or a level of the pyramid: boxes of different groups stay beside each
// other. It rounds as torchvision does, with few boxes and with many. Equal scores keep their order, which PyTorch leaves open with
// many.
func SuppressGroups(boxes []Box, scores []float32, groups []int, threshold float64) []int {
	if len(boxes) > groupwise {
		return suppressEach(boxes, scores, groups, threshold)
	}
	most := float32(math.Inf(-1))
	for _, b := range boxes {
		most = max(most, slices.Max(b[:]))
	}
	apart := make([]Box, len(boxes))
	for i, b := range boxes {
		by := float32(groups[i]) * (most + 1)
		apart[i] = Box{b[0] + by, b[1] + by, b[2] + by, b[3] + by}
	}
	return Suppress(apart, scores, threshold)
}

func suppressEach(boxes []Box, scores []float32, groups []int, threshold float64) []int {
	members := map[int][]int{}
	for i, g := range groups {
		members[g] = append(members[g], i)
	}
	var kept []int
	for _, group := range members {
		some, values := make([]Box, len(group)), make([]float32, len(group))
		for k, i := range group {
			some[k], values[k] = boxes[i], scores[i]
		}
		for _, k := range Suppress(some, values, threshold) {
			kept = append(kept, group[k])
		}
	}
	slices.Sort(kept)
	slices.SortStableFunc(kept, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return kept
}
