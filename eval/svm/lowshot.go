// SPDX-License-Identifier: MIT

package svm

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"seer/eval/metrics"
)

// Sample keeps, for each class on its own, k positives and (C−1)·k negatives of the labels [class][image], without
// replacement; all other labels become metrics.Ignored. C is the number of classes (VISSL's create_low_shot_samples.py).
func Sample(labels [][]int8, k int, seed uint64) ([][]int8, error) {
	out := make([][]int8, len(labels))
	rng := rand.New(rand.NewPCG(seed, uint64(k)))
	for c, of := range labels {
		out[c] = make([]int8, len(of))
		for i := range out[c] {
			out[c][i] = metrics.Ignored
		}
		for _, want := range []struct {
			label int8
			n     int
		}{{metrics.Present, k}, {metrics.Absent, (len(labels) - 1) * k}} {
			if err := draw(rng, out[c], of, want.label, want.n); err != nil {
				return nil, fmt.Errorf("svm: k = %d, class %d: %w", k, c, err)
			}
		}
	}
	return out, nil
}

// draw copies n labels of one value from of to out.
func draw(rng *rand.Rand, out, of []int8, label int8, n int) error {
	var images []int
	for i, l := range of {
		if l == label {
			images = append(images, i)
		}
	}
	if n < 1 || n > len(images) {
		return fmt.Errorf("%d images with label %d are wanted, there are %d", n, label, len(images))
	}
	for i := range n {
		j := i + rng.IntN(len(images)-i)
		images[i], images[j] = images[j], images[i]
		out[images[i]] = label
	}
	return nil
}

// Shots sums up the samples of one k: fractions of mAP.
type Shots struct {
	K                   int
	Mean, Min, Max, Std float64 // over the samples; Std with divisor n, as NumPy's
	Samples             []float64
}

// LowShot trains on k positives a class and measures on test, for each k with so many independent samples (VISSL: k from 1
// to 96, 5 samples). With [OnTest] a k has one cost for all classes and samples.
func LowShot(ctx context.Context, train, test Set, ks []int, samples int, o SolverOptions) ([]Shots, error) {
	if samples < 1 {
		return nil, fmt.Errorf("svm: %d samples; at least one is needed", samples)
	}
	o.IgnoredAsNegative = false
	var all []Shots
	for _, k := range ks {
		byCost := make([][]float64, samples)
		for s := range byCost {
			var err error
			if byCost[s], err = shot(ctx, train, test, k, o.Seed+uint64(s), o); err != nil {
				return nil, fmt.Errorf("sample %d: %w", s, err)
			}
		}
		all = append(all, sumUp(k, byCost))
	}
	return all, nil
}

// shot is mAP of one sample, by cost; with a choice that is made before the test there is one.
func shot(ctx context.Context, train, test Set, k int, seed uint64, o SolverOptions) ([]float64, error) {
	var err error
	if train.Labels, err = Sample(train.Labels, k, seed); err != nil {
		return nil, err
	}
	if o.Choice == OnTest {
		all, err := candidatesOf(ctx, train, test, o)
		if err != nil {
			return nil, err
		}
		return meanByCost(all), nil
	}
	r, err := Evaluate(ctx, train, test, o)
	if err != nil {
		return nil, err
	}
	return []float64{r.Mean()}, nil
}

// sumUp takes the cost whose mean over the samples is the best.
func sumUp(k int, bySample [][]float64) Shots {
	means := make([]float64, len(bySample[0]))
	for i := range means {
		means[i] = metrics.Mean(column(bySample, i))
	}
	s := Shots{K: k, Min: math.Inf(1), Max: math.Inf(-1)}
	s.Mean, s.Samples = means[best(means)], column(bySample, best(means))
	for _, v := range s.Samples {
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
		s.Std += (v - s.Mean) * (v - s.Mean) / float64(len(s.Samples))
	}
	s.Std = math.Sqrt(s.Std)
	return s
}

func column(rows [][]float64, i int) (values []float64) {
	for _, r := range rows {
		values = append(values, r[i])
	}
	return values
}
