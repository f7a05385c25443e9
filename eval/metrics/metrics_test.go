// SPDX-License-Identifier: MIT

package metrics_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/eval/metrics"
	"seer/internal/golden"
	"seer/internal/testrand"
)

const seed = 20210302 // of the golden files

// references is what scikit-learn and torchmetrics say; nil is a value that does not exist.
type references struct {
	Metrics struct {
		Interpolated, Stepwise, Torchmetrics []*float64
		StepwiseTies                         []float64 `json:"stepwise_ties"`
		TorchmetricsTies                     []float64 `json:"torchmetrics_ties"`
		Macro                                float64   `json:"torchmetrics_macro"`
		Top1, Top3, Macro3                   float64
		Recall3                              []float64
	}
}

func load(t *testing.T) (r references) {
	t.Helper()
	require.NoError(t, golden.JSON("probes.json", &r))
	return r
}

// drawn are the scores and labels of the golden file, [90,6]; no image has class 5.
func drawn() (scores []float32, labels []int8) {
	for i, v := range golden.Fill("metrics.labels", seed, 90*6) {
		label := metrics.Absent
		switch {
		case v > 0.4 && i%6 != 5:
			label = metrics.Present
		case v < -0.8:
			label = metrics.Ignored
		}
		labels = append(labels, label)
	}
	return golden.Fill("metrics.scores", seed, 90*6), labels
}

func averages(t *testing.T, scores []float32, labels []int8, area metrics.Area) []float64 {
	t.Helper()
	m, err := metrics.NewMultiLabel(6)
	require.NoError(t, err)
	require.NoError(t, m.Add(scores[:60], labels[:60]))
	require.NoError(t, m.Add(scores[60:], labels[60:]))
	all, err := m.AveragePrecision(area)
	require.NoError(t, err)
	return all
}

func TestAveragePrecisionEqualsVISSLsAndScikitLearns(t *testing.T) {
	want := load(t).Metrics
	scores, labels := drawn()
	interpolated := averages(t, scores, labels, metrics.Interpolated)
	stepwise := averages(t, scores, labels, metrics.Stepwise)
	for c := range 5 {
		assert.InDelta(t, *want.Interpolated[c], interpolated[c], 1e-12, "class %d", c)
		assert.InDelta(t, *want.Stepwise[c], stepwise[c], 1e-12, "class %d", c)
		assert.InDelta(t, *want.Torchmetrics[c], stepwise[c], 1e-6, "class %d: torchmetrics computes in float32", c)
	}
	assert.Nil(t, want.Interpolated[5])
	assert.True(t, math.IsNaN(interpolated[5]) && math.IsNaN(stepwise[5]), "no image has class 5")
	assert.InDelta(t, want.Macro, metrics.Mean(stepwise)*5/6, 1e-6, "torchmetrics counts the class without positives as 0")
}

func TestEqualScoresAreOnePointOfTheCurve(t *testing.T) {
	want := load(t).Metrics
	scores, labels := drawn()
	for i, v := range scores {
		scores[i] = float32(math.RoundToEven(float64(v)*4) / 4)
	}
	got := averages(t, scores, labels, metrics.Stepwise)
	for c := range 5 {
		assert.InDelta(t, want.StepwiseTies[c], got[c], 1e-12)
		assert.InDelta(t, want.TorchmetricsTies[c], got[c], 1e-6)
	}
}

func TestAveragePrecisionByHand(t *testing.T) {
	tests := map[string]struct {
		scores                 []float64
		labels                 []int8
		interpolated, stepwise float64
	}{
		"all before the others": {[]float64{3, 2, 1, 0}, []int8{1, 1, 0, 0}, 1, 1},
		"last":                  {[]float64{3, 2, 1, 0}, []int8{0, 0, 0, 1}, 0.25, 0.25},
		// Precision 0 at rank 1, 1/2, 2/3: the envelope lifts the second to 2/3.
		"an envelope":        {[]float64{3, 2, 1}, []int8{0, 1, 1}, 2. / 3, 0.5*0.5 + 0.5*2/3},
		"all scores equal":   {[]float64{1, 1, 1, 1}, []int8{1, 0, 0, 0}, 0.25, 0.25},
		"ignored are absent": {[]float64{9, 3, 2}, []int8{-1, 1, 0}, 1, 1},
		"infinite scores":    {[]float64{math.Inf(1), math.Inf(-1)}, []int8{1, 0}, 1, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for area, want := range map[metrics.Area]float64{metrics.Interpolated: tt.interpolated, metrics.Stepwise: tt.stepwise} {
				got, err := metrics.AveragePrecision(tt.scores, tt.labels, area)
				require.NoError(t, err)
				assert.InDelta(t, want, got, 1e-15)
			}
		})
	}
}

func TestAveragePrecisionRefuses(t *testing.T) {
	for want, labels := range map[string][]int8{"1 scores for 2 labels": {1, 0}, "label 2 of image 0": {2}, "image 0 is not a number": {1}} {
		_, err := metrics.AveragePrecision([]float64{math.NaN()}, labels, metrics.Stepwise)
		assert.ErrorContains(t, err, want)
	}
	m, err := metrics.NewMultiLabel(2)
	require.NoError(t, err)
	assert.ErrorContains(t, m.Add([]float32{1, 2}, []int8{0, 3}), "label 3 of image 0, class 1")
	assert.ErrorContains(t, m.Add([]float32{1, 2, 3}, []int8{0, 0, 0}), "both need 2 for each image")
	assert.ErrorContains(t, m.Add([]float32{1, float32(math.NaN())}, []int8{0, 0}), "image 0 for class 1 is not a number")
	_, err = metrics.NewMultiLabel(0)
	assert.Error(t, err)
}

// The order of the images, a monotone change of the scores and images that are ignored change nothing; the envelope only
// adds.
func FuzzAveragePrecision(f *testing.F) {
	f.Add([]byte{1, 200, 3, 7, 7, 7}, uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		scores, labels := make([]float64, len(data)), make([]int8, len(data))
		for i, b := range data {
			scores[i], labels[i] = float64(b>>2), int8(b%3)-1
		}
		step, err := metrics.AveragePrecision(scores, labels, metrics.Stepwise)
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(seed, 0))
		rng.Shuffle(len(data), func(i, j int) {
			scores[i], scores[j], labels[i], labels[j] = scores[j], scores[i], labels[j], labels[i]
		})
		for i := range scores {
			scores[i] = math.Sqrt(scores[i]) - 3
		}
		scores, labels = append(scores, 1e9), append(labels, metrics.Ignored)
		again, err := metrics.AveragePrecision(scores, labels, metrics.Stepwise)
		require.NoError(t, err)
		upper, err := metrics.AveragePrecision(scores, labels, metrics.Interpolated)
		require.NoError(t, err)
		if !slices.Contains(labels, metrics.Present) {
			assert.True(t, math.IsNaN(step) && math.IsNaN(upper))
			return
		}
		assert.Equal(t, step, again)
		assert.True(t, 0 < step && step <= upper+1e-12 && upper <= 1, "%v %v", step, upper)
	})
}

func TestClassificationEqualsTorchmetrics(t *testing.T) {
	want := load(t).Metrics
	scores, _ := drawn()
	labels := make([]int64, 90)
	for i := range labels {
		labels[i] = int64(i % 5)
	}
	c, err := metrics.NewClassification(6, 1, 3)
	require.NoError(t, err)
	require.NoError(t, c.Add(scores, labels))
	assert.InDelta(t, want.Top1, c.Accuracy(1), 1e-6)
	assert.InDelta(t, want.Top3, c.Accuracy(3), 1e-6)
	assert.InDelta(t, want.Macro3, c.MeanPerClass(3), 1e-6)
	assert.InDeltaSlice(t, want.Recall3[:5], c.Recall(3)[:5], 1e-6)
	assert.True(t, math.IsNaN(c.Recall(3)[5]), "a class without images has no recall")
}

func TestTopK(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		scores []float32
		label  int64
		right  []int64 // of k = 1, 2, 9
	}{
		{[]float32{0, 3, 1}, 1, []int64{1, 1, 1}},
		{[]float32{2, 3, 1}, 0, []int64{0, 1, 1}},
		{[]float32{2, 3, 1}, 2, []int64{0, 0, 1}},
		{[]float32{1, 1, 1}, 0, []int64{1, 1, 1}}, // of equal scores the lower class comes first
		{[]float32{1, 1, 1}, 2, []int64{0, 0, 1}},
		{[]float32{nan, 0, nan}, 1, []int64{1, 1, 1}},
		{[]float32{nan, 0, nan}, 0, []int64{0, 0, 0}}, // NaN is never right, not even with all classes
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.scores, tt.label), func(t *testing.T) {
			c, err := metrics.NewClassification(3, 1, 2, 9)
			require.NoError(t, err)
			require.NoError(t, c.Add(tt.scores, []int64{tt.label}))
			assert.Equal(t, tt.right, []int64{c.Right(1), c.Right(2), c.Right(9)})
		})
	}
}

// The five best of more classes than that, as the evaluations count them.
func TestTopFive(t *testing.T) {
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
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := metrics.NewClassification(len(tt.scores)/len(tt.labels), 1, 5)
			require.NoError(t, err)
			require.NoError(t, c.Add(tt.scores, tt.labels))
			assert.Equal(t, []int64{tt.top1, tt.top5, int64(len(tt.labels))}, []int64{c.Right(1), c.Right(5), c.Images()})
		})
	}
}

func TestPercent(t *testing.T) {
	c, err := metrics.NewClassification(2, 1, 5)
	require.NoError(t, err)
	assert.Zero(t, c.Percent(1), "no images")
	for range 3 {
		require.NoError(t, c.Add([]float32{2, 1, 1, 2}, []int64{0, 0}))
	}
	assert.Equal(t, 50.0, c.Percent(1))
	assert.Equal(t, 100.0, c.Percent(5))
	assert.ErrorContains(t, c.Add([]float32{1, 2, 3}, []int64{0, 0}), "3 scores for 2 images")
	assert.ErrorContains(t, c.Add([]float32{1, 2}, []int64{-1}), "label -1")
}

func TestPartsAddUpToTheWhole(t *testing.T) {
	rng := testrand.New(t)
	const n, classes = 50, 4
	whole, err := metrics.NewClassification(classes, 1, 2)
	require.NoError(t, err)
	parts, err := metrics.NewClassification(classes, 1, 2)
	require.NoError(t, err)
	all, err := metrics.NewMultiLabel(classes)
	require.NoError(t, err)
	some, err := metrics.NewMultiLabel(classes)
	require.NoError(t, err)
	for range n {
		scores, labels, label := make([]float32, classes), make([]int8, classes), rng.Int64N(classes)
		for c := range classes {
			scores[c], labels[c] = rng.Float32(), int8(rng.IntN(3)-1)
		}
		one, err := metrics.NewClassification(classes, 1, 2)
		require.NoError(t, err)
		require.NoError(t, one.Add(scores, []int64{label}))
		require.NoError(t, parts.Merge(one))
		require.NoError(t, whole.Add(scores, []int64{label}))
		part, err := metrics.NewMultiLabel(classes)
		require.NoError(t, err)
		require.NoError(t, part.Add(scores, labels))
		require.NoError(t, some.Merge(part))
		require.NoError(t, all.Add(scores, labels))
	}
	assert.Equal(t, whole, parts)
	assert.EqualValues(t, n, parts.Images())
	assert.Equal(t, all, some)
}

func TestClassificationRefuses(t *testing.T) {
	_, err := metrics.NewClassification(3, 0)
	assert.ErrorContains(t, err, "k = 0; 1 and more are allowed")
	_, err = metrics.NewClassification(3)
	assert.Error(t, err)
	c, err := metrics.NewClassification(3, 1)
	require.NoError(t, err)
	assert.ErrorContains(t, c.Add([]float32{1, 2, 3}, []int64{3}), "label 3; with 3 classes 0 to 2 are allowed")
	assert.ErrorContains(t, c.Add([]float32{1, 2}, []int64{0}), "2 scores for 1 images; with 3 classes 3 are needed")
	other, err := metrics.NewClassification(3, 1, 5)
	require.NoError(t, err)
	assert.ErrorContains(t, c.Merge(other), "do not merge")
	assert.Zero(t, c.Images())
	assert.True(t, math.IsNaN(c.Accuracy(1)))
	assert.PanicsWithValue(t, "metrics: k = 5 was not counted, [1] were", func() { c.Accuracy(5) })
	m, err := metrics.NewMultiLabel(2)
	require.NoError(t, err)
	n, err := metrics.NewMultiLabel(3)
	require.NoError(t, err)
	assert.ErrorContains(t, m.Merge(n), "2 classes do not merge with 3")
}
