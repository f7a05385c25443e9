// SPDX-License-Identifier: MIT

package svm

import (
	"fmt"
	"math"
)

// Rows are the features of images: float32, row-major. They are not copied.
type Rows struct {
	x     []float32
	width int
	scale []float64 // each row counts times this; nil is 1
}

// NewRows takes len(x)/width rows. All values have to be finite.
func NewRows(x []float32, width int) (Rows, error) {
	if width < 1 || len(x)%max(width, 1) != 0 || len(x) == 0 {
		return Rows{}, fmt.Errorf("svm: %d values of width %d; whole rows of 1 or more are needed, at least one", len(x), width)
	}
	for i, v := range x {
		if v-v != 0 {
			return Rows{}, fmt.Errorf("svm: feature %d of image %d is %v; all have to be finite", i%width, i/width, v)
		}
	}
	return Rows{x: x, width: width}, nil
}

// Normalized divides each row by its length + 1e-5, as VISSL does. The division is made in float64 while computing, so
// that nothing is copied and nothing is rounded.
func (r Rows) Normalized() Rows {
	r.scale = make([]float64, r.Len())
	for i := range r.scale {
		r.scale[i] = 1 / (math.Sqrt(square(r.row(i))) + 1e-5)
	}
	return r
}

// Len is the number of rows.
func (r Rows) Len() int { return len(r.x) / max(r.width, 1) }

// Width is the number of features of a row.
func (r Rows) Width() int { return r.width }

func (r Rows) row(i int) []float32 { return r.x[i*r.width : (i+1)*r.width] }

func (r Rows) scaleOf(i int) float64 {
	if r.scale == nil {
		return 1
	}
	return r.scale[i]
}

func square(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// dot has four sums, so that one addition need not wait for the one before.
func dot(x []float32, w []float64) float64 {
	var a, b, c, d float64
	w = w[:len(x)]
	for len(x) >= 4 && len(w) >= 4 {
		a += float64(x[0]) * w[0]
		b += float64(x[1]) * w[1]
		c += float64(x[2]) * w[2]
		d += float64(x[3]) * w[3]
		x, w = x[4:], w[4:]
	}
	for i, v := range x {
		a += float64(v) * w[i]
	}
	return a + b + (c + d)
}

// addTo adds f·x to w.
func addTo(w []float64, f float64, x []float32) {
	w = w[:len(x)]
	for len(x) >= 4 && len(w) >= 4 {
		w[0] += f * float64(x[0])
		w[1] += f * float64(x[1])
		w[2] += f * float64(x[2])
		w[3] += f * float64(x[3])
		x, w = x[4:], w[4:]
	}
	for i, v := range x {
		w[i] += f * float64(v)
	}
}
