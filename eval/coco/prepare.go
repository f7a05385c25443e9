// SPDX-License-Identifier: MIT

package coco

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"seer/data/instances"
)

// pair is an image and a category that has objects in it, or was found in it.
type pair struct {
	image, category int
	truth           []int // places in the file of annotations, in its order
	found           []int // places in the results, the best score first, as many as are looked at
	verdicts        []verdict
	counted         []int // objects that count, by range of areas
}

// task is an evaluation on its way.
type task struct {
	p          Params
	kind       Kind
	truth      *instances.Dataset
	results    []instances.Result
	images     []instances.Image // by ids, as categories
	categories []instances.Category
	boxAreas   bool // of detections
	pairs      []pair
	notes      []string
}

// placeOf is the place of each id.
func placeOf[T any](all []T, id func(T) int64) map[int64]int {
	places := make(map[int64]int, len(all))
	for i, v := range all {
		places[id(v)] = i
	}
	return places
}

func newTask(truth *instances.Dataset, results []instances.Result, kind Kind, p Params) (*task, error) {
	t := &task{p: p, kind: kind, truth: truth, results: results, images: slices.Clone(truth.Images), categories: slices.Clone(truth.Categories)}
	slices.SortFunc(t.images, func(a, b instances.Image) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(t.categories, func(a, b instances.Category) int { return cmp.Compare(a.ID, b.ID) })
	if len(t.categories) == 0 {
		return nil, errors.New("coco: the annotations list no categories")
	}
	if err := t.checkResults(); err != nil {
		return nil, err
	}
	if err := t.checkObjects(); err != nil {
		return nil, err
	}
	return t, t.pair()
}

// member is the place of an object or result, with its pair in one number.
type member struct{ pair, at int }

// pair sorts objects and results into pairs, those by category and image.
func (t *task) pair() error {
	images := placeOf(t.images, func(i instances.Image) int64 { return i.ID })
	categories := placeOf(t.categories, func(c instances.Category) int64 { return c.ID })
	var unlistedImages, unlistedCategories int
	var objects []member
	for i, o := range t.truth.Objects {
		image, ok := images[o.Image]
		category, known := categories[o.Category]
		switch {
		case !ok:
			unlistedImages++
		case !known:
			unlistedCategories++
		default:
			objects = append(objects, member{category*len(t.images) + image, i})
		}
	}
	t.note(unlistedImages, "annotations of images that the file does not list")
	t.note(unlistedCategories, "annotations of categories that the file does not list")
	found := make([]member, len(t.results))
	for i, r := range t.results {
		image, ok := images[r.Image]
		if !ok {
			return t.unknownImage(i)
		}
		category, ok := categories[r.Category]
		if !ok {
			return t.unknownCategory(i)
		}
		found[i] = member{category*len(t.images) + image, i}
	}
	slices.SortStableFunc(objects, func(a, b member) int { return cmp.Compare(a.pair, b.pair) })
	slices.SortStableFunc(found, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.pair, b.pair), cmp.Compare(t.results[b.at].Score, t.results[a.at].Score))
	})
	t.join(objects, found)
	return nil
}

// join makes pairs of sorted members.
func (t *task) join(objects, found []member) {
	for len(objects) > 0 || len(found) > 0 {
		key := nextPair(objects, found)
		p := pair{category: key / len(t.images), image: key % len(t.images)}
		p.truth, objects = cutPair(objects, key, len(objects))
		p.found, found = cutPair(found, key, t.p.most())
		t.pairs = append(t.pairs, p)
	}
}

func nextPair(objects, found []member) int {
	switch {
	case len(objects) == 0:
		return found[0].pair
	case len(found) == 0:
		return objects[0].pair
	}
	return min(objects[0].pair, found[0].pair)
}

// cutPair takes the members of a pair off the front, and keeps at most so many of them.
func cutPair(all []member, pair, most int) (places []int, rest []member) {
	n := 0
	for n < len(all) && all[n].pair == pair {
		if n < most {
			places = append(places, all[n].at)
		}
		n++
	}
	return places, all[n:]
}

func (t *task) note(n int, what string) {
	if n > 0 {
		t.notes = append(t.notes, fmt.Sprintf("passed over: %d %s", n, what))
	}
}
