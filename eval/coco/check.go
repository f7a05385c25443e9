// SPDX-License-Identifier: MIT

package coco

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"seer/data/instances"
)

// checkResults wants results of one form: what pycocotools makes of a mixture depends on which comes first.
func (t *task) checkResults() error {
	if len(t.results) == 0 {
		return nil
	}
	first := t.results[0]
	t.boxAreas = first.HasBox && !(t.kind == Masks && t.p.MaskAreas)
	for i, r := range t.results {
		switch {
		case r.HasBox != first.HasBox:
			return fmt.Errorf("coco: results[%d] %s, results[0] %s: all must be of one form", i, has(r.HasBox, "bbox"), has(first.HasBox, "bbox"))
		case t.kind == Masks && r.Shape.None():
			return fmt.Errorf("coco: results[%d] has no segmentation, and masks are compared", i)
		case math.IsNaN(r.Score):
			return fmt.Errorf("coco: the score of results[%d] is not a number", i)
		}
	}
	return nil
}

func has(it bool, what string) string {
	if it {
		return "has a " + what
	}
	return "has no " + what
}

// checkObjects wants annotations that can be compared, each with an id of its own.
func (t *task) checkObjects() error {
	seen := make(map[int64]int, len(t.truth.Objects))
	withoutArea := 0
	for i, o := range t.truth.Objects {
		switch first, twice := seen[o.ID]; {
		case o.HasID && twice:
			return fmt.Errorf("coco: annotations[%d] has the id %d, and so has annotations[%d]: pycocotools would count one of them twice; number them", i, o.ID, first)
		case t.kind == Boxes && !o.HasBox:
			return fmt.Errorf("coco: annotations[%d] (id %d) has no bbox, and boxes are compared", i, o.ID)
		case t.kind == Masks && o.Shape.None():
			return fmt.Errorf("coco: annotations[%d] (id %d) has no segmentation, and masks are compared", i, o.ID)
		}
		if o.HasID {
			seen[o.ID] = i
		}
		if o.HasID && o.ID == 0 {
			t.notes = append(t.notes, fmt.Sprintf("annotations[%d] has the id 0, which pycocotools takes for none: a detection that finds it counts as wrong; number annotations from 1", i))
		}
		if !o.HasArea {
			withoutArea++
		}
	}
	if withoutArea > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d annotations have no area: that of their %s is taken", withoutArea, t.kind))
	}
	return nil
}

// unknownImage says which image of the results the annotations do not have.
func (t *task) unknownImage(i int) error {
	return fmt.Errorf("coco: results[%d] is of image %d, which is none of the %d images of the annotations (%s): the results belong to other annotations",
		i, t.results[i].Image, len(t.images), span(t.images, func(m instances.Image) int64 { return m.ID }))
}

// unknownCategory says which category of the results the annotations do not have, and guesses why.
func (t *task) unknownCategory(i int) error {
	hint := "the results belong to other annotations"
	byCategory := func(a, b instances.Result) int { return cmp.Compare(a.Category, b.Category) }
	least, most := slices.MinFunc(t.results, byCategory).Category, slices.MaxFunc(t.results, byCategory).Category
	if least >= 0 && most <= int64(len(t.categories)) {
		hint = "the results seem to number the categories one after the other; write the ids of the annotations"
	}
	return fmt.Errorf("coco: results[%d] is of category %d, which is none of the %d categories of the annotations (%s): %s",
		i, t.results[i].Category, len(t.categories), span(t.categories, func(c instances.Category) int64 { return c.ID }), hint)
}

// span describes sorted ids.
func span[T any](all []T, id func(T) int64) string {
	return fmt.Sprintf("ids from %d to %d", id(all[0]), id(all[len(all)-1]))
}
