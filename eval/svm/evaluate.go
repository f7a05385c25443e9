// SPDX-License-Identifier: MIT

package svm

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"seer/eval/metrics"
)

// Set is images with their labels.
type Set struct {
	Rows   Rows
	Labels [][]int8 // [class][image]: metrics.Present, Absent or Ignored
}

// OneVsRest are the labels of images of one class each; a negative class is an image without, ignored everywhere.
func OneVsRest(classes []int64, n int) ([][]int8, error) {
	labels := make([][]int8, n)
	for c := range labels {
		labels[c] = make([]int8, len(classes))
	}
	for i, class := range classes {
		if class >= int64(n) {
			return nil, fmt.Errorf("svm: image %d has class %d; with %d classes 0 to %d are allowed", i, class, n, n-1)
		}
		for c := range labels {
			switch {
			case class < 0:
				labels[c][i] = metrics.Ignored
			case class == int64(c):
				labels[c][i] = metrics.Present
			}
		}
	}
	return labels, nil
}

// Result is what [Evaluate] found.
type Result struct {
	Models           []*Model    // of each class, at the chosen cost
	CrossValidation  [][]float64 // [class][cost]: mean average precision over the folds; nil where nothing was validated
	AveragePrecision []float64   // of each class on the test images ([metrics.Interpolated]); NaN without a positive
}

// Mean is mAP over the classes that the test images have.
func (r *Result) Mean() float64 { return metrics.Mean(r.AveragePrecision) }

// Unconverged is how many of the models stopped at Options.MaxIterations.
func (r *Result) Unconverged() (n int) {
	for _, m := range r.Models {
		if !m.Converged {
			n++
		}
	}
	return n
}

// Evaluate trains each class of train at the cost that o.Choice says, and measures it on test.
func Evaluate(ctx context.Context, train, test Set, o SolverOptions) (*Result, error) {
	all, err := candidatesOf(ctx, train, test, o)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	common := -1
	if o.Choice == OnTest {
		common = best(meanByCost(all))
	}
	for _, c := range all {
		at := max(common, 0)
		if common < 0 && c.validation != nil {
			at = best(c.validation)
		}
		r.Models = append(r.Models, c.models[at])
		r.CrossValidation = append(r.CrossValidation, c.validation)
		r.AveragePrecision = append(r.AveragePrecision, c.precision[at])
	}
	return r, nil
}

// candidates are the models of one class.
type candidates struct {
	models     []*Model
	validation []float64 // by cost
	precision  []float64 // on the test images, by cost
}

func candidatesOf(ctx context.Context, train, test Set, o SolverOptions) ([]candidates, error) {
	if err := checkSets(train, test, o); err != nil {
		return nil, err
	}
	all := make([]candidates, len(train.Labels))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.workers())
	for c := range all {
		group.Go(func() (err error) {
			if all[c], err = class(ctx, train, test, c, o); err != nil {
				return fmt.Errorf("class %d: %w", c, err)
			}
			return nil
		})
	}
	return all, group.Wait()
}

func checkSets(train, test Set, o SolverOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if len(train.Labels) != len(test.Labels) || len(train.Labels) == 0 {
		return fmt.Errorf("svm: %d classes in training, %d in the test; the same number is needed, at least one", len(train.Labels), len(test.Labels))
	}
	if train.Rows.width != test.Rows.width {
		return fmt.Errorf("svm: training features have width %d, test features %d; compute both with one trunk", train.Rows.width, test.Rows.width)
	}
	return nil
}

// class fits the candidates of one class: all costs, or, where the choice can be made before, the chosen one.
func class(ctx context.Context, train, test Set, c int, o SolverOptions) (k candidates, err error) {
	p, err := newProblem(train.Rows, train.Labels[c], o)
	if err != nil {
		return k, err
	}
	stream := uint64(c) << 8
	costs := o.Costs
	if folds := min(o.Folds, p.positives(), len(p.images)-p.positives()); o.Choice == CrossValidated && len(costs) > 1 {
		if folds < 2 {
			costs = []float64{o.FallbackCost}
		} else if k.validation, err = p.crossValidate(ctx, folds, o, stream); err != nil {
			return k, err
		}
	}
	// A path ends at the chosen cost: what comes behind it is not needed, what comes before makes it fast.
	if k.validation != nil {
		costs = upTo(costs, costs[best(k.validation)])
	}
	if k.models, err = p.path(ctx, costs, o, stream); err != nil {
		return k, err
	}
	if k.validation != nil {
		k.models = inPlace(k.models, o.Costs)
	}
	return k, k.measure(test, c)
}

// upTo are the costs that are no larger than one of them.
func upTo(costs []float64, last float64) (some []float64) {
	for _, c := range costs {
		if c <= last {
			some = append(some, c)
		}
	}
	return some
}

// inPlace puts models where their costs are in a longer list.
func inPlace(models []*Model, costs []float64) []*Model {
	all := make([]*Model, len(costs))
	for i, c := range costs {
		for _, m := range models {
			if m.Cost == c {
				all[i] = m
			}
		}
	}
	return all
}

func (k *candidates) measure(test Set, c int) error {
	k.precision = make([]float64, len(k.models))
	for i, m := range k.models {
		if m == nil {
			k.precision[i] = math.NaN()
			continue
		}
		var err error
		if k.precision[i], err = metrics.AveragePrecision(m.Decide(test.Rows), test.Labels[c], metrics.Interpolated); err != nil {
			return err
		}
	}
	return nil
}

// best is the first of the largest.
func best(values []float64) int {
	at := 0
	for i, v := range values {
		if v > values[at] || values[at] != values[at] {
			at = i
		}
	}
	return at
}

// meanByCost is mAP for each cost.
func meanByCost(all []candidates) []float64 {
	means := make([]float64, len(all[0].precision))
	for i := range means {
		column := make([]float64, len(all))
		for c, k := range all {
			column[c] = k.precision[i]
		}
		means[i] = metrics.Mean(column)
	}
	return means
}
