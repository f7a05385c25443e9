// SPDX-License-Identifier: MIT

package figure

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"

	"seer/internal/testrand"
)

func labels(ticks []plot.Tick) (all []string) {
	for _, t := range ticks {
		if !t.IsMinor() {
			all = append(all, t.Label)
		}
	}
	return all
}

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		ticker    plot.Ticker
		low, high float64
		want      []string
	}{
		{Linear{}, 3.97, 4.14, []string{"4", "4.05", "4.1"}}, // 4.1, 4.1, 4 were seen
		{Linear{}, 0, 1200, []string{"0", "200", "400", "600", "800", "1000", "1200"}},
		{Linear{}, 0, 90_000, []string{"0", "20k", "40k", "60k", "80k"}},
		{Linear{}, 0, .3, []string{"0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"}},
		{Linear{}, 2e-6, 5e-6, []string{"2e-06", "3e-06", "4e-06", "5e-06"}},
		{Log{}, 1, 100, []string{"1", "2", "5", "10", "20", "50", "100"}},
		{Log{}, 1e5, 2.8e6, []string{"100k", "200k", "500k", "1M", "2M"}},
		{Log{}, 1e-3, 10, []string{"0.001", "0.01", "0.1", "1", "10"}},
		{Log{}, 3.1, 4.2, []string{"3.2", "3.4", "3.6", "3.8", "4", "4.2"}},
	} {
		require.Equal(t, c.want, labels(c.ticker.Ticks(c.low, c.high)), "%v to %v", c.low, c.high)
	}
}

// Whatever the range is, no two labels are alike.
func TestLabelsTellValuesApart(t *testing.T) {
	random := testrand.New(t)
	for range 2000 {
		low := (random.Float64() - .5) * math.Pow(10, float64(random.IntN(12)-6))
		high := low + math.Abs(low)*math.Pow(10, -random.Float64()*6)
		for _, ticker := range []plot.Ticker{Linear{}, Log{}} {
			seen := map[string]bool{}
			for _, label := range labels(ticker.Ticks(low, high)) {
				require.False(t, seen[label], "%q twice between %v and %v", label, low, high)
				seen[label] = true
			}
		}
	}
}
