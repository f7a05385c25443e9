// SPDX-License-Identifier: MIT

package svm

import (
	"fmt"
	"runtime"
)

// Choice says how the cost is chosen.
type Choice int

const (
	// CrossValidated takes for each class the cost of the best average precision ([metrics.Stepwise], as scikit-learn's
	// scorer) in cross-validation on the training images. VISSL does so on all of VOC07.
	CrossValidated Choice = iota
	// OnTest takes one cost for all classes, that of the best mean average precision on the test images. VISSL does so for
	// its low-shot figures: they are comparable with each other, and higher than what a fair choice gives.
	OnTest
)

// SolverOptions say how machines are trained and their costs chosen. Begin with [Defaults].
type SolverOptions struct {
	Costs          []float64 // candidates for C
	Choice         Choice
	Folds          int     // of cross-validation; fewer where a class has fewer positives
	FallbackCost   float64 // of a class with a single positive, which cannot be cross-validated
	PositiveWeight float64 // cᵢ of images of the class
	NegativeWeight float64 // cᵢ of the others
	// IgnoredAsNegative makes images whose label is metrics.Ignored negatives in training, as VISSL does with all of VOC07.
	// Else training leaves them out. Tests always do.
	IgnoredAsNegative bool
	InterceptScaling  float64
	Tolerance         float64 // on the spread of the projected gradient, LIBLINEAR's -e
	MaxIterations     int     // passes over the images
	Seed              uint64  // of the order of the coordinates, and of samples
	Workers           int     // classes at a time; 0 is one for each CPU
}

// Defaults are VISSL's for VOC07 (configs/config/benchmark/linear_image_classification/voc07).
func Defaults() SolverOptions {
	return SolverOptions{
		Costs: []float64{0.01, 0.1, 1, 2, 5, 10, 15, 20, 50, 100, 1000}, Folds: 3, FallbackCost: 1, PositiveWeight: 2, NegativeWeight: 1,
		IgnoredAsNegative: true, InterceptScaling: 1, Tolerance: 1e-4, MaxIterations: 2000,
	}
}

func (o SolverOptions) check() error {
	if len(o.Costs) == 0 {
		return fmt.Errorf("svm: there are no costs to choose from")
	}
	for _, c := range append([]float64{o.FallbackCost}, o.Costs...) {
		if !(c > 0) || c-c != 0 {
			return fmt.Errorf("svm: cost %v; it has to be over 0", c)
		}
	}
	for name, v := range map[string]float64{"PositiveWeight": o.PositiveWeight, "NegativeWeight": o.NegativeWeight, "Tolerance": o.Tolerance} {
		if !(v > 0) || v-v != 0 {
			return fmt.Errorf("svm: %s = %v; it has to be over 0", name, v)
		}
	}
	if !(o.InterceptScaling >= 0) || o.InterceptScaling-o.InterceptScaling != 0 {
		return fmt.Errorf("svm: InterceptScaling = %v; 0 (no intercept) and more are allowed", o.InterceptScaling)
	}
	if o.MaxIterations < 1 || o.Folds < 2 {
		return fmt.Errorf("svm: MaxIterations = %d, Folds = %d; at least 1 and 2 are needed", o.MaxIterations, o.Folds)
	}
	if o.Choice != CrossValidated && o.Choice != OnTest {
		return fmt.Errorf("svm: Choice = %d; CrossValidated and OnTest are allowed", o.Choice)
	}
	return nil
}

func (o SolverOptions) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}
