// SPDX-License-Identifier: MIT

package loader

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/sampler"
)

func planOf(t *testing.T, n int64, change func(*BatchOptions)) plan {
	t.Helper()
	opt := BatchOptions{Source: &memory{files: make([][]byte, n)}, Crops: smallSpec(), Batch: 4}
	change(&opt)
	require.NoError(t, opt.normalise())
	return newPlan(&opt)
}

func TestPlanEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*BatchOptions)
		end    int64
	}{
		{"endless", func(*BatchOptions) {}, math.MaxInt64},
		{"steps", func(o *BatchOptions) { o.Steps = 7 }, 7},
		{"one epoch", func(o *BatchOptions) { o.Epochs = 1 }, 3},
		{"three epochs fill 7.5 batches", func(o *BatchOptions) { o.Epochs = 3 }, 8},
		{"three epochs of whole batches", func(o *BatchOptions) { o.Epochs, o.DropLast = 3, true }, 6},
		{"the smaller of two bounds", func(o *BatchOptions) { o.Epochs, o.Steps = 3, 2 }, 2},
		{"a later start has the same end", func(o *BatchOptions) { o.Epochs, o.StartStep = 3, 5 }, 8},
		{"an end that has passed", func(o *BatchOptions) { o.Epochs, o.StartStep = 1, 5 }, 5},
		{"another batch from position 24", func(o *BatchOptions) { o.Epochs, o.StartStep, o.StartPosition, o.Batch = 3, 6, 24, 2 }, 9},
		{"in order", func(o *BatchOptions) { o.Sequential = true }, 3},
		{"in order on two ranks", func(o *BatchOptions) { o.Sequential, o.World = true, 2 }, 2},
		{"in order, cut", func(o *BatchOptions) { o.Sequential, o.Steps = true, 1 }, 1},
		{"a subset", func(o *BatchOptions) { o.Epochs, o.Sampler = 1, must(sampler.First(10, 4, 0)) }, 1},
	} {
		p := planOf(t, 10, c.change)
		require.Equal(t, c.end, p.end, c.name)
	}
}

func must(s *sampler.Sampler, err error) *sampler.Sampler {
	if err != nil {
		panic(err)
	}
	return s
}

// For any number of images, ranks and batches: in each epoch every position is
// visited once by exactly one rank, but for those that whole batches leave out.
func TestPlanVisitsEveryPositionOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		n, world, batch := 1+rng.Int64N(60), 1+rng.IntN(4), 1+rng.IntN(7)
		global := int64(world * batch)
		drop := rng.IntN(2) == 0 && n >= global
		type visit struct {
			epoch uint64
			pos   int64
		}
		seen := map[visit]int{}
		steps := 3*n/global + 2
		for rank := range world {
			p := planOf(t, n, func(o *BatchOptions) { o.World, o.Rank, o.Batch, o.DropLast = world, rank, batch, drop })
			for step := range steps {
				for j := range p.size(step) {
					epoch, pos := p.at(step, j)
					seen[visit{epoch, pos}]++
				}
			}
		}
		whole := n
		if drop {
			whole = n / global * global
		}
		for epoch := range uint64(2) {
			for pos := range n {
				want := 1
				if pos >= whole {
					want = 0
				}
				require.Equal(t, want, seen[visit{epoch, pos}], "n=%d world=%d batch=%d drop=%v epoch=%d pos=%d", n, world, batch, drop, epoch, pos)
			}
		}
	}
}

// A segment of a stream numbers its steps and epochs on from the one before.
func TestPlanOfASegment(t *testing.T) {
	p := planOf(t, 10, func(o *BatchOptions) {
		o.Origin = Origin{Step: 100, Epoch: 7}
		o.StartStep, o.Steps = 101, 103
	})
	epoch, pos := p.at(101, 1)
	require.EqualValues(t, 7, epoch)
	require.EqualValues(t, 5, pos)
	epoch, pos = p.at(102, 3)
	require.EqualValues(t, 8, epoch)
	require.EqualValues(t, 1, pos)
	require.EqualValues(t, 103*4, p.behind(102))
}
