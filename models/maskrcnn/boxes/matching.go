// SPDX-License-Identifier: MIT

package boxes

// What a box is matched with, where it is no object.
const (
	Background int32 = -1
	Between    int32 = -2 // overlaps an object too much for background and too little for the object: no part of the loss
)

// Matcher gives boxes the object that they overlap most: from High on the object, under Low the background.
type Matcher struct {
	Low, High float32
	// LowQuality gives every object the boxes that overlap it most of all boxes, all of equal ones, however little it is. Each
	// gets the object that it overlaps most, which may be another. An object that overlaps no box at all matches every box
	// that it does not overlap, which is all: torchvision and detectron2 have it so.
	LowQuality bool
}

// The matchers of the two stages.
var (
	ProposalMatcher  = Matcher{.3, .7, true}
	DetectionMatcher = Matcher{.5, .5, false}
)

// Match returns an object for each box, or [Background] or [Between]. Of objects with equal overlap the first is taken. Without
// objects all is background.
func (m Matcher) Match(boxes, objects []Box) []int32 {
	best := make([]float32, len(boxes))
	matches := make([]int32, len(boxes))
	var closest []int // boxes that overlap an object most
	for k, object := range objects {
		closest = append(closest, m.compare(boxes, object, int32(k), best, matches)...)
	}
	quality := make([]bool, len(boxes))
	if m.LowQuality {
		for _, i := range closest {
			quality[i] = true
		}
	}
	for i, iou := range best {
		switch {
		case len(objects) == 0:
			matches[i] = Background
		case quality[i]:
		case iou < m.Low:
			matches[i] = Background
		case iou < m.High:
			matches[i] = Between
		}
	}
	return matches
}

// compare looks at one object, and returns the boxes that overlap it most.
func (m Matcher) compare(boxes []Box, object Box, k int32, best []float32, matches []int32) (closest []int) {
	most := float32(-1)
	for i, b := range boxes {
		iou := IoU(object, b)
		if iou > best[i] {
			best[i], matches[i] = iou, k
		}
		if iou > most {
			most, closest = iou, closest[:0]
		}
		if iou == most && m.LowQuality {
			closest = append(closest, i)
		}
	}
	return closest
}
