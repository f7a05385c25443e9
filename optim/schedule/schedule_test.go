// SPDX-License-Identifier: MIT

package schedule

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// SEER's RegNetY-256GF: 122,070 steps of 8192 images, 8,000 of them warm-up from
// 0.15 to 9.6, cosine down to 0.0096 (VISSL).
func TestSEERSchedule(t *testing.T) {
	s := WarmupCosine(9.6, 0.15, 0.0096, 8000, 122_070, Global)
	for _, c := range []struct {
		step int64
		want float64
	}{
		{0, 0.15},
		{1, 0.15 + 9.45/8000},
		{4000, (0.15 + 9.6) / 2},
		{7999, 9.6 - 9.45/8000},
		{8000, 0.0096 + 0.5*(9.6-0.0096)*(1+math.Cos(math.Pi*8000/122_070))},
		{61_035, (9.6 + 0.0096) / 2},
		{122_070, 0.0096},
		{200_000, 0.0096},
	} {
		assert.InDelta(t, c.want, s.At(c.step), 1e-12, "step %d", c.step)
	}
	assert.InDelta(t, 0.989, s.At(8000)/9.6, 0.0005, "the rate steps down where warm-up and cosine meet")
	assert.Greater(t, s.At(122_069), 0.0096)
}

// SwAV's own code: np.linspace over the warm-up, then a cosine from the peak.
func TestSwAVSchedule(t *testing.T) {
	s := WarmupCosine(4.8, 0.3, 0.0048, 100, 1100, Restart)
	assert.InDelta(t, 0.3, s.At(0), 1e-12)
	assert.InDelta(t, 4.8, s.At(100), 1e-12, "the cosine starts at the peak")
	assert.InDelta(t, (4.8+0.0048)/2, s.At(600), 1e-12)
	assert.InDelta(t, 0.0048, s.At(1100), 1e-12)
}

func TestWithoutWarmup(t *testing.T) {
	for _, phase := range []Phase{Global, Restart} {
		s := WarmupCosine(0.3, 0, 0, 0, 10, phase)
		assert.InDelta(t, 0.3, s.At(0), 1e-12)
		assert.InDelta(t, 0.15, s.At(5), 1e-12)
	}
	assert.Equal(t, Constant(2), WithWarmup(Constant(2), 2, 1, 0))
}

func TestWarmupAsLongAsTheRun(t *testing.T) {
	s := WarmupCosine(1, 0, 0.1, 10, 10, Restart)
	assert.InDelta(t, 0.9, s.At(9), 1e-12)
	assert.InDelta(t, 1, s.At(10), 1e-12, "a step never run, but no division by zero")
}

func TestConstantAndMultiStep(t *testing.T) {
	assert.Equal(t, 0.5, Constant(0.5).At(1<<40))
	s := MultiStep{Peak: 1, Gamma: 0.1, Milestones: []int64{8, 16, 24}}
	for step, want := range map[int64]float64{0: 1, 7: 1, 8: 0.1, 15: 0.1, 16: 0.01, 23: 0.01, 24: 0.001, 1000: 0.001} {
		assert.InDelta(t, want, s.At(step), 1e-12, "step %d", step)
	}
	assert.Equal(t, 3.0, MultiStep{Peak: 3, Gamma: 0.1}.At(5))
	w := WithWarmup(s, 1, 0.2, 4)
	assert.InDelta(t, 0.6, w.At(2), 1e-12)
	assert.InDelta(t, 0.1, w.At(8), 1e-12, "milestones count from the run's start")
}

func TestCosineNeverRises(t *testing.T) {
	for _, phase := range []Phase{Global, Restart} {
		s := WarmupCosine(1, 0.1, 0.001, 50, 1000, phase)
		for step := int64(51); step < 1000; step++ {
			assert.LessOrEqual(t, s.At(step), s.At(step-1), "%s, step %d", phase, step)
		}
	}
}
