// SPDX-License-Identifier: MIT

package retrieval

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the search keeps on the way is what sorting all similarities gives, however the rows arrive.
func TestHitsAreTheNearestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rows, width, k = 200, 13, 7
	values := make([]float32, rows*width)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	copy(values[50*width:51*width], values[10*width:11*width]) // equally near: the first stays first
	copy(values[60*width:61*width], make([]float32, width))    // without direction
	queries := [][]float32{values[10*width : 11*width], values[3*width : 4*width]}
	s, err := New(queries, k)
	require.NoError(t, err)
	for rest := values; len(rest) > 0; {
		n := min(1+rng.IntN(9), len(rest)/width)
		s.Add(rest[:n*width])
		rest = rest[n*width:]
	}
	for q, query := range queries {
		var want []Hit
		for r := range int64(rows) {
			row := values[r*width : (r+1)*width]
			var inner, a, b float64
			for i := range row {
				inner += float64(row[i]) * float64(query[i])
				a += float64(row[i]) * float64(row[i])
				b += float64(query[i]) * float64(query[i])
			}
			want = append(want, Hit{r, inner / max(1e-30, math.Sqrt(a)*math.Sqrt(b))})
		}
		slices.SortStableFunc(want, func(a, b Hit) int { return cmp.Compare(math.Round(b.Similarity*1e12), math.Round(a.Similarity*1e12)) })
		got := s.Hits()[q]
		require.Len(t, got, k)
		for i, h := range got {
			require.Equal(t, want[i].Row, h.Row)
			require.InDelta(t, want[i].Similarity, h.Similarity, 1e-12)
		}
	}
	require.Equal(t, []int64{10, 50}, []int64{s.Hits()[0][0].Row, s.Hits()[0][1].Row})
}

func TestFewRows(t *testing.T) {
	s, err := New([][]float32{{1, 0}}, 5)
	require.NoError(t, err)
	s.Add([]float32{0, 1, -1, 0})
	require.Equal(t, [][]Hit{{{0, 0}, {1, -1}}}, s.Hits())
}

func TestQueriesWithoutDirection(t *testing.T) {
	for _, q := range [][]float32{{0, 0}, {float32(math.NaN()), 1}, {float32(math.Inf(1)), 1}} {
		_, err := New([][]float32{{1, 2}, q}, 3)
		require.ErrorContains(t, err, "query 1")
	}
}

func BenchmarkAdd(b *testing.B) {
	const rows, width = 256, 3024
	values := make([]float32, rows*width)
	for i := range values {
		values[i] = float32(i%17) - 8
	}
	s, err := New([][]float32{values[:width]}, 10)
	require.NoError(b, err)
	b.SetBytes(4 * rows * width)
	for b.Loop() {
		s.Add(values)
	}
}
