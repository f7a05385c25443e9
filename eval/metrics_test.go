// SPDX-License-Identifier: MIT

package eval_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/eval"
)

func TestAccuracy(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		name       string
		scores     []float32
		labels     []int64
		top1, top5 int64
	}{
		{"best", []float32{0, 3, 1, 2, 0, 0, 0}, []int64{1}, 1, 1},
		{"fifth", []float32{1, 2, 3, 4, 5, 0, 0}, []int64{0}, 0, 1},
		{"sixth", []float32{1, 2, 3, 4, 5, 6, 0}, []int64{0}, 0, 0},
		{"all equal are right once", []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []int64{0, 1}, 1, 2},
		{"equal and last", []float32{1, 1, 1, 1, 1, 1}, []int64{5}, 0, 0},
		{"nan is never right", []float32{nan, 0, nan, nan}, []int64{0}, 0, 0},
		{"nan beside the right one", []float32{nan, 0, nan, nan}, []int64{1}, 1, 1},
		{"two rows", []float32{1, 0, 0, 1}, []int64{0, 0}, 1, 2},
		{"nothing", nil, nil, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a eval.Accuracy
			require.NoError(t, a.Add(tt.scores, tt.labels))
			assert.Equal(t, eval.Accuracy{Top1: tt.top1, Top5: tt.top5, Images: int64(len(tt.labels))}, a)
		})
	}
}

func TestAccuracyAddsUp(t *testing.T) {
	var a eval.Accuracy
	assert.Zero(t, a.Percent1(), "no images")
	for range 3 {
		require.NoError(t, a.Add([]float32{2, 1, 1, 2}, []int64{0, 0}))
	}
	assert.Equal(t, 50.0, a.Percent1())
	assert.Equal(t, 100.0, a.Percent5())
}

func TestAccuracyRefuses(t *testing.T) {
	var a eval.Accuracy
	assert.ErrorContains(t, a.Add([]float32{1, 2, 3}, []int64{0, 0}), "3 scores for 2 labels")
	assert.ErrorContains(t, a.Add([]float32{1, 2}, []int64{2}), "label 2 of image 0; there are scores for 2 classes")
	assert.ErrorContains(t, a.Add([]float32{1, 2}, []int64{-1}), "label -1")
}
