// SPDX-License-Identifier: MIT

package logistic_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/eval/logistic"
	"seer/internal/golden"
	"seer/torch"
	"seer/torch/torchtest"
)

const (
	seed    = 20210302 // of the golden files
	n       = 240
	width   = 9
	classes = 5
)

type references struct {
	Logistic struct {
		Fits []struct {
			C, Objective float64
			Weights      [][]float64
			Intercepts   []float64
		}
		TwoClasses []float64 `json:"two_classes"`
	}
}

func load(t *testing.T) (r references) {
	t.Helper()
	require.NoError(t, golden.JSON("probes.json", &r))
	return r
}

// images are the golden script's: points around one centre a class, far from 0.
func images() (x []float64, labels []int64) {
	centres := golden.Tensor("logistic.centres", []int64{classes, width}, 1, seed)
	for i, v := range golden.Tensor("logistic.noise", []int64{n, width}, 3, seed) {
		x = append(x, float64(v+centres[i/width%classes*width+i%width])+2)
		if i%width == 0 {
			labels = append(labels, int64(i/width%classes))
		}
	}
	return x, labels
}

func set(x []float64, labels []int64) logistic.Set {
	return logistic.Set{X: torch.FromFloat64(x, int64(len(labels)), int64(len(x)/len(labels))), Labels: labels}
}

// fit fits the golden images in a scope of its own.
func fit(t *testing.T, s logistic.Set, classes int, costs ...float64) []*logistic.Model {
	t.Helper()
	o := logistic.Defaults()
	o.Costs = costs
	models, err := logistic.Fit(context.Background(), torch.CPU, s, classes, o)
	require.NoError(t, err)
	for _, m := range models {
		assert.True(t, m.Converged)
	}
	return models
}

func scoped(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	t.Cleanup(scope.Close)
}

// The minimum is unique: scikit-learn's Newton method and this one meet in it.
func TestFitReachesScikitLearnsMinimum(t *testing.T) {
	scoped(t)
	want := load(t).Logistic.Fits
	x, labels := images()
	var costs []float64
	for i := range want {
		costs = append(costs, want[len(want)-1-i].C) // in any order
	}
	models := fit(t, set(x, labels), classes, costs...)
	for i, w := range want {
		t.Run(fmt.Sprint("C = ", w.C), func(t *testing.T) {
			m := models[len(want)-1-i]
			assert.Equal(t, w.C, m.Cost)
			assert.InEpsilon(t, w.Objective, m.Objective, 1e-12)
			for c, row := range w.Weights {
				assert.InDeltaSlice(t, row, m.Weights[c*width:(c+1)*width], 1e-8)
			}
			assert.InDeltaSlice(t, w.Intercepts, m.Intercepts, 1e-8)
			assert.Less(t, m.Iterations, 60, "the preconditioner works")
		})
	}
}

func TestTwoClassesAreScikitLearnsSingleVector(t *testing.T) {
	scoped(t)
	x, labels := images()
	for i := range labels {
		labels[i] %= 2
	}
	m := fit(t, set(x, labels), 2, 1)[0]
	for i, p := range load(t).Logistic.TwoClasses {
		score := m.Intercepts[1] - m.Intercepts[0]
		for j := range width {
			score += (m.Weights[width+j] - m.Weights[j]) * x[i*width+j]
		}
		require.InDelta(t, p, 1/(1+math.Exp(-score)), 1e-8)
	}
}

// Columns of zeros change nothing, and make features too wide to turn.
func TestWideFeaturesAreNotTurned(t *testing.T) {
	scoped(t)
	const wide = 2100
	x, labels := images()
	padded := make([]float64, n*wide)
	for i, v := range x {
		padded[i/width*wide+i%width] = v
	}
	want, got := fit(t, set(x, labels), classes, 0.1)[0], fit(t, set(padded, labels), classes, 0.1)[0]
	for c := range classes {
		assert.InDeltaSlice(t, want.Weights[c*width:(c+1)*width], got.Weights[c*wide:c*wide+width], 1e-8)
	}
	assert.InDeltaSlice(t, want.Intercepts, got.Intercepts, 1e-8)
}

// Every image 500 times with a 500th of C is the same problem, in several blocks.
func TestImagesPassInBlocks(t *testing.T) {
	scoped(t)
	x, labels := images()
	var many []float64
	var manyLabels []int64
	for range 500 {
		many, manyLabels = append(many, x...), append(manyLabels, labels...)
	}
	want, got := fit(t, set(x, labels), classes, 1)[0], fit(t, set(many, manyLabels), classes, 1./500)[0]
	assert.InDeltaSlice(t, want.Weights, got.Weights, 1e-8)
}

func TestAClassWithoutImagesIsNeverChosen(t *testing.T) {
	scoped(t)
	x, labels := images()
	want := fit(t, set(x, labels), classes, 1)[0]
	for i := range labels {
		labels[i]++ // 1 to 5 of 7
	}
	s := set(x, labels)
	got := fit(t, s, 7, 1)[0]
	assert.Equal(t, want.Weights, got.Weights[width:6*width])
	assert.True(t, math.IsInf(got.Intercepts[0], -1) && math.IsInf(got.Intercepts[6], -1))
	count, err := got.Classify(torch.CPU, 0, s)
	require.NoError(t, err)
	assert.Greater(t, count.Accuracy(1), 0.4)
}

func TestEvaluateChoosesOnATenthAndFitsAll(t *testing.T) {
	scoped(t)
	x, labels := images()
	s := set(x, labels)
	o := logistic.Defaults()
	o.Costs = []float64{10, 1e-6, 1e-2, 1}
	r, err := logistic.Evaluate(context.Background(), torch.CPU, s, classes, o)
	require.NoError(t, err)
	best := 0
	for i, v := range r.Validation {
		assert.InDelta(t, math.Round(v*24), v*24, 1e-9, "a tenth is 24 images")
		if v > r.Validation[best] || v == r.Validation[best] && o.Costs[i] < o.Costs[best] {
			best = i
		}
	}
	assert.Equal(t, o.Costs[best], r.Cost)
	assert.InDeltaSlice(t, fit(t, s, classes, r.Cost)[0].Weights, r.Weights, 1e-8)
	again, err := logistic.Evaluate(context.Background(), torch.CPU, s, classes, o)
	require.NoError(t, err)
	assert.Equal(t, r, again)
}

func TestTheGridIsDINOv2s(t *testing.T) {
	o := logistic.Defaults()
	assert.Len(t, o.Costs, 45)
	assert.InEpsilon(t, 1e-6, o.Costs[0], 1e-12)
	assert.InEpsilon(t, math.Pow(10, -0.5), o.Costs[22], 1e-12)
	assert.InEpsilon(t, 1e5, o.Costs[44], 1e-12)
}

func TestFitStops(t *testing.T) {
	scoped(t)
	x, labels := images()
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	o := logistic.Defaults()
	o.Progress = func(done, total int) {
		assert.Equal(t, 45, total)
		cancel(stop)
	}
	_, err := logistic.Fit(ctx, torch.CPU, set(x, labels), classes, o)
	assert.ErrorIs(t, err, stop)
}

func TestRefusals(t *testing.T) {
	scoped(t)
	x, labels := images()
	good := set(x, labels)
	run := func(s logistic.Set, classes int, change func(*logistic.FitOptions)) error {
		o := logistic.Defaults()
		change(&o)
		_, err := logistic.Fit(context.Background(), torch.CPU, s, classes, o)
		return err
	}
	keep := func(*logistic.FitOptions) {}
	tests := map[string]error{
		"C = []; at least one is needed": run(good, classes, func(o *logistic.FitOptions) { o.Costs = nil }),
		"C = [0]":                        run(good, classes, func(o *logistic.FitOptions) { o.Costs = []float64{0} }),
		"tolerance -1":                   run(good, classes, func(o *logistic.FitOptions) { o.Tolerance = -1 }),
		"3 labels for 240 images":        run(logistic.Set{X: good.X, Labels: labels[:3]}, classes, keep),
		"image 4 has label 4; with 4 classes 0 to 3 are allowed": run(good, 4, keep),
		"all 240 images have class 0":                            run(logistic.Set{X: good.X, Labels: make([]int64, n)}, classes, keep),
	}
	_, tests["3 images; at least 10"] = logistic.Evaluate(context.Background(), torch.CPU, set(x[:27], labels[:3]), classes, logistic.Defaults())
	broken, _ := images()
	broken[17] = math.Inf(1)
	tests["not all finite"] = run(set(broken, labels), classes, keep)
	m := fit(t, good, classes, 1)[0]
	_, tests["training features have width 9, test features 3"] = m.Classify(torch.CPU, 0, set(x[:9], labels[:3]))
	for want, err := range tests {
		assert.ErrorContains(t, err, want)
	}
}
