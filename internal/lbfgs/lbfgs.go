// SPDX-License-Identifier: MIT

// Package lbfgs minimises smooth functions of many variables: L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm
// 7.5) with a diagonal preconditioner and a line search to the strong Wolfe conditions.
//
// It is made to reach the last digits. Near the minimum a decrease of the value drowns in rounding; the search then goes by
// the slope, which still is exact to many digits (the approximate Wolfe condition of Hager and Zhang, 2005).
package lbfgs

import (
	"fmt"
	"math"
)

// Function returns the value at x and writes the gradient.
type Function func(x, gradient []float64) (value float64, err error)

// SearchOptions bound a search.
type SearchOptions struct {
	Memory        int       // pairs that are kept; 0 means 10
	Tolerance     float64   // on the largest element of the gradient
	MaxIterations int       // 0 means 1000
	Scale         []float64 // the diagonal of a first guess at the inverse Hessian, over 0; nil is 1
}

// Result is where a search ended.
type Result struct {
	X           []float64
	Value       float64
	Gradient    float64 // its largest element
	Iterations  int
	Evaluations int
	Converged   bool // Gradient is within the tolerance, or rounding allows no further step
}

const (
	decrease  = 1e-4 // of the value, as a share of what the slope promises
	curvature = 0.9  // of the slope that may be left
	slack     = 1e-14
	maxTrials = 40
	maxIdle   = 10 // steps in a row that better neither the value nor the gradient: what is left is rounding
)

type search struct {
	f     Function
	o     SearchOptions
	x, g  []float64
	value float64
	next  []float64 // a trial, with its gradient
	nextG []float64
	pairs []pair
	evals int
}

// pair is a step and the change of the gradient over it.
type pair struct {
	s, y []float64
	rho  float64
}

// Minimize starts at x, which it leaves alone.
func Minimize(f Function, x []float64, o SearchOptions) (*Result, error) {
	if o.Memory == 0 {
		o.Memory = 10
	}
	if o.MaxIterations == 0 {
		o.MaxIterations = 1000
	}
	n := len(x)
	s := &search{f: f, o: o, x: append([]float64(nil), x...), g: make([]float64, n), next: make([]float64, n), nextG: make([]float64, n)}
	var err error
	if s.value, err = s.evaluate(s.x, s.g); err != nil {
		return nil, err
	}
	r := &Result{}
	for idle, best := 0, math.Inf(1); r.Iterations < o.MaxIterations && largest(s.g) > o.Tolerance; r.Iterations++ {
		before := s.value
		moved, err := s.step()
		if err != nil {
			return nil, err
		}
		if g := largest(s.g); g < best || before-s.value > slack*math.Abs(before) {
			idle, best = 0, min(best, g)
		} else {
			idle++
		}
		if !moved || idle == maxIdle {
			r.Converged = true
			break
		}
	}
	r.X, r.Value, r.Gradient, r.Evaluations = s.x, s.value, largest(s.g), s.evals
	r.Converged = r.Converged || r.Gradient <= o.Tolerance
	return r, nil
}

func (s *search) evaluate(x, g []float64) (float64, error) {
	s.evals++
	v, err := s.f(x, g)
	if err == nil && (v != v || math.IsInf(v, -1)) {
		err = fmt.Errorf("lbfgs: the function is %v in evaluation %d", v, s.evals)
	}
	return v, err
}

// step moves once. Where the memory leads nowhere it is dropped and the preconditioned gradient tried.
func (s *search) step() (moved bool, err error) {
	for {
		d := s.direction()
		moved, err = s.line(d)
		if moved || err != nil || len(s.pairs) == 0 {
			return moved, err
		}
		s.pairs = nil
	}
}

// direction is −H·g by the two-loop recursion.
func (s *search) direction() []float64 {
	d := make([]float64, len(s.g))
	for i, v := range s.g {
		d[i] = -v
	}
	alpha := make([]float64, len(s.pairs))
	for i := len(s.pairs) - 1; i >= 0; i-- {
		p := s.pairs[i]
		alpha[i] = p.rho * dot(p.s, d)
		axpy(d, -alpha[i], p.y)
	}
	s.scale(d)
	for i, p := range s.pairs {
		axpy(d, alpha[i]-p.rho*dot(p.y, d), p.s)
	}
	return d
}

// scale applies the first guess, stretched to the curvature of the last step.
func (s *search) scale(d []float64) {
	if s.o.Scale != nil {
		for i, v := range s.o.Scale {
			d[i] *= v
		}
	}
	if len(s.pairs) == 0 {
		return
	}
	last := s.pairs[len(s.pairs)-1]
	weighted := 0.0
	for i, v := range last.y {
		if s.o.Scale != nil {
			weighted += v * v * s.o.Scale[i]
		} else {
			weighted += v * v
		}
	}
	gamma := 1 / (last.rho * weighted)
	for i := range d {
		d[i] *= gamma
	}
}

// line looks along d for a point with less value and slope, and moves there.
func (s *search) line(d []float64) (moved bool, err error) {
	start := dot(s.g, d)
	if !(start < 0) {
		return false, nil
	}
	b := bracket{high: math.Inf(1), lowSlope: start}
	t := s.first(d)
	for range maxTrials {
		copy(s.next, s.x)
		axpy(s.next, t, d)
		value, err := s.evaluate(s.next, s.nextG)
		if err != nil {
			return false, err
		}
		slope := dot(s.nextG, d)
		switch {
		case value > s.value+decrease*t*start+slack*math.Abs(s.value) || slope != slope:
			b.high, b.highSlope = t, slope
		case math.Abs(slope) <= -curvature*start:
			s.accept(value)
			return true, nil
		case slope < 0:
			b.low, b.lowSlope = t, slope
		default:
			b.high, b.highSlope = t, slope
		}
		last := t
		if t = b.next(); t == last || t == b.low || t == b.high {
			break
		}
	}
	return false, nil
}

// first is the first trial: 1, but for a first step without a scale, which is no longer than 1.
func (s *search) first(d []float64) float64 {
	if len(s.pairs) > 0 || s.o.Scale != nil {
		return 1
	}
	return min(1, 1/math.Sqrt(dot(d, d)))
}

// bracket holds a point that fits the conditions.
type bracket struct{ low, lowSlope, high, highSlope float64 }

// next is where the slope would be 0 if it were a straight line, not too near to the ends.
func (b bracket) next() float64 {
	if math.IsInf(b.high, 1) {
		return 4 * max(b.low, 1e-10)
	}
	width := b.high - b.low
	if !(b.highSlope > 0) || math.IsInf(b.highSlope, 1) {
		return b.low + width/2
	}
	t := b.low - b.lowSlope*width/(b.highSlope-b.lowSlope)
	return min(max(t, b.low+width/10), b.high-width/10)
}

// accept moves to the trial and remembers the step, unless rounding spoils its curvature.
func (s *search) accept(value float64) {
	p := pair{s: make([]float64, len(s.x)), y: make([]float64, len(s.x))}
	if len(s.pairs) == s.o.Memory {
		p = s.pairs[0]
		s.pairs = append(s.pairs[:0], s.pairs[1:]...)
	}
	for i := range s.x {
		p.s[i], p.y[i] = s.next[i]-s.x[i], s.nextG[i]-s.g[i]
	}
	if sy := dot(p.s, p.y); sy > 0 {
		p.rho = 1 / sy
		s.pairs = append(s.pairs, p)
	}
	s.x, s.next, s.g, s.nextG, s.value = s.next, s.x, s.nextG, s.g, value
}

func largest(v []float64) (m float64) {
	for _, x := range v {
		if a := math.Abs(x); a > m || a != a {
			m = a
		}
	}
	return m
}

func dot(a, b []float64) (sum float64) {
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func axpy(y []float64, f float64, x []float64) {
	x = x[:len(y)]
	for i := range y {
		y[i] += f * x[i]
	}
}
