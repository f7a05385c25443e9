// SPDX-License-Identifier: MIT

package coco

import "slices"

// Summary is the twelve numbers of COCO's tables, as shares of 1; -1 where there are no objects.
type Summary struct {
	AP       float64 `json:"AP"` // mean over the thresholds .50, .55, … .95
	AP50     float64 `json:"AP50"`
	AP75     float64 `json:"AP75"`
	APSmall  float64 `json:"APs"` // objects under 32² pixels
	APMedium float64 `json:"APm"`
	APLarge  float64 `json:"APl"` // over 96²
	AR1      float64 `json:"AR1"` // recall with one detection an image and category
	AR10     float64 `json:"AR10"`
	AR100    float64 `json:"AR100"`
	ARSmall  float64 `json:"ARs"`
	ARMedium float64 `json:"ARm"`
	ARLarge  float64 `json:"ARl"`
}

// Numbers are the twelve in the order of pycocotools' stats.
func (s Summary) Numbers() [12]float64 {
	return [12]float64{s.AP, s.AP50, s.AP75, s.APSmall, s.APMedium, s.APLarge, s.AR1, s.AR10, s.AR100, s.ARSmall, s.ARMedium, s.ARLarge}
}

// Summary is over all categories. It is made for [Defaults]: what other settings lack is -1.
func (e *Evaluation) Summary() Summary { return e.summary(All) }

// CategorySummary is that of the category at a place in Categories.
func (e *Evaluation) CategorySummary(category int) Summary { return e.summary(category) }

func (e *Evaluation) summary(category int) Summary {
	last := len(e.Params.Detections) - 1
	precision := func(iou float64, area string) float64 {
		return e.in(iou, area, last, category, e.AveragePrecision)
	}
	recall := func(most int, area string) float64 {
		return e.in(All, area, slices.Index(e.Params.Detections, most), category, e.AverageRecall)
	}
	most := e.Params.Detections[last]
	return Summary{
		AP: precision(All, "all"), AP50: precision(.5, "all"), AP75: precision(.75, "all"),
		APSmall: precision(All, "small"), APMedium: precision(All, "medium"), APLarge: precision(All, "large"),
		AR1: recall(1, "all"), AR10: recall(10, "all"), AR100: recall(most, "all"),
		ARSmall: recall(most, "small"), ARMedium: recall(most, "medium"), ARLarge: recall(most, "large"),
	}
}

// in finds the places of a threshold (or All), a range and a category.
func (e *Evaluation) in(iou float64, area string, detections, category int, mean func(Slice) float64) float64 {
	s := Slice{All, category, slices.IndexFunc(e.Params.Areas, func(a AreaRange) bool { return a.Name == area }), detections}
	if iou != All {
		if s.IoU = slices.Index(e.Params.IoU, iou); s.IoU < 0 {
			return absent
		}
	}
	if s.Area < 0 || s.Detections < 0 {
		return absent
	}
	return mean(s)
}
