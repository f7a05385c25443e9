// SPDX-License-Identifier: MIT

package metrics

import (
	"cmp"
	"fmt"
	"slices"
)

// The labels of an image for a class, as VISSL and Pascal VOC have them.
const (
	Ignored int8 = -1 // difficult: the image does not count for this class
	Absent  int8 = 0
	Present int8 = 1
)

// Area says what lies under a curve of precision over recall. The curve has a point for every different score: all images
// of that score or a better one, so that the order of equal scores never matters.
type Area int

const (
	// Interpolated takes at each recall the best precision of that recall or a larger one: Pascal VOC's since 2010, and
	// VISSL's (calculate_ap in utils/svm_utils/evaluate.py), which the published VOC07 figures are. It is not VOC 2007's
	// mean over eleven recalls. VISSL gives equal scores points in an order that it leaves open.
	Interpolated Area = iota
	// Stepwise is Σ (Rₙ − Rₙ₋₁)·Pₙ: scikit-learn's average_precision_score and torchmetrics' (multilabel) average precision
	// without thresholds.
	Stepwise
)

// AveragePrecision is the area under the curve of one class. Labels are [Present], [Absent] or [Ignored]; without a
// positive it is NaN, as in VISSL; scikit-learn and torchmetrics say 0.
func AveragePrecision[F float32 | float64](scores []F, labels []int8, area Area) (float64, error) {
	if len(scores) != len(labels) {
		return 0, fmt.Errorf("metrics: %d scores for %d labels", len(scores), len(labels))
	}
	all := make([]scored, 0, len(scores))
	for i, label := range labels {
		switch score := float64(scores[i]); {
		case label < Ignored || label > Present:
			return 0, fmt.Errorf("metrics: label %d of image %d; 1 (present), 0 (absent) and -1 (ignored) are allowed", label, i)
		case score != score:
			return 0, fmt.Errorf("metrics: the score of image %d is not a number", i)
		case label != Ignored:
			all = append(all, scored{score, label == Present})
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	return under(curve(all), area), nil
}

type scored struct {
	score    float64
	positive bool
}

type point struct{ precision, recall float64 }

// curve has a point for each different score, in descending order.
func curve(all []scored) []point {
	positives := 0
	for _, s := range all {
		if s.positive {
			positives++
		}
	}
	var points []point
	hits := 0
	for i, s := range all {
		if s.positive {
			hits++
		}
		if i+1 == len(all) || all[i+1].score != s.score {
			points = append(points, point{float64(hits) / float64(i+1), float64(hits) / float64(positives)})
		}
	}
	return points
}

func under(points []point, area Area) float64 {
	if area == Interpolated {
		for i := len(points) - 2; i >= 0; i-- {
			points[i].precision = max(points[i].precision, points[i+1].precision)
		}
	}
	if len(points) == 0 {
		return share(0, 0)
	}
	total, before := 0.0, 0.0
	for _, p := range points {
		total += (p.recall - before) * p.precision
		before = p.recall
	}
	return total
}

// MultiLabel collects the scores of images that have any number of classes.
type MultiLabel struct {
	scores [][]float32 // [class][image]
	labels [][]int8
}

// NewMultiLabel collects for so many classes.
func NewMultiLabel(classes int) (*MultiLabel, error) {
	if classes < 1 {
		return nil, fmt.Errorf("metrics: %d classes; at least one is needed", classes)
	}
	return &MultiLabel{scores: make([][]float32, classes), labels: make([][]int8, classes)}, nil
}

// Add takes a batch: scores and labels [n, classes] in row-major order. A batch with an error is not taken.
func (m *MultiLabel) Add(scores []float32, labels []int8) error {
	classes := len(m.scores)
	if len(scores) != len(labels) || len(scores)%classes != 0 {
		return fmt.Errorf("metrics: %d scores and %d labels; both need %d for each image", len(scores), len(labels), classes)
	}
	for i, label := range labels {
		if label < Ignored || label > Present {
			return fmt.Errorf("metrics: label %d of image %d, class %d; 1 (present), 0 (absent) and -1 (ignored) are allowed",
				label, i/classes, i%classes)
		}
		if scores[i] != scores[i] {
			return fmt.Errorf("metrics: the score of image %d for class %d is not a number", i/classes, i%classes)
		}
	}
	for i, label := range labels {
		c := i % classes
		m.scores[c], m.labels[c] = append(m.scores[c], scores[i]), append(m.labels[c], label)
	}
	return nil
}

// Merge takes what another one of the same classes has collected.
func (m *MultiLabel) Merge(o *MultiLabel) error {
	if len(m.scores) != len(o.scores) {
		return fmt.Errorf("metrics: %d classes do not merge with %d", len(m.scores), len(o.scores))
	}
	for c := range m.scores {
		m.scores[c], m.labels[c] = append(m.scores[c], o.scores[c]...), append(m.labels[c], o.labels[c]...)
	}
	return nil
}

// AveragePrecision is that of each class; its [Mean] is mAP (torchmetrics' average="macro", which
// counts a class without positives as 0).
func (m *MultiLabel) AveragePrecision(area Area) ([]float64, error) {
	all := make([]float64, len(m.scores))
	for c := range all {
		var err error
		if all[c], err = AveragePrecision(m.scores[c], m.labels[c], area); err != nil {
			return nil, fmt.Errorf("class %d: %w", c, err)
		}
	}
	return all, nil
}
