// SPDX-License-Identifier: MIT

package recompute

import (
	"cmp"
	"slices"
)

// state is a way to treat the segments up to some place: what it keeps, what it costs, and its last span.
type state struct {
	kept, price int64
	span        Span
	before      *state
}

// Cheapest is the plan that computes least again among those whose Peak is at most the budget, in bytes; nil where there
// is none.
//
// It goes through the segments in order and keeps, for each place, every way that no other beats in both memory and work
// (dynamic programming: what is behind a place depends on nothing else in front of it). The number of ways is bounded by
// counting memory in the budget's 65536th parts, rounded up.
func Cheapest(segments []Costs, budget int64) Plan {
	s := search{segments: segments, budget: budget, unit: max(budget>>16, 1)}
	if end := s.run(); end != nil {
		return end.plan()
	}
	return nil
}

type search struct {
	segments []Costs
	budget   int64
	unit     int64
	places   [][]*state // ways to come to each place, that of least memory first
}

func (s *search) run() *state {
	n := len(s.segments)
	s.places = make([][]*state, n+1)
	s.places[0] = []*state{{}}
	gradients := make([]int64, n+1) // of the segments from a place on
	for i := n - 1; i >= 0; i-- {
		gradients[i] = gradients[i+1] + s.segments[i].Gradients
	}
	for from := range n {
		s.places[from] = pareto(s.places[from])
		s.extend(from, Span{1, KeepAll}, gradients[from])
		s.extend(from, Span{1, KeepProducts}, gradients[from])
		for m := 1; m <= n-from; m++ {
			s.extend(from, Span{m, KeepInput}, gradients[from])
		}
	}
	ends := pareto(s.places[n])
	if len(ends) == 0 {
		return nil
	}
	return ends[len(ends)-1] // of all that fit, the one with the least work
}

// extend adds a span to all ways to a place, where it fits.
func (s *search) extend(from int, span Span, gradients int64) {
	costs := s.segments[from : from+span.Segments]
	own, back, work := stored(span.Mode, costs), backward(span.Mode, costs), price(span.Mode, costs)
	to := from + span.Segments
	for _, before := range s.places[from] {
		if before.kept+own+back+gradients > s.budget {
			break // the others keep more
		}
		kept := (before.kept + own + s.unit - 1) / s.unit * s.unit
		s.places[to] = append(s.places[to], &state{kept, before.price + work, span, before})
	}
}

// pareto leaves the ways that no other beats, from the least memory to the least work.
func pareto(ways []*state) []*state {
	slices.SortStableFunc(ways, func(a, b *state) int {
		return cmp.Or(cmp.Compare(a.kept, b.kept), cmp.Compare(a.price, b.price))
	})
	var best []*state
	for _, w := range ways {
		if len(best) == 0 || w.price < best[len(best)-1].price {
			best = append(best, w)
		}
	}
	return best
}

func (s *state) plan() Plan {
	var p Plan
	for ; s.before != nil; s = s.before {
		p = append(p, s.span)
	}
	slices.Reverse(p)
	return p
}

// Least is the smallest budget for which there is a plan, to a thousandth.
func Least(segments []Costs) int64 {
	peak := Each(len(segments), KeepInput).Peak(segments)
	low, high := int64(0), peak+peak>>8+1 // some room for the rounding
	for high-low > max(high>>10, 1) {
		if middle := (low + high) / 2; Cheapest(segments, middle) == nil {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
