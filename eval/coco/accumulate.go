// SPDX-License-Identifier: MIT

package coco

import (
	"cmp"
	"slices"
	"sort"
)

// epsilon is numpy.spacing(1), which keeps pycocotools from dividing by zero.
const epsilon = 0x1p-52

// absent is the value of what has no objects.
const absent = -1

// ranked is a detection in the row of its category.
type ranked struct {
	score float64
	rank  int // in its image
	pair  *pair
}

func (t *task) accumulate() *Evaluation {
	e := newEvaluation(t)
	groups := t.byCategory()
	parallel(len(groups), t.p.threads(), func() func(i int) {
		var c curve
		return func(k int) {
			if len(groups[k]) > 0 {
				t.accumulateCategory(e, &c, k, groups[k])
			}
		}
	})
	return e
}

// byCategory cuts the pairs, which are sorted, into those of each category.
func (t *task) byCategory() [][]pair {
	groups := make([][]pair, len(t.categories))
	rest := t.pairs
	for k := range groups {
		n := 0
		for n < len(rest) && rest[n].category == k {
			n++
		}
		groups[k], rest = rest[:n], rest[n:]
	}
	return groups
}

// accumulateCategory reads precision and recall of one category. Detections of equal scores keep the order of the images' ids.
func (t *task) accumulateCategory(e *Evaluation, c *curve, k int, pairs []pair) {
	row := t.row(pairs)
	for a := range t.p.Areas {
		c.objects = 0
		for i := range pairs {
			c.objects += pairs[i].counted[a]
		}
		e.objects[k*len(t.p.Areas)+a] = c.objects
		if c.objects == 0 {
			continue
		}
		for m, most := range t.p.Detections {
			for iou := range t.p.IoU {
				c.draw(row, a, most, uint32(1)<<iou)
				e.recall[e.recallAt(iou, k, a, m)] = c.recall()
				at := e.precisionAt(iou, 0, k, a, m)
				c.read(t.p.Recall, e.precision[at:at+len(t.p.Recall)])
			}
		}
	}
}

// row is all detections of a category, the best score first.
func (t *task) row(pairs []pair) []ranked {
	var row []ranked
	for i := range pairs {
		for rank, at := range pairs[i].found {
			row = append(row, ranked{t.results[at].Score, rank, &pairs[i]})
		}
	}
	slices.SortStableFunc(row, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	return row
}

// curve is precision over recall.
type curve struct {
	objects   int
	hits      []int // up to each detection
	precision []float64
}

// draw makes the points of the detections that are among the best of their image.
func (c *curve) draw(row []ranked, area, most int, bit uint32) {
	c.hits, c.precision = c.hits[:0], c.precision[:0]
	hits, misses := 0, 0
	for i := range row {
		r := &row[i]
		if r.rank >= most {
			continue
		}
		v := r.pair.verdicts[area*len(r.pair.found)+r.rank]
		switch {
		case v.ignored&bit != 0:
		case v.found&bit != 0:
			hits++
		default:
			misses++
		}
		c.hits = append(c.hits, hits)
		c.precision = append(c.precision, float64(hits)/(float64(misses)+float64(hits)+epsilon))
	}
	for i := len(c.precision) - 1; i > 0; i-- {
		c.precision[i-1] = max(c.precision[i-1], c.precision[i])
	}
}

// recall is that of all detections.
func (c *curve) recall() float64 {
	if len(c.hits) == 0 {
		return 0
	}
	return float64(c.hits[len(c.hits)-1]) / float64(c.objects)
}

// read takes the precision at each recall, 0 where it is not reached.
func (c *curve) read(recalls, dst []float64) {
	for i, want := range recalls {
		at := sort.Search(len(c.hits), func(j int) bool { return float64(c.hits[j])/float64(c.objects) >= want })
		dst[i] = 0
		if at < len(c.precision) {
			dst[i] = c.precision[at]
		}
	}
}
