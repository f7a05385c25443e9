// SPDX-License-Identifier: MIT

package metrics

import (
	"fmt"
	"math"
	"slices"
)

// Classification counts, for several k at once, the images whose class is among the k best scores.
type Classification struct {
	ks     []int
	images []int64   // [class]
	right  [][]int64 // [place in ks][class]
}

// NewClassification counts for so many classes and each of ks. A k over the number of classes is allowed: all are right.
func NewClassification(classes int, ks ...int) (*Classification, error) {
	if classes < 1 || len(ks) == 0 {
		return nil, fmt.Errorf("metrics: %d classes and %d values of k; at least one of each is needed", classes, len(ks))
	}
	c := &Classification{ks: slices.Clone(ks), images: make([]int64, classes)}
	for _, k := range ks {
		if k < 1 {
			return nil, fmt.Errorf("metrics: top-k with k = %d; 1 and more are allowed", k)
		}
		c.right = append(c.right, make([]int64, classes))
	}
	return c, nil
}

// Add counts a batch: scores [n, classes] in row-major order, larger is better, and the n true classes. A batch with an
// error is not counted.
func (c *Classification) Add(scores []float32, labels []int64) error {
	classes := len(c.images)
	if len(scores) != classes*len(labels) {
		return fmt.Errorf("metrics: %d scores for %d images; with %d classes %d are needed", len(scores), len(labels), classes, classes*len(labels))
	}
	for i, label := range labels {
		if label < 0 || label >= int64(classes) {
			return fmt.Errorf("metrics: image %d has label %d; with %d classes 0 to %d are allowed", i, label, classes, classes-1)
		}
	}
	for i, label := range labels {
		place := Rank(scores[i*classes:(i+1)*classes], int(label))
		for j, k := range c.ks {
			if place < k {
				c.right[j][label]++
			}
		}
		c.images[label]++
	}
	return nil
}

// Merge adds what another one of the same classes and k has counted.
func (c *Classification) Merge(o *Classification) error {
	if !slices.Equal(c.ks, o.ks) || len(c.images) != len(o.images) {
		return fmt.Errorf("metrics: %d classes with k %v do not merge with %d classes with k %v", len(c.images), c.ks, len(o.images), o.ks)
	}
	add(c.images, o.images)
	for j := range c.right {
		add(c.right[j], o.right[j])
	}
	return nil
}

func add(to, from []int64) {
	for i, n := range from {
		to[i] += n
	}
}

// Images is how many were counted.
func (c *Classification) Images() int64 { return sum(c.images) }

// Right is how many images had their class among the k best; k is one of NewClassification's, or it panics.
func (c *Classification) Right(k int) int64 { return sum(c.right[c.place(k)]) }

// Accuracy is the share of all images whose class was among the k best.
func (c *Classification) Accuracy(k int) float64 { return share(c.Right(k), c.Images()) }

// Percent is Accuracy in per cent, and 0 where no image was counted, for tables and files.
func (c *Classification) Percent(k int) float64 {
	if c.Images() == 0 {
		return 0
	}
	return 100 * c.Accuracy(k)
}

// Recall is that share for each class; of a class without images it is NaN.
func (c *Classification) Recall(k int) []float64 {
	r := make([]float64, len(c.images))
	for i, n := range c.right[c.place(k)] {
		r[i] = share(n, c.images[i])
	}
	return r
}

// MeanPerClass is the mean of Recall over the classes that have images: each class weighs the same, as the published
// figures of Caltech-101, Flowers, Pets and Aircraft want it.
func (c *Classification) MeanPerClass(k int) float64 { return Mean(c.Recall(k)) }

func (c *Classification) place(k int) int {
	j := slices.Index(c.ks, k)
	if j < 0 {
		panic(fmt.Sprintf("metrics: k = %d was not counted, %v were", k, c.ks))
	}
	return j
}

func sum(ns []int64) (total int64) {
	for _, n := range ns {
		total += n
	}
	return total
}

func share(part, all int64) float64 { return float64(part) / float64(all) } // NaN for 0 of 0

// Mean is the mean of the values that are not NaN; NaN if none is.
func Mean(values []float64) float64 {
	total, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			total, n = total+v, n+1
		}
	}
	return total / float64(n)
}

// Rank is the place of a class in the order of descending scores, from 0. Among equal scores the lower class comes first,
// so that a classifier whose scores are all equal is not always right; a NaN is never right.
func Rank(scores []float32, class int) int {
	own := scores[class]
	if own != own {
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
