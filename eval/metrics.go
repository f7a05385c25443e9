// SPDX-License-Identifier: MIT

package eval

import (
	"fmt"
	"math"
)

// Accuracy counts predictions whose true class is among the best ones.
type Accuracy struct {
	Top1, Top5 int64 // images whose class has the best score, or one of the best five
	Images     int64
}

// Percent1 is the top-1 accuracy in per cent.
func (a Accuracy) Percent1() float64 { return percent(a.Top1, a.Images) }

// Percent5 is the top-5 accuracy in per cent; with five classes or fewer it is 100.
func (a Accuracy) Percent5() float64 { return percent(a.Top5, a.Images) }

func percent(part, all int64) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(part) / float64(all)
}

// Add counts a batch: scores [n, classes] in row-major order, larger is better, and the n true classes.
func (a *Accuracy) Add(scores []float32, labels []int64) error {
	if len(labels) == 0 {
		return nil
	}
	classes := len(scores) / len(labels)
	if classes*len(labels) != len(scores) || classes == 0 {
		return fmt.Errorf("eval: %d scores for %d labels", len(scores), len(labels))
	}
	for i, label := range labels {
		if label < 0 || label >= int64(classes) {
			return fmt.Errorf("eval: label %d of image %d; there are scores for %d classes", label, i, classes)
		}
		switch r := rank(scores[i*classes:(i+1)*classes], int(label)); {
		case r == 0:
			a.Top1, a.Top5 = a.Top1+1, a.Top5+1
		case r < 5:
			a.Top5++
		}
		a.Images++
	}
	return nil
}

// rank is the place of a class in the order of descending scores, from 0. Among equal scores the lower class comes
// first, so that a classifier whose scores are all equal is not always right; a NaN is never right.
func rank(scores []float32, class int) int {
	own := scores[class]
	if math.IsNaN(float64(own)) {
		return math.MaxInt
	}
	better := 0
	for c, s := range scores {
		if s > own || s == own && c < class {
			better++
		}
	}
	return better
}
