// SPDX-License-Identifier: MIT

package svm

import (
	"context"
	"math"
	"math/rand/v2"
)

// Model decides for one class.
type Model struct {
	Weights    []float64
	Intercept  float64
	Cost       float64
	Iterations int  // passes over the images that it took
	Converged  bool // within the tolerance; else Options.MaxIterations ended it
}

// Decide is w·x + b of every row: over 0 is the class. Rows have the width of the training ones.
func (m *Model) Decide(r Rows) []float64 {
	values := make([]float64, r.Len())
	for i := range values {
		values[i] = r.scaleOf(i)*dot(r.row(i), m.Weights) + m.Intercept
	}
	return values
}

// problem is what is learned: some images of rows, and for each whether it is of the class.
type problem struct {
	rows     Rows
	images   []int
	positive []bool
}

// solver has the dual variables of a problem. They stay when the cost changes: costs in ascending order start near their
// optimum.
type solver struct {
	problem
	o      SolverOptions
	alpha  []float64
	square []float64 // ‖x‖² + s²
	order  []int     // places in images; the first ones are active
	w      []float64 // Σ αᵢyᵢxᵢ
	bias   float64   // Σ αᵢyᵢs
	rng    *rand.Rand
	lower  float64 // of the bounds on the projected gradient in the pass before: what lies outside shrinks
	upper  float64
}

func newSolver(p problem, o SolverOptions, stream uint64) *solver {
	n := len(p.images)
	s := &solver{problem: p, o: o, alpha: make([]float64, n), square: make([]float64, n), order: make([]int, n),
		w: make([]float64, p.rows.width), rng: rand.New(rand.NewPCG(o.Seed, stream))}
	for i, image := range p.images {
		scale := p.rows.scaleOf(image)
		s.square[i] = scale*scale*square(p.rows.row(image)) + o.InterceptScaling*o.InterceptScaling
		s.order[i] = i
	}
	return s
}

// solve is algorithm 3 of Hsieh et al. with L2 loss: no upper bound on α, and 1/(2C) on the diagonal.
func (s *solver) solve(ctx context.Context, cost float64) (*Model, error) {
	m := &Model{Cost: cost}
	diagonal := [2]float64{0.5 / (cost * s.o.NegativeWeight), 0.5 / (cost * s.o.PositiveWeight)}
	active := len(s.order)
	s.lower, s.upper = math.Inf(-1), math.Inf(1)
	for m.Iterations < s.o.MaxIterations && !m.Converged {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		kept, low, high := s.pass(active, diagonal)
		m.Iterations++
		switch {
		case high-low > s.o.Tolerance:
			active, s.lower, s.upper = kept, bound(low, -1), bound(high, 1)
		case kept == len(s.order):
			m.Converged = true
		default: // what shrank may no longer be at its bound
			active, s.lower, s.upper = len(s.order), math.Inf(-1), math.Inf(1)
		}
	}
	m.Weights, m.Intercept = append([]float64(nil), s.w...), s.bias*s.o.InterceptScaling
	return m, nil
}

// bound is no bound where it has the wrong sign.
func bound(v, sign float64) float64 {
	if v*sign <= 0 {
		return math.Inf(int(sign))
	}
	return v
}

// pass takes the active coordinates once, in random order. It returns how many stay active, and the smallest and the
// largest projected gradient.
func (s *solver) pass(active int, diagonal [2]float64) (kept int, low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	s.rng.Shuffle(active, func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	for at := 0; at < active; at++ {
		i := s.order[at]
		gradient, quadratic := s.gradient(i, diagonal)
		projected := gradient
		if s.alpha[i] == 0 {
			if gradient > s.upper {
				active--
				s.order[at], s.order[active] = s.order[active], s.order[at]
				at--
				continue
			}
			projected = min(gradient, 0)
		}
		low, high = min(low, projected), max(high, projected)
		if math.Abs(projected) > 1e-12 {
			s.move(i, max(s.alpha[i]-gradient/quadratic, 0))
		}
	}
	return active, low, high
}

// gradient is the dual's derivative by αᵢ, and its second one.
func (s *solver) gradient(i int, diagonal [2]float64) (first, second float64) {
	image, y, d := s.images[i], -1.0, diagonal[0]
	if s.positive[i] {
		y, d = 1, diagonal[1]
	}
	value := s.rows.scaleOf(image)*dot(s.rows.row(image), s.w) + s.o.InterceptScaling*s.bias
	return y*value - 1 + d*s.alpha[i], d + s.square[i]
}

// move sets αᵢ and brings w along.
func (s *solver) move(i int, alpha float64) {
	step := alpha - s.alpha[i]
	if !s.positive[i] {
		step = -step
	}
	s.alpha[i] = alpha
	image := s.images[i]
	addTo(s.w, step*s.rows.scaleOf(image), s.rows.row(image))
	s.bias += step * s.o.InterceptScaling
}
