// SPDX-License-Identifier: MIT

package eval_test

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/eval"
	"seer/eval/evaltest"
	"seer/eval/metrics"
	"seer/torch"
	"seer/torch/torchtest"
)

// oracle is the vote in float64, written from the formula.
func oracle(train, val []float32, trainLabels, valLabels []int64, width, k, classes int, temperature float64) (top1, top5 int64) {
	cosine := func(a, b []float32) float64 {
		var ab, aa, bb float64
		for i := range a {
			ab += float64(a[i]) * float64(b[i])
			aa += float64(a[i]) * float64(a[i])
			bb += float64(b[i]) * float64(b[i])
		}
		return ab / math.Sqrt(aa*bb)
	}
	type neighbour struct {
		sim   float64
		label int64
	}
	for v, label := range valLabels {
		var all []neighbour
		for i, l := range trainLabels {
			all = append(all, neighbour{cosine(val[v*width:(v+1)*width], train[i*width:(i+1)*width]), l})
		}
		slices.SortFunc(all, func(x, y neighbour) int { return cmp.Compare(y.sim, x.sim) })
		votes := make([]float64, classes)
		for _, n := range all[:k] {
			votes[n.label] += math.Exp(n.sim / temperature)
		}
		rank := 0
		for c, s := range votes {
			if s > votes[label] || s == votes[label] && int64(c) < label {
				rank++
			}
		}
		if rank == 0 {
			top1++
		}
		if rank < 5 {
			top5++
		}
	}
	return top1, top5
}

func TestKNNEqualsOracle(t *testing.T) {
	tests := []struct {
		name                         string
		train, val, width, k, classe int
		spread, temperature          float64
	}{
		{"many neighbours", 300, 70, 8, 50, 10, 1.5, 0.1},
		{"one neighbour", 300, 70, 8, 1, 10, 1.5, 0.07},
		{"all neighbours", 60, 30, 4, 60, 7, 2, 0.5},
		{"more queries than a block", 40, 600, 3, 5, 4, 1, 0.1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			tv, tl := evaltest.Cloud(tt.train, tt.width, tt.classe, tt.spread, 1)
			vv, vl := evaltest.Cloud(tt.val, tt.width, tt.classe, tt.spread, 2)
			got, err := eval.KNN(context.Background(), torch.CPU, evaltest.Features(tv, tl), evaltest.Features(vv, vl),
				eval.KNNOptions{K: []int{tt.k}, Temperature: tt.temperature, Classes: tt.classe})
			require.NoError(t, err)
			top1, top5 := oracle(tv, vv, tl, vl, tt.width, tt.k, tt.classe, tt.temperature)
			// A vote decided in the last bit of float32 may fall differently.
			assert.InDelta(t, top1, got[0].Right(1), 1)
			assert.InDelta(t, top5, got[0].Right(5), 1)
			assert.EqualValues(t, tt.val, got[0].Images())
			assert.Less(t, got[0].Right(1), got[0].Images(), "the task must not be trivial")
		})
	}
}

// The bank passes in blocks of 32768 rows: the neighbours must be those over all blocks, with their own labels.
func TestKNNOverSeveralBlocks(t *testing.T) {
	torchtest.NoLeaks(t)
	const n, classes = 70_000, 3
	values, labels := make([]float32, 2*n), make([]int64, n)
	for i := range n { // far from every query, of class 2
		values[2*i], values[2*i+1], labels[i] = -1, 0, 2
	}
	for _, at := range []int{5, 40_000, 69_999} { // one near neighbour in each block, of class 1
		values[2*at], values[2*at+1], labels[at] = 1, 0.01, 1
	}
	a, err := eval.KNN(context.Background(), torch.CPU, evaltest.Features(values, labels), evaltest.Features([]float32{1, 0}, []int64{1}),
		eval.KNNOptions{K: []int{3}, Temperature: 0.07, Classes: classes})
	require.NoError(t, err)
	assert.EqualValues(t, 1, a[0].Right(1))
}

// exp(similarity/T) would overflow float32 from T = 0.011 on.
func TestKNNTinyTemperature(t *testing.T) {
	torchtest.NoLeaks(t)
	tv, tl := evaltest.Cloud(50, 4, 3, 0.1, 1)
	vv, vl := evaltest.Cloud(20, 4, 3, 0.1, 2)
	a, err := eval.KNN(context.Background(), torch.CPU, evaltest.Features(tv, tl), evaltest.Features(vv, vl),
		eval.KNNOptions{K: []int{10}, Temperature: 1e-4, Classes: 3})
	require.NoError(t, err)
	assert.Equal(t, a[0].Images(), a[0].Right(1))
}

// Several numbers of neighbours in one pass give what each gives alone, in any order and twice, too.
func TestSeveralKEqualEachAlone(t *testing.T) {
	torchtest.NoLeaks(t)
	tv, tl := evaltest.Cloud(300, 8, 10, 1.5, 1)
	vv, vl := evaltest.Cloud(270, 8, 10, 1.5, 2)
	train, val := evaltest.Features(tv, tl), evaltest.Features(vv, vl)
	ks := []int{20, 1, 200, 10, 20, 300}
	classify := func(ks ...int) []*metrics.Classification {
		counts, err := eval.KNN(context.Background(), torch.CPU, train, val, eval.KNNOptions{K: ks, Temperature: 0.07, Classes: 10})
		require.NoError(t, err)
		return counts
	}
	all := classify(ks...)
	require.Len(t, all, len(ks))
	for i, k := range ks {
		assert.Equal(t, classify(k)[0], all[i], "k = %d", k)
	}
	assert.NotEqual(t, all[1], all[2], "the number must matter")
}

func TestKNNRefuses(t *testing.T) {
	tv, tl := evaltest.Cloud(10, 4, 3, 0.1, 1)
	good := eval.KNNOptions{K: []int{3}, Temperature: 0.1, Classes: 3}
	tests := map[string]struct {
		options eval.KNNOptions
		width   int64
		want    string
	}{
		"k":           {eval.KNNOptions{K: []int{11}, Temperature: 0.1, Classes: 3}, 4, "knn.k = 11: there are 10 training images; allowed are 1 to 10"},
		"temperature": {eval.KNNOptions{K: []int{1}, Classes: 3}, 4, "knn.temperature = 0: must be over 0"},
		"classes":     {eval.KNNOptions{K: []int{1}, Temperature: 1, Classes: 2}, 4, "image 2 has label 2; with 2 classes 0 to 1 are allowed"},
		"width":       {good, 5, "training features have width 4, validation features 5"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			val := evaltest.Features(make([]float32, tt.width), []int64{0})
			_, err := eval.KNN(context.Background(), torch.CPU, evaltest.Features(tv, tl), val, tt.options)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestKNNStops(t *testing.T) {
	torchtest.NoLeaks(t)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	tv, tl := evaltest.Cloud(600, 4, 3, 0.1, 1)
	o := eval.KNNOptions{K: []int{3}, Temperature: 0.1, Classes: 3, Progress: func(done, total int64) { cancel(stop) }}
	_, err := eval.KNN(ctx, torch.CPU, evaltest.Features(tv, tl), evaltest.Features(tv, tl), o)
	assert.ErrorIs(t, err, stop)
}
