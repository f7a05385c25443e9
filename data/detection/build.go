// SPDX-License-Identifier: MIT

package detection

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"seer/data/instances"
	"seer/data/mask"
)

// Rules say which annotations become objects. The zero value is what torchvision's and detectron2's training does with COCO.
//
//   - A box that reaches beyond its image is cut at the border; one with a side under [MinSide] then is left out.
//   - An annotation without a box has that around its outline.
//   - A polygon of fewer than three corners is left out of an outline.
//   - An annotation of an image that is not listed is left out.
//   - A category that is not listed is an error, as are masks of another size than their image.
//
// What is left out is counted.
type Rules struct {
	Masks  bool // an annotation without an outline is left out
	Crowds bool // keep crowds, marked as such; else they are left out
	Empty  bool // keep images without objects; else they are left out
	Easy   bool // leave out what PASCAL VOC calls difficult; else it is learned like the rest, as in detectron2
}

// Set is examples in the order of their images' ids, classes in that of theirs.
type Set struct {
	Classes  []instances.Category
	Examples []Example
	LeftOut  Counts
}

// Counts says of what how much was left out.
type Counts map[string]int

// String lists them in the order of their names.
func (c Counts) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(c)) {
		all = append(all, fmt.Sprintf("%d %s", c[what], what))
	}
	if len(all) == 0 {
		return ""
	}
	return "left out: " + strings.Join(all, ", ")
}

// Build applies the rules to a file of annotations.
func Build(d *instances.Dataset, r Rules) (*Set, error) {
	b := builder{Rules: r, set: &Set{Classes: slices.Clone(d.Categories), LeftOut: Counts{}}, classes: map[int64]int{}, images: map[int64]int{}}
	slices.SortFunc(b.set.Classes, func(a, b instances.Category) int { return cmp.Compare(a.ID, b.ID) })
	for i, c := range b.set.Classes {
		b.classes[c.ID] = i
	}
	images := slices.Clone(d.Images)
	slices.SortFunc(images, func(a, b instances.Image) int { return cmp.Compare(a.ID, b.ID) })
	for i, m := range images {
		b.images[m.ID] = i
		b.set.Examples = append(b.set.Examples, Example{Image: m})
	}
	for i, o := range d.Objects {
		if err := b.add(o); err != nil {
			return nil, fmt.Errorf("detection: annotations[%d] (id %d, image %d): %w", i, o.ID, o.Image, err)
		}
	}
	return b.finish()
}

type builder struct {
	Rules
	set             *Set
	classes, images map[int64]int // by ids
}

// add adds an object to its image, or counts why not.
func (b *builder) add(o instances.Object) error {
	class, ok := b.classes[o.Category]
	if !ok {
		return fmt.Errorf("category %d is none of the %d categories of the file", o.Category, len(b.classes))
	}
	at, ok := b.images[o.Image]
	if !ok {
		b.set.LeftOut["annotations of images that are not listed"]++
		return nil
	}
	image := b.set.Examples[at].Image
	if image.Width == 0 || image.Height == 0 {
		return errors.New("the image has no width and height in the file")
	}
	shape := withoutLines(o.Shape)
	if err := checkRuns(shape, image); err != nil {
		return err
	}
	box, err := boxOf(o, shape, image)
	if err != nil {
		return err
	}
	box = box.clip(image.Width, image.Height)
	switch {
	case o.Crowd && !b.Crowds:
		b.set.LeftOut["crowds"]++
	case o.Difficult && b.Easy:
		b.set.LeftOut["difficult objects"]++
	case b.Masks && shape.None():
		b.set.LeftOut["annotations without an outline"]++
	case box.degenerate():
		b.set.LeftOut["boxes without an inside"]++
	default:
		e := &b.set.Examples[at]
		e.Objects = append(e.Objects, Object{class, box, shape, o.Crowd})
	}
	return nil
}

// withoutLines leaves out polygons of two corners.
func withoutLines(s instances.Shape) instances.Shape {
	s.Polygons = slices.DeleteFunc(slices.Clone(s.Polygons), func(p []float64) bool { return len(p) < 6 })
	return s
}

// checkRuns wants a mask of its image's size.
func checkRuns(s instances.Shape, image instances.Image) error {
	if s.Runs.Height == 0 {
		return nil
	}
	_, err := s.Mask(image.Height, image.Width)
	return err
}

// boxOf is the box of the file, or that around the outline.
func boxOf(o instances.Object, shape instances.Shape, image instances.Image) (Box, error) {
	box := o.Box
	if !o.HasBox {
		if shape.None() {
			return Box{}, errors.New("it has neither a bbox nor a segmentation")
		}
		m, err := shape.Mask(image.Height, image.Width)
		if err != nil {
			return Box{}, err
		}
		box = m.Box()
	}
	return fromCOCO(box), nil
}

func fromCOCO(b mask.Box) Box { return Box{b[0], b[1], b[0] + b[2], b[1] + b[3]} }

func (b *builder) finish() (*Set, error) {
	if !b.Empty {
		all := len(b.set.Examples)
		b.set.Examples = slices.DeleteFunc(b.set.Examples, func(e Example) bool { return len(e.Objects) == 0 })
		if n := all - len(b.set.Examples); n > 0 {
			b.set.LeftOut["images without objects"] = n
		}
	}
	if len(b.set.Examples) == 0 {
		return nil, fmt.Errorf("detection: no image is left; %v", b.set.LeftOut)
	}
	return b.set, nil
}
