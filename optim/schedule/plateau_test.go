// SPDX-License-Identifier: MIT

package schedule

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// observe feeds one loss n times and counts the cuts.
func observe(p *Plateau, loss float64, n int) (cuts int) {
	for range n {
		if p.Observe(loss) {
			cuts++
		}
	}
	return cuts
}

func TestPlateauHalvesWhenTheLossStands(t *testing.T) {
	p, err := NewPlateau(9.6, 10, 0.5, 0.01)
	require.NoError(t, err)
	assert.Equal(t, 9.6, p.At(0))
	assert.Zero(t, observe(p, 8, 10), "the first window has nothing to be compared with")
	assert.Zero(t, observe(p, 7, 10), "an improvement")
	assert.Zero(t, observe(p, 7, 9), "a window is not judged before it is full")
	assert.Equal(t, 1, observe(p, 7, 1))
	assert.Equal(t, 4.8, p.At(12345))
	assert.Zero(t, observe(p, 6, 10))
	assert.Equal(t, 1, observe(p, 5.95, 10), "less than one percent is no improvement")
	assert.Equal(t, 2.4, p.At(0))
	assert.Equal(t, 1, observe(p, 6.5, 10), "nor is a rise")
	assert.Zero(t, observe(p, 5.8, 10), "measured against the best, 5.95")
}

func TestPlateauMean(t *testing.T) {
	p, err := NewPlateau(1, 4, 0.5, 0)
	require.NoError(t, err)
	for _, loss := range []float64{1, 3, 1, 3} {
		p.Observe(loss)
	}
	require.NotNil(t, p.Best)
	assert.Equal(t, 2.0, *p.Best)
}

func TestPlateauIgnoresNonFiniteLosses(t *testing.T) {
	p, err := NewPlateau(1, 2, 0.5, 0)
	require.NoError(t, err)
	p.Observe(math.NaN())
	p.Observe(math.Inf(1))
	assert.Zero(t, p.Seen)
	_, err = json.Marshal(p)
	assert.NoError(t, err, "the state stays writable")
}

// A run restored from JSON at any step does what the uninterrupted one does.
func TestPlateauStateIsItsJSON(t *testing.T) {
	loss := func(i int) float64 { return 5 + 3*math.Exp(-float64(i)/20) + 0.1*math.Sin(float64(i)) }
	whole, err := NewPlateau(1, 7, 0.5, 0.001)
	require.NoError(t, err)
	broken, err := NewPlateau(1, 7, 0.5, 0.001)
	require.NoError(t, err)
	for i := range 200 {
		text, err := json.Marshal(broken)
		require.NoError(t, err)
		var found Plateau
		require.NoError(t, json.Unmarshal(text, &found))
		broken, err = NewPlateau(1, 7, 0.5, 0.001)
		require.NoError(t, err)
		broken.Restore(found)
		assert.Equal(t, whole.Observe(loss(i)), broken.Observe(loss(i)), "step %d", i)
		assert.Equal(t, whole.At(0), broken.At(0))
	}
	assert.Less(t, whole.Reduction, 1.0)
}

// Settings are the experiment's: those that have changed hold from now on, and what was lowered stays lowered.
func TestPlateauTakesNewSettings(t *testing.T) {
	before, err := NewPlateau(8, 1, 0.5, 0)
	require.NoError(t, err)
	require.Equal(t, 2, observe(before, 5, 3))
	require.Equal(t, 2.0, before.At(0))
	text, err := json.Marshal(before)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "peak", "a state holds no rates")

	after, err := NewPlateau(4, 1, 0.1, 0)
	require.NoError(t, err)
	var found Plateau
	require.NoError(t, json.Unmarshal(text, &found))
	after.Restore(found)
	assert.Equal(t, 1.0, after.At(0), "a quarter of the new peak")
	require.Equal(t, 1, observe(after, 5, 1))
	assert.InDelta(t, 0.1, after.At(0), 1e-12, "cut by the new factor")
}

func TestPlateauSettings(t *testing.T) {
	for _, c := range []struct {
		window            int64
		factor, threshold float64
		want              string
	}{
		{0, 0.5, 0, "window of 0 steps"},
		{5, 1, 0, "factor 1"},
		{5, math.NaN(), 0, "factor NaN"},
		{5, 0.5, -1, "threshold -1"},
	} {
		_, err := NewPlateau(1, c.window, c.factor, c.threshold)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestPlateauBehindAWarmup(t *testing.T) {
	p, err := NewPlateau(2, 1, 0.5, 0)
	require.NoError(t, err)
	s := WithWarmup(p, 2, 0, 4)
	assert.Equal(t, 1.0, s.At(2))
	p.Observe(1)
	p.Observe(1)
	assert.Equal(t, 1.0, s.At(4))
}
