// SPDX-License-Identifier: MIT

package coco

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"seer/data/instances"
	"seer/data/mask"
)

// Evaluate compares results with the truth.
func Evaluate(truth *instances.Dataset, results []instances.Result, kind Kind, p Params) (*Evaluation, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	t, err := newTask(truth, results, kind, p)
	if err != nil {
		return nil, err
	}
	if err := t.matchAll(); err != nil {
		return nil, err
	}
	return t.accumulate(), nil
}

// matchAll gives every pair its verdicts.
func (t *task) matchAll() error {
	errs := make([]error, len(t.pairs))
	parallel(len(t.pairs), t.p.threads(), func() func(i int) {
		m := &matcher{p: &t.p}
		return func(i int) { errs[i] = t.match(m, &t.pairs[i]) }
	})
	return errors.Join(first(errs))
}

// first is the first error, which does not depend on who was faster.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// parallel does n things with so many goroutines, each with a worker of its own.
func parallel(n, threads int, worker func() func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(threads, n) {
		all.Go(func() {
			do := worker()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

// match gives the detections of a pair a verdict for each range of areas.
func (t *task) match(m *matcher, p *pair) error {
	truth, err := t.objects(p)
	if err != nil {
		return err
	}
	found, err := t.detections(p)
	if err != nil {
		return err
	}
	if err := m.overlap(found, truth, t.kind); err != nil {
		return err
	}
	p.verdicts = make([]verdict, len(t.p.Areas)*len(found))
	p.counted = make([]int, len(t.p.Areas))
	for a, area := range t.p.Areas {
		p.counted[a] = m.match(found, truth, area, p.verdicts[a*len(found):(a+1)*len(found)])
	}
	return nil
}

func (t *task) objects(p *pair) ([]object, error) {
	image := t.images[p.image]
	all := make([]object, len(p.truth))
	for i, at := range p.truth {
		o := &t.truth.Objects[at]
		r := region{box: o.Box, area: o.Area}
		if t.kind == Masks {
			var err error
			if r.mask, err = o.Shape.Mask(image.Height, image.Width); err != nil {
				return nil, fmt.Errorf("coco: annotations[%d] (id %d).segmentation: %w", at, o.ID, err)
			}
			r.box = r.mask.Box()
		}
		if !o.HasArea {
			r.area = r.ownArea(t.kind)
		}
		all[i] = object{r, o.Crowd, o.HasID && o.ID == 0}
	}
	return all, nil
}

// ownArea is that of the region itself.
func (r region) ownArea(kind Kind) float64 {
	if kind == Masks {
		return float64(r.mask.Area())
	}
	return boxArea(r.box)
}

func boxArea(b mask.Box) float64 { return b[2] * b[3] }

func (t *task) detections(p *pair) ([]region, error) {
	image := t.images[p.image]
	all := make([]region, len(p.found))
	for i, at := range p.found {
		d := &t.results[at]
		r := region{box: d.Box}
		if t.kind == Masks || !d.HasBox {
			var err error
			if r.mask, err = d.Shape.Mask(image.Height, image.Width); err != nil {
				return nil, fmt.Errorf("coco: results[%d].segmentation: %w", at, err)
			}
			r.box, r.area = r.mask.Box(), float64(r.mask.Area())
		}
		if t.boxAreas {
			r.area = boxArea(d.Box)
		}
		all[i] = r
	}
	return all, nil
}
