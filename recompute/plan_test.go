// SPDX-License-Identifier: MIT

package recompute_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/footprint"
	"seer/models/arch"
	"seer/recompute"
)

func TestPlansCoverAllSegments(t *testing.T) {
	assert.Equal(t, recompute.Plan{{Segments: 1, Mode: recompute.KeepInput}, {Segments: 1, Mode: recompute.KeepInput}}, recompute.Each(2, recompute.KeepInput))
	stages := recompute.Stages(8, []int{2, 3, 6})
	assert.Equal(t, recompute.Plan{{Segments: 3, Mode: recompute.KeepInput}, {Segments: 1, Mode: recompute.KeepInput}, {Segments: 4, Mode: recompute.KeepInput}}, stages)
	assert.Equal(t, 8, stages.Segments())
}

// chain draws segments of arbitrary sizes.
func chain(r *rand.Rand, n int) []recompute.Costs {
	all := make([]recompute.Costs, n)
	for i := range all {
		output := 1 + r.Int64N(1000)
		kept := output * (2 + r.Int64N(8))
		all[i] = recompute.Costs{MACs: r.Int64N(1e6), Kept: kept, Products: kept / 2, Output: output, Again: kept * 2 / 3,
			Largest: output, Widest: output * 2 / 3, Gradients: r.Int64N(500)}
	}
	return all
}

// everyPlan lists all ways to treat n segments that the search may take.
func everyPlan(n int) []recompute.Plan {
	if n == 0 {
		return []recompute.Plan{{}}
	}
	var all []recompute.Plan
	for m := 1; m <= n; m++ {
		for _, rest := range everyPlan(n - m) {
			all = append(all, append(recompute.Plan{{Segments: m, Mode: recompute.KeepInput}}, rest...))
			if m == 1 {
				all = append(all, append(recompute.Plan{{Segments: 1, Mode: recompute.KeepAll}}, rest...),
					append(recompute.Plan{{Segments: 1, Mode: recompute.KeepProducts}}, rest...))
			}
		}
	}
	return all
}

// Of all plans that fit a budget there is none that costs less than the one that is found: compared with every plan of
// short chains, for budgets from too small to ample.
func TestTheCheapestPlanIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found, refused := 0, 0
	for range 60 {
		segments := chain(r, 1+r.IntN(5))
		n := len(segments)
		all := everyPlan(n)
		ample := recompute.Each(n, recompute.KeepAll).Peak(segments)
		for share := 0.2; share < 1.2; share += 0.1 {
			budget := int64(share * float64(ample))
			best := int64(-1)
			for _, p := range all {
				if p.Peak(segments) <= budget && (best < 0 || p.Price(segments) < best) {
					best = p.Price(segments)
				}
			}
			got := recompute.Cheapest(segments, budget)
			if best < 0 {
				refused++
				assert.Nil(t, got, "budget %d of %d", budget, ample)
				continue
			}
			found++
			require.NotNil(t, got, "budget %d of %d", budget, ample)
			assert.LessOrEqual(t, got.Peak(segments), budget)
			assert.Equal(t, best, got.Price(segments), "budget %d of %d: %v", budget, ample, got)
			assert.Equal(t, n, got.Segments())
		}
	}
	t.Logf("%d plans, %d budgets that nothing fits", found, refused)
	assert.True(t, found > 100 && refused > 30)
}

// The least budget is one that a plan fits, and a hundredth less is not.
func TestTheLeastBudget(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		segments := chain(r, 1+r.IntN(12))
		least := recompute.Least(segments)
		assert.NotNil(t, recompute.Cheapest(segments, least))
		assert.Nil(t, recompute.Cheapest(segments, least-least/100-2))
	}
}

// More memory never costs more work, on real trunks, and the ends are no recomputation and less than that of blocks.
func TestMoreMemoryCostsNoMoreWork(t *testing.T) {
	for _, name := range []string{"regnet_y_16gf", "regnet_y_256gf", "resnet152", "vit_l_16"} {
		n, err := arch.Lookup(name)
		require.NoError(t, err)
		segments := footprint.CostsOf(n, []footprint.Views{{Images: 8, Size: 224}, {Images: 16, Size: 96}}, 4)
		count := len(segments)
		least, all := recompute.Least(segments), recompute.Each(count, recompute.KeepAll)
		assert.LessOrEqual(t, least, recompute.Each(count, recompute.KeepInput).Peak(segments)*257/256+1, name)
		before := int64(-1)
		for share := range 11 {
			budget := least + (all.Peak(segments)*1001/1000-least)*int64(share)/10
			p := recompute.Cheapest(segments, budget)
			require.NotNil(t, p, name)
			assert.LessOrEqual(t, p.Peak(segments), budget, name)
			if before >= 0 {
				assert.LessOrEqual(t, p.Price(segments), before, name)
			}
			before = p.Price(segments)
		}
		assert.Zero(t, before, "%s: all that fits is kept", name)
	}
}

// In 16 bits a step keeps half as much, besides the casts of its parameters, and a resolution adds to the others.
func TestCosts(t *testing.T) {
	n, err := arch.Lookup("regnet_y_400mf")
	require.NoError(t, err)
	both := footprint.CostsOf(n, []footprint.Views{{Images: 2, Size: 64}, {Images: 4, Size: 32}}, 4)
	large := footprint.CostsOf(n, []footprint.Views{{Images: 2, Size: 64}}, 4)
	half := footprint.CostsOf(n, []footprint.Views{{Images: 2, Size: 64}}, 2)
	for i := range both {
		assert.Greater(t, both[i].Kept, large[i].Kept)
		assert.Equal(t, large[i].Again, both[i].Again, "one resolution is computed again at a time")
		assert.Equal(t, large[i].Kept/2+large[i].Gradients/2, half[i].Kept)
		assert.Equal(t, large[i].Output/2, half[i].Output)
		assert.Equal(t, large[i].Gradients, half[i].Gradients)
	}
}

func ExampleCheapest() {
	n, err := arch.Lookup("regnet_y_400mf")
	if err != nil {
		fmt.Println(err)
		return
	}
	segments := footprint.CostsOf(n, []footprint.Views{{Images: 32, Size: 224}}, 4)
	plan := recompute.Cheapest(segments, 600<<20)
	for _, span := range plan {
		fmt.Printf("%d %v; ", span.Segments, span.Mode)
	}
	fmt.Printf("%d MiB in place of %d\n", plan.Peak(segments)>>20, recompute.Each(len(segments), recompute.KeepAll).Peak(segments)>>20)
	// Output: 2 input; 1 all; 1 input; 1 all; 1 all; 1 products; 1 all; 1 all; 1 all; 1 all; 1 all; 1 products; 1 all; 1 all; 1 all; 1 all; 597 MiB in place of 1016
}
