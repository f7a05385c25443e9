// SPDX-License-Identifier: MIT

package loader

import (
	"context"
	"seer/data/source"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// forewarned is a source that notes what it is told, and what is read how long after.
type forewarned struct {
	*memory
	distance int

	mu    sync.Mutex
	hints []int64
	reads []int64
	known []int // hints before each read
}

func (f *forewarned) Ahead() int { return f.distance }

func (f *forewarned) Prefetch(i int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hints = append(f.hints, i)
}

func (f *forewarned) Read(ctx context.Context, i int64, buf []byte) (source.Item, error) {
	f.mu.Lock()
	f.reads, f.known = append(f.reads, i), append(f.known, len(f.hints))
	f.mu.Unlock()
	return f.memory.Read(ctx, i, buf)
}

// Every image is named once, in the order of the stream, and so far ahead as the source wants it.
func TestHintsPrecedeReads(t *testing.T) {
	for name, c := range map[string]struct {
		distance int
		change   func(*BatchOptions)
	}{
		"one rank":        {7, func(*BatchOptions) {}},
		"second of two":   {7, func(o *BatchOptions) { o.World, o.Rank = 2, 1 }},
		"resumed":         {10, func(o *BatchOptions) { o.StartStep = 5 }},
		"from a position": {10, func(o *BatchOptions) { o.StartStep, o.StartPosition = 5, 17 }},
		"whole batches":   {9, func(o *BatchOptions) { o.DropLast = true }},
		"sequential":      {5, func(o *BatchOptions) { o.Sequential, o.Steps = true, 0 }},
		"last of three, sequential": {5, func(o *BatchOptions) {
			o.Sequential, o.Steps, o.World, o.Rank = true, 0, 3, 2
		}},
		"farther than the stream": {1000, func(*BatchOptions) {}},
		"at once":                 {0, func(*BatchOptions) {}},
	} {
		t.Run(name, func(t *testing.T) {
			src := &forewarned{memory: images(40), distance: c.distance}
			opt := options(src)
			opt.Workers, opt.Steps = 1, 12
			c.change(&opt)
			var want []int64
			for b, err := range load(t, opt).All(t.Context()) {
				require.NoError(t, err)
				want = append(want, b.Indices...)
			}
			require.Equal(t, want, src.reads)
			require.Equal(t, want, src.hints)
			for k, known := range src.known {
				require.GreaterOrEqual(t, known, min(k+1+c.distance, len(want)), "read %d", k)
				require.LessOrEqual(t, known, k+c.distance+3, "read %d: one image waits for the worker and one for its turn", k)
			}
		})
	}
}

// A long way ahead is reached step by step.
func TestHintsBeginWithFew(t *testing.T) {
	src := &forewarned{memory: images(40), distance: firstHints + 100}
	opt := options(src)
	opt.Workers = 1
	opt.Steps = int64((firstHints+300)/opt.Batch + 1)
	for b, err := range load(t, opt).All(t.Context()) {
		require.NoError(t, err)
		b.Release()
	}
	require.Equal(t, src.reads, src.hints)
	require.LessOrEqual(t, src.known[0], firstHints+2*4)
	for k := 100; k < len(src.reads); k++ {
		require.GreaterOrEqual(t, src.known[k], min(k+1+src.distance, len(src.reads)), "read %d", k)
	}
}

// An unusable image is replaced by one that was named for its own place.
func TestHintsOfReplacements(t *testing.T) {
	src := &forewarned{memory: images(40).spoil(3, 9), distance: 4}
	opt := options(src)
	opt.Epochs = 1
	take(t, load(t, opt), -1)
	slices.Sort(src.hints)
	require.Len(t, src.hints, 42, "an epoch in batches of six")
	require.Len(t, slices.Compact(src.hints), 40)
}
