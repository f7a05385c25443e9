// SPDX-License-Identifier: MIT

// Package rankme says how many dimensions features use: RankMe (Garrido et al., arXiv 2210.02885, equation 1), the
// exponential of the entropy of their normalised singular values. It needs no labels; a collapse shows as a number far
// under the width. The paper takes 25,600 images.
package rankme

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// epsilon is added to each normalised singular value, as the paper does.
const epsilon = 1e-7

// Of is RankMe of features [len(x)/width, width], row-major, in float64: a number from 1 to the smaller side, but for the
// 2e-6 that epsilon adds for each dimension. Features that are all 0 have none. Time grows with rows·width², memory is
// 8 bytes a value.
func Of(x []float32, width int) (float64, error) {
	if width < 1 || len(x) == 0 || len(x)%width != 0 {
		return 0, fmt.Errorf("rankme: %d values of width %d; whole rows of 1 or more are needed, at least one", len(x), width)
	}
	values := make([]float64, len(x))
	for i, v := range x {
		if v-v != 0 {
			return 0, fmt.Errorf("rankme: feature %d of image %d is %v; all have to be finite", i%width, i/width, v)
		}
		values[i] = float64(v)
	}
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(len(x)/width, width, values), mat.SVDNone) {
		return 0, fmt.Errorf("rankme: the singular values of %d×%d features do not converge", len(x)/width, width)
	}
	return FromSingularValues(svd.Values(nil))
}

// FromSingularValues is exp(−Σ pₖ ln pₖ) with pₖ = σₖ / Σσ + 1e-7.
func FromSingularValues(sigma []float64) (float64, error) {
	total := 0.0
	for i, s := range sigma {
		if !(s >= 0) || math.IsInf(s, 1) {
			return 0, fmt.Errorf("rankme: singular value %d is %v; 0 and more are allowed", i, s)
		}
		total += s
	}
	if total == 0 {
		return 0, fmt.Errorf("rankme: all of %d singular values are 0: the features are constant 0", len(sigma))
	}
	entropy := 0.0
	for _, s := range sigma {
		p := s/total + epsilon
		entropy -= p * math.Log(p)
	}
	return math.Exp(entropy), nil
}
