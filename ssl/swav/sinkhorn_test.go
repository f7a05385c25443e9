// SPDX-License-Identifier: MIT

package swav_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/ssl/swav"
	"seer/torch"
	"seer/torch/torchtest"
)

// Real scores are cosines: these are of unit vectors in d dimensions. The fewer dimensions, the wider they spread.
func cosines(n, k, d int64) *torch.Tensor {
	z := torch.Randn(torchtest.Device, n, d).Normalize(1)
	c := torch.Randn(torchtest.Device, k, d).Normalize(1)
	return torch.Linear(z, c, nil)
}

func TestSinkhornEqualsPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	file, err := golden.Load("sinkhorn.safetensors")
	require.NoError(t, err)
	worst := 0.0
	for _, shape := range [][2]int{{12, 16}, {64, 40}, {33, 24}} {
		for _, eps := range []float64{0.05, 0.03} {
			for _, iterations := range []int{1, 3, 10} {
				name := fmt.Sprintf("n%d_k%d_eps%g_it%d", shape[0], shape[1], eps, iterations)
				scores := file.Get(name + ".scores")
				q := swav.Sinkhorn(torchtest.Float32(scores.Data, scores.Shape...), eps, iterations)
				diff := golden.MaxAbs(q.Float32s(), file.Get(name+".q").Data)
				assert.LessOrEqual(t, diff, 1e-6, name)
				worst = max(worst, diff)
			}
		}
	}
	t.Logf("largest error %.1e", worst)
}

func TestSinkhornEqualsTheOracle(t *testing.T) {
	torch.ManualSeed(4)
	for _, c := range []struct {
		n, k, d    int64
		epsilon    float64
		iterations int
	}{
		{1, 1, 2, 0.05, 1}, {1, 9, 4, 0.05, 3}, {9, 1, 4, 0.05, 3}, {16, 8, 16, 0.05, 3}, {50, 30, 3, 0.03, 10},
		{30, 200, 64, 0.03, 10}, {64, 3000, 128, 0.05, 3}, {20, 10, 8, 0.5, 5}, {40, 12, 64, 0.01, 10},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			torchtest.NoLeaks(t)
			scores := cosines(c.n, c.k, c.d)
			want := oracle(scores.Float32s(), int(c.n), int(c.k), c.epsilon, c.iterations)
			got := swav.Sinkhorn(scores, c.epsilon, c.iterations).Float32s()
			// Scores are float32: their last bit, 3e-8 of 1/2, is e^(3e-8/ε) in Q.
			assert.LessOrEqual(t, golden.MaxAbs(got, want), 4e-7+1e-7/c.epsilon)
		})
	}
}

// Rows are exact after every iteration; columns come closer to N/K the more there are.
func TestSinkhornBalancesPrototypes(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(5)
	const n, k = 60, 20
	scores := cosines(n, k, 4)
	last := math.Inf(1)
	for _, iterations := range []int{1, 3, 10, 100} {
		q := swav.Sinkhorn(scores, 0.05, iterations)
		torchtest.Close(t, "rows", q.SumDims(false, 1).Float32s(), torch.Ones(torch.Float32, torchtest.Device, n).Float32s(), 1e-5)
		imbalance := q.SumDims(false, 0).DivScalar(float64(n) / k).AddScalar(-1).Abs().Max().Item()
		assert.Less(t, imbalance, last, "%d iterations", iterations)
		assert.GreaterOrEqual(t, q.Min().Item(), 0.0)
		last = imbalance
	}
	assert.Less(t, last, 1e-3)
}

// Identical embeddings give no reason to prefer any prototype: Q is uniform whatever the scores are.
func TestSinkhornOfIdenticalRowsIsUniform(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(6)
	const n, k = 24, 10
	scores := cosines(1, k, 8).Expand(n, k)
	for _, iterations := range []int{1, 3, 10} {
		q := swav.Sinkhorn(scores, 0.05, iterations)
		uniform := torch.Full(1.0/k, torch.Float32, torchtest.Device, n, k)
		assert.LessOrEqual(t, golden.MaxAbs(q.Float32s(), uniform.Float32s()), 1e-6)
	}
}

// A constant added to all scores changes nothing: exp(1/0.01) overflows float32, and must not be computed.
func TestSinkhornIgnoresAShift(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(7)
	scores := cosines(32, 16, 8)
	a, b := swav.Sinkhorn(scores, 0.05, 3), swav.Sinkhorn(scores.AddScalar(4), 0.05, 3)
	assert.LessOrEqual(t, golden.MaxAbs(a.Float32s(), b.Float32s()), 3e-5)
	q := swav.Sinkhorn(scores.AddScalar(50), 0.05, 3)
	assert.Equal(t, 1.0, q.IsFinite().All().Item())
}

// Scores of ±1 are the farthest apart that cosines can be: at ε = 0.01 their exponentials are 10⁸⁷ apart, which
// float32 cannot hold. Assignments stay finite and rows still sum to one, also for a row far below all others.
func TestSinkhornSurvivesUnderflow(t *testing.T) {
	const n, k = 16, 6
	patterns := map[string]func(i, j int) float32{
		"signs":             func(i, j int) float32 { return float32(1 - 2*((i+j)%2)) },
		"one prototype":     func(_, j int) float32 { return map[bool]float32{true: 1, false: -1}[j == 0] },
		"one low row":       func(i, j int) float32 { return map[bool]float32{true: -1, false: float32(j%3) - 1}[i == 0] },
		"dead prototype":    func(i, j int) float32 { return map[bool]float32{true: -1, false: float32((i*j)%5) / 5}[j == 5] },
		"all equal":         func(_, _ int) float32 { return 1 },
		"all equal and low": func(_, _ int) float32 { return -1 },
	}
	for name, at := range patterns {
		for _, epsilon := range []float64{0.05, 0.03, 0.01, 0.001} {
			t.Run(fmt.Sprintf("%s/%g", name, epsilon), func(t *testing.T) {
				torchtest.NoLeaks(t)
				data := make([]float32, n*k)
				for i := range data {
					data[i] = at(i/k, i%k)
				}
				q := swav.Sinkhorn(torchtest.Float32(data, n, k), epsilon, 10)
				require.Equal(t, 1.0, q.IsFinite().All().Item(), "%v", q.Float32s())
				ones := torch.Ones(torch.Float32, torchtest.Device, n).Float32s()
				torchtest.Close(t, "rows", q.SumDims(false, 1).Float32s(), ones, 1e-5)
			})
		}
	}
}

// SEER's size of prototypes, in float32: the sums over 16 000 of them keep their digits.
func TestSinkhornWithManyPrototypes(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(8)
	const n, k = 64, 16000
	scores := cosines(n, k, 256)
	q := swav.Sinkhorn(scores, 0.03, 10)
	ones := torch.Ones(torch.Float32, torchtest.Device, n).Float32s()
	torchtest.Close(t, "rows", q.SumDims(false, 1).Float32s(), ones, 1e-5)
	got, want := q.Float32s(), oracle(scores.Float32s(), n, k, 0.03, 10)
	assert.LessOrEqual(t, golden.MaxRel(got, want), 1e-4)
	assert.LessOrEqual(t, golden.MaxAbs(got, want), 4e-6)
}
