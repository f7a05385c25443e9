// SPDX-License-Identifier: MIT

package detect

import (
	"context"
	"errors"
	"fmt"
	"path"

	"seer/config"
	"seer/data/detection"
	"seer/data/instances"
	"seer/data/sampler"
	"seer/data/source"
	"seer/inputs"
)

// named finds images of a source by the names of a file of annotations: whole, or the last part, where only one image has it.
func named(src source.Source) map[string]int64 {
	const several = -1
	all := make(map[string]int64, src.Len())
	for i := range src.Len() {
		last := path.Base(src.Name(i))
		if _, taken := all[last]; taken {
			all[last] = several
		} else {
			all[last] = i
		}
	}
	for i := range src.Len() {
		all[src.Name(i)] = i
	}
	for name, i := range all {
		if i == several {
			delete(all, name)
		}
	}
	return all
}

// places are those of images in a source, in their order. One that the source lacks is an error: the annotations are others'.
func places(src source.Source, images []instances.Image) ([]int64, error) {
	all := named(src)
	out, lacking, first := make([]int64, len(images)), 0, ""
	for k, m := range images {
		i, ok := all[m.File]
		if !ok {
			if lacking++; lacking == 1 {
				first = m.File
			}
		}
		out[k] = i
	}
	if lacking > 0 {
		return nil, fmt.Errorf("%d of the %d images that the annotations name are not there, the first is %q; among the %d that are there is %q",
			lacking, len(images), first, src.Len(), src.Name(0))
	}
	return out, nil
}

// annotated are the images that are learned from, by their places in the source.
type annotated struct {
	classes  []instances.Category
	examples map[int64]*detection.Example
}

// readAnnotated reads detect.annotations by the rules of training.
func readAnnotated(d config.Detect) (*detection.Set, error) {
	file, err := instances.Open(d.Annotations)
	if err != nil {
		return nil, fmt.Errorf("detect.annotations: %w", err)
	}
	set, err := detection.Build(file, detection.Rules{Masks: true, Empty: d.EmptyImages})
	if err != nil {
		return nil, fmt.Errorf("detect.annotations: %s: %w", d.Annotations, err)
	}
	return set, nil
}

// order finds the examples in the source, and has those be drawn that data.subset leaves.
func (a *annotated) order(src source.Source, e *config.Experiment, set *detection.Set, seed uint64) (*sampler.Sampler, error) {
	images := make([]instances.Image, len(set.Examples))
	for k, x := range set.Examples {
		images[k] = x.Image
	}
	where, err := places(src, images)
	if err != nil {
		return nil, fmt.Errorf("detect.annotations: %s: %w", e.Detect.Annotations, err)
	}
	a.classes, a.examples = set.Classes, make(map[int64]*detection.Example, len(where))
	for k, i := range where {
		a.examples[i] = &set.Examples[k]
	}
	part, err := inputs.Order(src, e.Data, e.Optim.Batch, seed)
	if err != nil {
		return nil, err
	}
	var chosen []int64
	for k := range part.Len() {
		if i := part.Sequential(k); a.examples[i] != nil {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("data.subset: none of its images has annotations")
	}
	return sampler.List(src.Len(), chosen, seed)
}

// openVal opens detect.val with its annotations.
func openVal(ctx context.Context, e *config.Experiment) (src source.Source, truth *instances.Dataset, order *sampler.Sampler, err error) {
	if truth, err = instances.Open(e.Detect.ValAnnotations); err != nil {
		return nil, nil, nil, fmt.Errorf("detect.val_annotations: %w", err)
	}
	where := inputs.Location(e.Data)
	where.Path, where.Kind, where.Members, where.Window, where.Labels = e.Detect.Val, "auto", nil, 0, false
	if src, err = source.OpenContext(ctx, where); err != nil {
		return nil, nil, nil, fmt.Errorf("detect.val: %w", err)
	}
	found, err := places(src, truth.Images)
	if err == nil {
		order, err = sampler.List(src.Len(), found, 0)
	}
	if err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("detect.val_annotations: %s: %w", e.Detect.ValAnnotations, err), src.Close())
	}
	return src, truth, order, nil
}
