// SPDX-License-Identifier: MIT

package svm_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/eval/metrics"
	"seer/eval/svm"
	"seer/internal/golden"
	"seer/internal/testrand"
)

const seed = 20210302 // of the golden files

type fit struct {
	Cost, Scaling, Intercept float64
	Class                    int
	Weights, Decisions       []float64
}

type references struct {
	SVM struct {
		Fits            []fit
		Folds           [][]int
		CrossValidation [][]float64 `json:"cross_validation"`
	}
}

// cloud is the golden script's: points around one centre a class.
func cloud(name string, n, width, classes int64, spread float64) []float32 {
	centres := golden.Tensor(name+".centres", []int64{classes, width}, 1, seed)
	x := golden.Tensor(name+".noise", []int64{n, width}, spread, seed)
	for i := range x {
		x[i] += centres[int64(i)/width%classes*width+int64(i)%width]
	}
	return x
}

func rows(t testing.TB, x []float32, width int) svm.Rows {
	t.Helper()
	r, err := svm.NewRows(x, width)
	require.NoError(t, err)
	return r
}

// problems are the golden file's three classes of 150 images.
func problems(t *testing.T) (train, test svm.Rows, labels [][]int8) {
	labels = [][]int8{make([]int8, 150), make([]int8, 150), make([]int8, 150)}
	for i, v := range golden.Fill("svm.labels", seed, 150*3) {
		if v > 0.4 {
			labels[i%3][i/3] = metrics.Present
		}
	}
	for i := range labels[0] {
		labels[0][i] = 0
		if i%5 == 0 {
			labels[0][i] = metrics.Present
		}
	}
	return rows(t, cloud("svm", 150, 12, 5, 2), 12).Normalized(), rows(t, cloud("svm.test", 40, 12, 5, 2), 12).Normalized(), labels
}

// The optimum is unique. Decisions within 1e-6 of LIBLINEAR's leave accuracy and average precision the same.
func TestTrainReachesLIBLINEARsOptimum(t *testing.T) {
	var want references
	require.NoError(t, golden.JSON("probes.json", &want))
	train, test, labels := problems(t)
	for _, f := range want.SVM.Fits {
		t.Run(fmt.Sprintf("class %d, cost %v, scaling %v", f.Class, f.Cost, f.Scaling), func(t *testing.T) {
			o := svm.Defaults()
			o.InterceptScaling, o.Tolerance, o.MaxIterations = f.Scaling, 1e-9, 1_000_000
			m, err := svm.Train(context.Background(), train, labels[f.Class], f.Cost, o)
			require.NoError(t, err)
			assert.True(t, m.Converged, "%d passes", m.Iterations)
			assert.InDeltaSlice(t, f.Weights, m.Weights, 1e-6)
			assert.InDelta(t, f.Intercept, m.Intercept, 1e-6)
			assert.InDeltaSlice(t, f.Decisions, m.Decide(test), 1e-6)
		})
	}
}

func TestCrossValidationEqualsScikitLearns(t *testing.T) {
	var want references
	require.NoError(t, golden.JSON("probes.json", &want))
	train, test, labels := problems(t)
	o := svm.Defaults()
	o.Costs, o.Tolerance, o.MaxIterations = []float64{100, 0.01, 1}, 1e-8, 1_000_000 // in any order
	r, err := svm.Evaluate(context.Background(), svm.Set{Rows: train, Labels: labels},
		svm.Set{Rows: test, Labels: [][]int8{make([]int8, 40), make([]int8, 40), make([]int8, 40)}}, o)
	require.NoError(t, err)
	for c, scores := range want.SVM.CrossValidation {
		assert.InDeltaSlice(t, []float64{scores[2], scores[0], scores[1]}, r.CrossValidation[c], 1e-12, "class %d", c)
		at := slices.Index(r.CrossValidation[c], slices.Max(r.CrossValidation[c]))
		assert.Equal(t, o.Costs[at], r.Models[c].Cost, "class %d", c)
		alone, err := svm.Train(context.Background(), train, labels[c], r.Models[c].Cost, o)
		require.NoError(t, err)
		assert.InDeltaSlice(t, alone.Weights, r.Models[c].Weights, 1e-6, "a path ends where a start from 0 does")
	}
	assert.True(t, math.IsNaN(r.Mean()), "the test images have no positives")
}

func TestFoldsAreScikitLearns(t *testing.T) {
	var want references
	require.NoError(t, golden.JSON("probes.json", &want))
	_, _, labels := problems(t)
	for c := range labels {
		assert.Equal(t, want.SVM.Folds[c], svm.Folds(labels[c], 3))
	}
}

// drawn is a random problem of any shape, which may have copies of images and features that are all 0.
func drawn(t *testing.T, rng *rand.Rand) (svm.Rows, []int8) {
	n, width := 4+rng.IntN(40), 1+rng.IntN(9)
	x, labels := make([]float32, n*width), make([]int8, n)
	for i := range x {
		x[i] = float32(rng.IntN(7) - 3)
	}
	for i := range labels {
		labels[i] = int8(rng.IntN(3) - 1)
	}
	labels[0], labels[1] = metrics.Present, metrics.Absent
	return rows(t, x, width), labels
}

// At the optimum of the primal its gradient is 0: w = 2C Σ cᵢ max(0, 1 − yᵢf(xᵢ)) yᵢxᵢ, and so with the intercept.
func TestTheGradientOfThePrimalIsZero(t *testing.T) {
	rng := testrand.New(t)
	o := svm.Defaults()
	o.Tolerance, o.MaxIterations, o.IgnoredAsNegative = 1e-10, 1_000_000, false
	for range 200 {
		r, labels := drawn(t, rng)
		o.InterceptScaling = float64(rng.IntN(3))
		cost := math.Pow(10, float64(rng.IntN(4)-3))
		m, err := svm.Train(context.Background(), r, labels, cost, o)
		require.NoError(t, err)
		require.True(t, m.Converged)
		weights, bias := make([]float64, r.Width()), 0.0
		for i, d := range m.Decide(r) {
			y, c := -1.0, o.NegativeWeight
			if labels[i] == metrics.Present {
				y, c = 1, o.PositiveWeight
			}
			if labels[i] == metrics.Ignored {
				continue
			}
			loss := 2 * cost * c * max(0, 1-y*d) * y
			for j := range weights {
				weights[j] += loss * float64(svm.Row(r, i)[j])
			}
			bias += loss * o.InterceptScaling * o.InterceptScaling
		}
		require.InDeltaSlice(t, weights, m.Weights, 1e-7)
		require.InDelta(t, bias, m.Intercept, 1e-7)
	}
}

func TestResultsDoNotDependOnTheNumberOfGoroutines(t *testing.T) {
	train, test, labels := problems(t)
	o := svm.Defaults()
	o.Costs = []float64{0.1, 1}
	testLabels := [][]int8{labels[0][:40], labels[1][:40], labels[2][:40]}
	var results []*svm.Result
	for _, o.Workers = range []int{1, 3} {
		r, err := svm.Evaluate(context.Background(), svm.Set{Rows: train, Labels: labels}, svm.Set{Rows: test, Labels: testLabels}, o)
		require.NoError(t, err)
		results = append(results, r)
	}
	assert.Equal(t, results[0], results[1])
}

// The two choices by hand: on the test set the best mean of all costs, which cross-validation does not see.
func TestChoosingOnTheTestSetIsAtLeastAsGood(t *testing.T) {
	train, test, labels := problems(t)
	testLabels, err := svm.OneVsRest(indices(40, 5), 5)
	require.NoError(t, err)
	sets := [2]svm.Set{{Rows: train, Labels: labels}, {Rows: test, Labels: testLabels[:3]}}
	o := svm.Defaults()
	o.Costs = []float64{0.01, 1, 100}
	best := 0.0
	for _, cost := range o.Costs {
		one := o
		one.Costs = []float64{cost}
		r, err := svm.Evaluate(context.Background(), sets[0], sets[1], one)
		require.NoError(t, err)
		assert.Nil(t, r.CrossValidation[0])
		best = max(best, r.Mean())
	}
	o.Choice = svm.OnTest
	r, err := svm.Evaluate(context.Background(), sets[0], sets[1], o)
	require.NoError(t, err)
	assert.InDelta(t, best, r.Mean(), 0.02) // a path and a start from 0 differ within the tolerance
	assert.Equal(t, r.Models[0].Cost, r.Models[2].Cost)
}

func indices(n, classes int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i % classes)
	}
	return all
}

func TestIgnoredImagesAreNegativesOnlyWhereAskedFor(t *testing.T) {
	train, _, labels := problems(t)
	marked := slices.Clone(labels[0])
	for i := range marked {
		if i%7 == 0 && marked[i] == metrics.Absent {
			marked[i] = metrics.Ignored
		}
	}
	o := svm.Defaults()
	plain, err := svm.Train(context.Background(), train, labels[0], 1, o)
	require.NoError(t, err)
	negative, err := svm.Train(context.Background(), train, marked, 1, o)
	require.NoError(t, err)
	assert.Equal(t, plain, negative)
	o.IgnoredAsNegative = false
	left, err := svm.Train(context.Background(), train, marked, 1, o)
	require.NoError(t, err)
	assert.NotEqual(t, plain.Weights, left.Weights)
}

func TestSamplesHaveKPositivesAndTheirShareOfNegatives(t *testing.T) {
	labels, err := svm.OneVsRest(append(indices(200, 4), -1, -1), 4)
	require.NoError(t, err)
	for _, k := range []int{1, 8, 50} {
		sample, err := svm.Sample(labels, k, 7)
		require.NoError(t, err)
		for c, of := range sample {
			count := map[int8]int{}
			for i, l := range of {
				count[l]++
				if l != metrics.Ignored {
					require.Equal(t, labels[c][i], l)
				}
			}
			assert.Equal(t, map[int8]int{1: k, 0: 3 * k, -1: 202 - 4*k}, count, "class %d", c)
		}
		again, err := svm.Sample(labels, k, 7)
		require.NoError(t, err)
		assert.Equal(t, sample, again)
		other, err := svm.Sample(labels, k, 8)
		require.NoError(t, err)
		if k < 50 {
			assert.NotEqual(t, sample, other)
		}
	}
	_, err = svm.Sample(labels, 51, 7)
	assert.ErrorContains(t, err, "k = 51, class 0: 51 images with label 1 are wanted, there are 50")
}

func TestMoreShotsAreBetter(t *testing.T) {
	x := cloud("shots", 400, 10, 4, 1.5)
	labels, err := svm.OneVsRest(indices(400, 4), 4)
	require.NoError(t, err)
	part := func(from, to int) svm.Set {
		s := svm.Set{Rows: rows(t, x[from*10:to*10], 10).Normalized()}
		for _, l := range labels {
			s.Labels = append(s.Labels, l[from:to])
		}
		return s
	}
	for _, choice := range []svm.Choice{svm.CrossValidated, svm.OnTest} {
		o := svm.Defaults()
		o.Choice = choice
		shots, err := svm.LowShot(context.Background(), part(0, 200), part(200, 400), []int{1, 40}, 5, o)
		require.NoError(t, err)
		require.Len(t, shots[0].Samples, 5)
		assert.Less(t, shots[0].Mean, shots[1].Mean)
		for _, s := range shots {
			assert.True(t, s.Min <= s.Mean && s.Mean <= s.Max && s.Std > 0, "%+v", s)
			assert.InDelta(t, metrics.Mean(s.Samples), s.Mean, 1e-12)
		}
	}
}

func TestASinglePositiveTakesTheFallbackCost(t *testing.T) {
	train, test, labels := problems(t)
	one := make([]int8, 150)
	one[3] = metrics.Present
	o := svm.Defaults()
	o.Costs, o.FallbackCost = []float64{0.1, 1}, 7
	r, err := svm.Evaluate(context.Background(), svm.Set{Rows: train, Labels: [][]int8{one, labels[1]}},
		svm.Set{Rows: test, Labels: [][]int8{labels[0][:40], labels[1][:40]}}, o)
	require.NoError(t, err)
	assert.Equal(t, 7.0, r.Models[0].Cost)
	assert.Nil(t, r.CrossValidation[0])
	assert.Len(t, r.CrossValidation[1], 2)
}

func TestTrainingStops(t *testing.T) {
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stop)
	train, test, labels := problems(t)
	_, err := svm.Evaluate(ctx, svm.Set{Rows: train, Labels: labels}, svm.Set{Rows: test, Labels: labels}, svm.Defaults())
	assert.ErrorIs(t, err, stop)
}

func TestAnEndWithoutConvergenceIsSaid(t *testing.T) {
	train, test, labels := problems(t)
	o := svm.Defaults()
	o.Costs, o.MaxIterations = []float64{1000}, 2
	r, err := svm.Evaluate(context.Background(), svm.Set{Rows: train, Labels: labels[:1]},
		svm.Set{Rows: test, Labels: [][]int8{labels[0][:40]}}, o)
	require.NoError(t, err)
	assert.Equal(t, 1, r.Unconverged())
}

func TestRefusals(t *testing.T) {
	r := rows(t, []float32{1, 2, 3, 4}, 2)
	both := []int8{1, 0}
	evaluate := func(train, test svm.Set, change func(*svm.SolverOptions)) error {
		o := svm.Defaults()
		change(&o)
		_, err := svm.Evaluate(context.Background(), train, test, o)
		return err
	}
	set := svm.Set{Rows: r, Labels: [][]int8{both}}
	keep := func(*svm.SolverOptions) {}
	_, emptyRows := svm.NewRows(nil, 2)
	_, ragged := svm.NewRows([]float32{1, 2, 3}, 2)
	_, infinite := svm.NewRows([]float32{1, 2, 3, float32(math.Inf(1))}, 2)
	_, class := svm.OneVsRest([]int64{3}, 3)
	_, samples := svm.LowShot(context.Background(), set, set, []int{1}, 0, svm.Defaults())
	tests := map[string]error{
		"at least one":                                    emptyRows,
		"3 values of width 2":                             ragged,
		"feature 1 of image 1 is +Inf":                    infinite,
		"image 0 has class 3":                             class,
		"0 samples":                                       samples,
		"1 classes in training, 0 in the test":            evaluate(set, svm.Set{Rows: r}, keep),
		"training features have width 2, test features 1": evaluate(set, svm.Set{Rows: rows(t, []float32{1, 2}, 1), Labels: set.Labels}, keep),
		"class 0: svm: 1 labels for 2 rows":               evaluate(svm.Set{Rows: r, Labels: [][]int8{{1}}}, set, keep),
		"label 5 of image 0":                              evaluate(svm.Set{Rows: r, Labels: [][]int8{{5, 0}}}, set, keep),
		"2 of 2 images are of the class":                  evaluate(svm.Set{Rows: r, Labels: [][]int8{{1, 1}}}, set, keep),
		"no costs":                                        evaluate(set, set, func(o *svm.SolverOptions) { o.Costs = nil }),
		"cost -1":                                         evaluate(set, set, func(o *svm.SolverOptions) { o.Costs = []float64{-1} }),
		"Tolerance = 0":                                   evaluate(set, set, func(o *svm.SolverOptions) { o.Tolerance = 0 }),
		"InterceptScaling = -1":                           evaluate(set, set, func(o *svm.SolverOptions) { o.InterceptScaling = -1 }),
		"Folds = 1":                                       evaluate(set, set, func(o *svm.SolverOptions) { o.Folds = 1 }),
		"Choice = 2":                                      evaluate(set, set, func(o *svm.SolverOptions) { o.Choice = 2 }),
	}
	for want, err := range tests {
		assert.ErrorContains(t, err, want)
	}
}
