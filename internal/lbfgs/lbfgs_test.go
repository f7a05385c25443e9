// SPDX-License-Identifier: MIT

package lbfgs_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/lbfgs"
	"seer/internal/testrand"
)

// rosenbrock is 0 at (1, 1, …, 1), at the end of a bent valley.
func rosenbrock(x, g []float64) (sum float64, _ error) {
	clear(g)
	for i := range len(x) - 1 {
		a, b := x[i+1]-x[i]*x[i], 1-x[i]
		sum += 100*a*a + b*b
		g[i] += -400*a*x[i] - 2*b
		g[i+1] += 200 * a
	}
	return sum, nil
}

func TestRosenbrocksValley(t *testing.T) {
	for _, n := range []int{2, 10, 100} {
		x := make([]float64, n)
		x[0] = -1.2
		r, err := lbfgs.Minimize(rosenbrock, x, lbfgs.SearchOptions{Tolerance: 1e-10})
		require.NoError(t, err)
		assert.True(t, r.Converged, "%+v", r)
		for _, v := range r.X {
			assert.InDelta(t, 1, v, 1e-9)
		}
		assert.Equal(t, -1.2, x[0], "the start is left alone")
	}
}

// quadratic is ½Σ hᵢ(xᵢ−i)² + 1: with curvatures from 1e-6 to 1e6 it needs the right scale.
func quadratic(h []float64) lbfgs.Function {
	return func(x, g []float64) (float64, error) {
		sum := 1.0
		for i, c := range h {
			g[i] = c * (x[i] - float64(i))
			sum += g[i] * (x[i] - float64(i)) / 2
		}
		return sum, nil
	}
}

func TestTheScaleMakesSteepAndFlatAlike(t *testing.T) {
	h, scale := make([]float64, 40), make([]float64, 40)
	for i := range h {
		h[i] = math.Pow(10, float64(i%13)-6)
		scale[i] = 1 / h[i]
	}
	r, err := lbfgs.Minimize(quadratic(h), make([]float64, 40), lbfgs.SearchOptions{Tolerance: 1e-12, Scale: scale})
	require.NoError(t, err)
	assert.True(t, r.Converged)
	assert.LessOrEqual(t, r.Iterations, 3)
	for i, v := range r.X {
		assert.InDelta(t, i, v, 1e-5)
	}
}

// The value's last digit is 1e-16 of 1: the gradient gets far under the square root of that.
func TestTheGradientReachesItsOwnLastDigits(t *testing.T) {
	rng := testrand.New(t)
	for range 20 {
		h := make([]float64, 12)
		for i := range h {
			h[i] = math.Exp(rng.NormFloat64())
		}
		r, err := lbfgs.Minimize(quadratic(h), make([]float64, 12), lbfgs.SearchOptions{Tolerance: 1e-12})
		require.NoError(t, err)
		require.True(t, r.Converged)
		require.Less(t, r.Gradient, 1e-11)
	}
}

func TestItEndsWhereRoundingAllowsNoStep(t *testing.T) {
	steep := []float64{1e9, 1, 1e-3, 1e6}
	r, err := lbfgs.Minimize(quadratic(steep), make([]float64, 4), lbfgs.SearchOptions{Tolerance: 0})
	require.NoError(t, err)
	assert.True(t, r.Converged)
	assert.Less(t, r.Iterations, 500)
	flat := func(x, g []float64) (float64, error) {
		g[0] = 2 * (x[0] - math.Pi)
		return 1e20 + math.Pow(x[0]-math.Pi, 2), nil
	}
	r, err = lbfgs.Minimize(flat, []float64{0}, lbfgs.SearchOptions{})
	require.NoError(t, err)
	assert.True(t, r.Converged)
	assert.InDelta(t, math.Pi, r.X[0], 1e-12)
}

func TestItStopsAfterMaxIterations(t *testing.T) {
	r, err := lbfgs.Minimize(rosenbrock, []float64{-1.2, 1}, lbfgs.SearchOptions{MaxIterations: 3})
	require.NoError(t, err)
	assert.Equal(t, 3, r.Iterations)
	assert.False(t, r.Converged)
}

func TestErrorsOfTheFunctionEndTheSearch(t *testing.T) {
	broken := errors.New("broken")
	_, err := lbfgs.Minimize(func(x, g []float64) (float64, error) { return 0, broken }, []float64{1}, lbfgs.SearchOptions{})
	assert.ErrorIs(t, err, broken)
	_, err = lbfgs.Minimize(func(x, g []float64) (float64, error) { return math.NaN(), nil }, []float64{1}, lbfgs.SearchOptions{})
	assert.ErrorContains(t, err, "NaN in evaluation 1")
}
