// SPDX-License-Identifier: MIT

package coco

import (
	"slices"

	"seer/data/instances"
)

// Evaluation holds precision and recall for every threshold, category, range of areas and number of detections.
type Evaluation struct {
	Params     Params
	Kind       Kind
	Categories []instances.Category // in the order of their ids
	Images     int
	Notes      []string // what the user of the files should know

	precision []float64 // [category][area][detections][overlap][recall]
	recall    []float64 // [category][area][detections][overlap]
	objects   []int     // [category][area]
}

func newEvaluation(t *task) *Evaluation {
	e := &Evaluation{Params: t.p, Kind: t.kind, Categories: t.categories, Images: len(t.images), Notes: t.notes}
	n := len(t.categories) * len(t.p.Areas)
	e.objects = make([]int, n)
	n *= len(t.p.Detections) * len(t.p.IoU)
	e.recall = slices.Repeat([]float64{absent}, n)
	e.precision = slices.Repeat([]float64{absent}, n*len(t.p.Recall))
	return e
}

func (e *Evaluation) recallAt(iou, category, area, detections int) int {
	return ((category*len(e.Params.Areas)+area)*len(e.Params.Detections)+detections)*len(e.Params.IoU) + iou
}

func (e *Evaluation) precisionAt(iou, recall, category, area, detections int) int {
	return e.recallAt(iou, category, area, detections)*len(e.Params.Recall) + recall
}

// Precision is that at a recall, -1 where there are no objects. All arguments are places in [Params] and Categories.
func (e *Evaluation) Precision(iou, recall, category, area, detections int) float64 {
	return e.precision[e.precisionAt(iou, recall, category, area, detections)]
}

// Recall is that of all detections, -1 where there are no objects.
func (e *Evaluation) Recall(iou, category, area, detections int) float64 {
	return e.recall[e.recallAt(iou, category, area, detections)]
}

// Objects is how many count for a category in a range of areas: crowds do not.
func (e *Evaluation) Objects(category, area int) int {
	return e.objects[category*len(e.Params.Areas)+area]
}

// All stands for every place.
const All = -1

// Slice chooses what a mean is taken of, by places in [Params] and Categories; IoU and Category may be [All].
type Slice struct{ IoU, Category, Area, Detections int }

// AveragePrecision is the mean precision over recalls, and over thresholds and categories; -1 where nothing has objects.
func (e *Evaluation) AveragePrecision(s Slice) float64 {
	return e.mean(s, func(iou, category int) []float64 {
		at := e.precisionAt(iou, 0, category, s.Area, s.Detections)
		return e.precision[at : at+len(e.Params.Recall)]
	})
}

// AverageRecall is the mean recall over thresholds and categories; -1 where nothing has objects.
func (e *Evaluation) AverageRecall(s Slice) float64 {
	return e.mean(s, func(iou, category int) []float64 {
		at := e.recallAt(iou, category, s.Area, s.Detections)
		return e.recall[at : at+1]
	})
}

func (e *Evaluation) mean(s Slice, values func(iou, category int) []float64) float64 {
	total, n := 0., 0
	for category := range e.Categories {
		for iou := range e.Params.IoU {
			if s.Category != All && s.Category != category || s.IoU != All && s.IoU != iou {
				continue
			}
			for _, v := range values(iou, category) {
				if v > absent {
					total, n = total+v, n+1
				}
			}
		}
	}
	if n == 0 {
		return absent
	}
	return total / float64(n)
}
