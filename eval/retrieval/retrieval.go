// SPDX-License-Identifier: MIT

// Package retrieval finds the images whose features are most like those of a query, by cosine similarity.
package retrieval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Hit is an image that was found.
type Hit struct {
	Row        int64   // among the rows that were searched
	Similarity float64 // cosine, -1 to 1
}

// A Search finds the nearest rows to some queries while the rows pass by. Memory is that of the queries and their hits.
type Search struct {
	queries [][]float64 // of unit length
	k       int
	rows    int64
	hits    [][]Hit // the best first
}

// New begins a search for the k rows nearest to each query, [queries][width]. A query of length zero, or with features that
// are no numbers, has no direction and is an error.
func New(queries [][]float32, k int) (*Search, error) {
	s := &Search{k: k, hits: make([][]Hit, len(queries))}
	for i, q := range queries {
		unit, length := make([]float64, len(q)), norm(q)
		if !(length > 0) || math.IsInf(length, 0) {
			return nil, fmt.Errorf("query %d: its features have length %v: they point nowhere", i, length)
		}
		for j, v := range q {
			unit[j] = float64(v) / length
		}
		s.queries = append(s.queries, unit)
	}
	return s, nil
}

// Add looks at more rows, values [n, width]. Of rows that are equally near the first stays before the later ones; rows of
// length zero are as far from everything as a right angle.
func (s *Search) Add(values []float32) {
	width := len(s.queries[0])
	for ; len(values) >= width; values = values[width:] {
		row := values[:width]
		length := norm(row)
		for q, unit := range s.queries {
			similarity := 0.
			if length > 0 {
				similarity = dot(unit, row) / length
			}
			s.offer(q, Hit{s.rows, similarity})
		}
		s.rows++
	}
}

// offer keeps a hit if it is among the best k.
func (s *Search) offer(q int, h Hit) {
	hits := s.hits[q]
	if len(hits) == s.k {
		if h.Similarity <= hits[len(hits)-1].Similarity {
			return
		}
		hits = hits[:len(hits)-1]
	}
	at, _ := slices.BinarySearchFunc(hits, h, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), -1) })
	s.hits[q] = slices.Insert(hits, at, h)
}

// Hits are the nearest rows to each query so far, the nearest first.
func (s *Search) Hits() [][]Hit { return s.hits }

func norm(row []float32) float64 {
	sum := 0.
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// dot sums in four lanes, which a processor works on at once.
func dot(a []float64, b []float32) float64 {
	b = b[:len(a)]
	var lanes [4]float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		lanes[0] += a[i] * float64(b[i])
		lanes[1] += a[i+1] * float64(b[i+1])
		lanes[2] += a[i+2] * float64(b[i+2])
		lanes[3] += a[i+3] * float64(b[i+3])
	}
	for ; i < len(a); i++ {
		lanes[0] += a[i] * float64(b[i])
	}
	return lanes[0] + lanes[1] + lanes[2] + lanes[3]
}
