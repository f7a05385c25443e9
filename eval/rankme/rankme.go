// SPDX-License-Identifier: MIT

// Package rankme says how many dimensions features use: RankMe (Garrido et al., arXiv 2210.02885, equation 1), the
// exponential of the entropy of their normalised singular values. It needs no labels; a collapse shows as a number far
// under the width. The paper takes 25,600 images.
package rankme

import (
	"fmt"
	"math"

	"seer/torch"
)

// epsilon is added to each normalised singular value, as the paper does.
const epsilon = 1e-7

// Of is RankMe of features float32 [n, width], in float64 on the device that they are on: a number from 1 to the smaller
// side, but for the 2e-6 that epsilon adds for each dimension. Features that are all 0 have none. Time grows with the
// larger side and the square of the smaller one, memory is 16 bytes a value.
//
// The singular values are those of the features themselves. The eigenvalues of their Gram matrix would be found sooner, but
// squares lose whatever is under 1e-8 of the largest value, which most are after a collapse.
func Of(x *torch.Tensor) (rank float64, err error) {
	if x.Dim() != 2 || x.Numel() == 0 {
		return 0, fmt.Errorf("rankme: features of shape %v; [images, width] is needed, at least one of each", x.Shape())
	}
	var sigma []float64
	if failure := torch.Try(func() {
		scope := torch.NewScope()
		defer scope.Close()
		if err = finite(x); err == nil {
			sigma = x.To(torch.Float64).SingularValues().Float64s()
		}
	}); failure != nil {
		return 0, fmt.Errorf("rankme: the singular values of %v: %w", x, failure)
	}
	if err != nil {
		return 0, err
	}
	return FromSingularValues(sigma)
}

// finite names the first value that is not.
func finite(x *torch.Tensor) error {
	if x.IsFinite().All().Item() != 0 {
		return nil
	}
	width := int(x.Size(1))
	for i, v := range x.ToDevice(torch.CPU).Contiguous().Float32s() {
		if v-v != 0 {
			return fmt.Errorf("rankme: feature %d of image %d is %v; all have to be finite", i%width, i/width, v)
		}
	}
	return nil
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
