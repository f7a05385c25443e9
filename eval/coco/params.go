// SPDX-License-Identifier: MIT

package coco

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
)

// Kind is what is compared.
type Kind int

// Boxes and Masks are pycocotools' iouType "bbox" and "segm".
const (
	Boxes Kind = iota
	Masks
)

func (k Kind) String() string { return [...]string{"boxes", "masks"}[k] }

// AreaRange is a range of areas in pixels, both ends included.
type AreaRange struct {
	Name     string
	Min, Max float64
}

// Params are the settings of an evaluation.
type Params struct {
	IoU        []float64 // thresholds of overlap, at most 32
	Recall     []float64 // at which precision is read, ascending
	Detections []int     // the most that count in an image for a category, ascending
	Areas      []AreaRange
	MaskAreas  bool // the area of a detection is that of its mask, also where it has a box
	Threads    int  // 0: as many as Go may use; the numbers do not depend on it
}

const maxThresholds = 32 // verdicts are bits of a word

// Defaults are COCO's.
func Defaults() Params {
	return Params{
		IoU: spaced(.5, .95, 10), Recall: spaced(0, 1, 101), Detections: []int{1, 10, 100},
		Areas: []AreaRange{{"all", 0, 1e10}, {"small", 0, 32 * 32}, {"medium", 32 * 32, 96 * 96}, {"large", 96 * 96, 1e10}},
	}
}

// spaced is numpy.linspace, with its roundings: an overlap may lie on a threshold.
func spaced(from, to float64, n int) []float64 {
	step := (to - from) / float64(n-1)
	all := make([]float64, n)
	for i := range all {
		all[i] = float64(float64(i)*step) + from
	}
	all[n-1] = to
	return all
}

func (p Params) threads() int {
	if p.Threads > 0 {
		return p.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// most is how many detections of an image and category are looked at.
func (p Params) most() int { return p.Detections[len(p.Detections)-1] }

func (p Params) check() error {
	switch {
	case len(p.IoU) == 0 || len(p.IoU) > maxThresholds:
		return fmt.Errorf("coco: %d thresholds of overlap; 1 to %d are allowed", len(p.IoU), maxThresholds)
	case slices.ContainsFunc(append(slices.Clone(p.IoU), p.Recall...), func(v float64) bool { return !(v >= 0 && v <= 1) }):
		return errors.New("coco: thresholds of overlap and recall must lie between 0 and 1")
	case len(p.Recall) == 0 || !slices.IsSorted(p.Recall):
		return errors.New("coco: recalls must ascend, and one at least is needed")
	case len(p.Detections) == 0 || !slices.IsSorted(p.Detections) || p.Detections[0] < 1:
		return errors.New("coco: numbers of detections must ascend from 1 or more, and one at least is needed")
	case len(p.Areas) == 0:
		return errors.New("coco: one range of areas at least is needed")
	}
	for _, a := range p.Areas {
		if math.IsNaN(a.Min) || !(a.Min <= a.Max) {
			return fmt.Errorf("coco: the range %q of areas goes from %v to %v", a.Name, a.Min, a.Max)
		}
	}
	return nil
}
