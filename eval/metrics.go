// SPDX-License-Identifier: MIT

package eval

import (
	"fmt"

	"seer/eval/metrics"
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
		switch r := metrics.Rank(scores[i*classes:(i+1)*classes], int(label)); {
		case r == 0:
			a.Top1, a.Top5 = a.Top1+1, a.Top5+1
		case r < 5:
			a.Top5++
		}
		a.Images++
	}
	return nil
}
