// SPDX-License-Identifier: MIT

package coco

import (
	"slices"

	"seer/data/mask"
)

// region is an object or a detection, as far as overlaps matter.
type region struct {
	box  mask.Box
	mask mask.RLE // without pixels where boxes are compared
	area float64
}

// object is a region of the truth.
type object struct {
	region
	crowd   bool
	unnamed bool // its id is 0, and a match with it does not show
}

// verdict says of a detection and a range of areas, a bit for each threshold, whether it found an object, and whether it counts
// neither way.
type verdict struct{ found, ignored uint32 }

// matcher compares the detections of one category in one image with the objects.
type matcher struct {
	p        *Params
	overlaps []float64 // [detection][object]
	order    []int     // of objects: those that count first
	ignored  []bool    // by object
	taken    []uint32  // by object, a bit for each threshold
}

// overlap fills in the overlaps of everything with everything.
func (m *matcher) overlap(found []region, truth []object, kind Kind) error {
	m.overlaps = slices.Grow(m.overlaps[:0], len(found)*len(truth))
	for i := range found {
		for j := range truth {
			f, o := &found[i], &truth[j]
			iou := mask.BoxIoU(f.box, o.box, o.crowd)
			if kind == Masks && iou > 0 {
				var err error
				if iou, err = mask.IoU(f.mask, o.mask, o.crowd); err != nil {
					return err
				}
			}
			m.overlaps = append(m.overlaps, iou)
		}
	}
	return nil
}

// sort decides which objects count in a range of areas, and returns how many do.
func (m *matcher) sort(truth []object, area AreaRange) int {
	m.order, m.ignored = m.order[:0], m.ignored[:0]
	m.taken = append(m.taken[:0], make([]uint32, len(truth))...)
	for i := range truth {
		o := &truth[i]
		ignored := o.crowd || o.area < area.Min || o.area > area.Max
		m.ignored = append(m.ignored, ignored)
		if !ignored {
			m.order = append(m.order, i)
		}
	}
	count := len(m.order)
	for i, ignored := range m.ignored {
		if ignored {
			m.order = append(m.order, i)
		}
	}
	return count
}

// match gives each detection, in descending order of scores, the free object with the largest overlap of at least a threshold,
// the last one of equal ones; only where there is none, one that is ignored. Crowds are always free. It returns how many
// objects count.
func (m *matcher) match(found []region, truth []object, area AreaRange, verdicts []verdict) int {
	count := m.sort(truth, area)
	for t, threshold := range m.p.IoU {
		bit := uint32(1) << t
		for i := range found {
			j := m.best(i, truth, min(threshold, 1-1e-10), bit)
			v := &verdicts[i]
			if j >= 0 {
				m.taken[j] |= bit
				if m.ignored[j] {
					v.ignored |= bit
				}
				if !truth[j].unnamed {
					v.found |= bit
				}
			}
			if outside := found[i].area < area.Min || found[i].area > area.Max; outside && v.found&bit == 0 {
				v.ignored |= bit
			}
		}
	}
	return count
}

// best is the object that detection i takes, -1 for none.
func (m *matcher) best(i int, truth []object, threshold float64, bit uint32) int {
	overlaps := m.overlaps[i*len(truth) : (i+1)*len(truth)]
	best, iou := -1, threshold
	for _, j := range m.order {
		switch {
		case m.taken[j]&bit != 0 && !truth[j].crowd:
			continue
		case best >= 0 && !m.ignored[best] && m.ignored[j]:
			return best // those that follow are all ignored
		case overlaps[j] < iou:
			continue
		}
		best, iou = j, overlaps[j]
	}
	return best
}
