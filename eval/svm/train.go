// SPDX-License-Identifier: MIT

package svm

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"seer/eval/metrics"
)

// Train fits one class at one cost. Labels are metrics.Present, Absent and Ignored; both of the first two have to occur.
func Train(ctx context.Context, rows Rows, labels []int8, cost float64, o SolverOptions) (*Model, error) {
	o.Costs = []float64{cost}
	if err := o.check(); err != nil {
		return nil, err
	}
	p, err := newProblem(rows, labels, o)
	if err != nil {
		return nil, err
	}
	return newSolver(p, o, 0).solve(ctx, cost)
}

func newProblem(rows Rows, labels []int8, o SolverOptions) (problem, error) {
	p := problem{rows: rows}
	if len(labels) != rows.Len() {
		return p, fmt.Errorf("svm: %d labels for %d rows of features", len(labels), rows.Len())
	}
	for i, label := range labels {
		switch {
		case label < metrics.Ignored || label > metrics.Present:
			return p, fmt.Errorf("svm: label %d of image %d; 1 (present), 0 (absent) and -1 (ignored) are allowed", label, i)
		case label != metrics.Ignored || o.IgnoredAsNegative:
			p.images, p.positive = append(p.images, i), append(p.positive, label == metrics.Present)
		}
	}
	if n := p.positives(); n == 0 || n == len(p.images) {
		return p, fmt.Errorf("svm: %d of %d images are of the class; some have to be, and some not", n, len(p.images))
	}
	return p, nil
}

func (p problem) positives() (n int) {
	for _, positive := range p.positive {
		if positive {
			n++
		}
	}
	return n
}

// path fits all costs in ascending order, each from where the one before ended; models are in the order of costs.
func (p problem) path(ctx context.Context, costs []float64, o SolverOptions, stream uint64) ([]*Model, error) {
	models := make([]*Model, len(costs))
	order := make([]int, len(costs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(costs[a], costs[b]) })
	s := newSolver(p, o, stream)
	for _, i := range order {
		var err error
		if models[i], err = s.solve(ctx, costs[i]); err != nil {
			return nil, err
		}
	}
	return models, nil
}

// folds says for each image the fold that holds it out, as scikit-learn's StratifiedKFold without shuffling: every fold
// has its share of both classes, in the order of the images.
func (p problem) folds(k int) []int {
	first, firsts := p.positive[0], 0
	for _, positive := range p.positive {
		if positive == first {
			firsts++
		}
	}
	// Of a list of all of the first class and then all of the second, fold f takes each k-th image from f on.
	left := [2][]int{make([]int, k), make([]int, k)}
	for i := range p.positive {
		if i < firsts {
			left[0][i%k]++
		} else {
			left[1][i%k]++
		}
	}
	held, at := make([]int, len(p.positive)), [2]int{}
	for i, positive := range p.positive {
		c := 0
		if positive != first {
			c = 1
		}
		for left[c][at[c]] == 0 {
			at[c]++
		}
		held[i] = at[c]
		left[c][at[c]]--
	}
	return held
}

// split parts a problem into what fold f trains on and what it holds out.
func (p problem) split(held []int, f int) (train, test problem) {
	train.rows, test.rows = p.rows, p.rows
	for i, image := range p.images {
		to := &train
		if held[i] == f {
			to = &test
		}
		to.images, to.positive = append(to.images, image), append(to.positive, p.positive[i])
	}
	return train, test
}

// averagePrecision is scikit-learn's, of a model on a problem's images.
func (p problem) averagePrecision(m *Model) (float64, error) {
	scores, labels := make([]float64, len(p.images)), make([]int8, len(p.images))
	for i, image := range p.images {
		scores[i] = p.rows.scaleOf(image)*dot(p.rows.row(image), m.Weights) + m.Intercept
		if p.positive[i] {
			labels[i] = metrics.Present
		}
	}
	return metrics.AveragePrecision(scores, labels, metrics.Stepwise)
}

// crossValidate is the mean average precision over the folds, for each cost.
func (p problem) crossValidate(ctx context.Context, folds int, o SolverOptions, stream uint64) ([]float64, error) {
	held, mean := p.folds(folds), make([]float64, len(o.Costs))
	for f := range folds {
		train, test := p.split(held, f)
		models, err := train.path(ctx, o.Costs, o, stream+uint64(f)+1)
		if err != nil {
			return nil, err
		}
		for i, m := range models {
			ap, err := test.averagePrecision(m)
			if err != nil {
				return nil, err
			}
			mean[i] += ap / float64(folds)
		}
	}
	return mean, nil
}
