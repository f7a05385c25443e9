// SPDX-License-Identifier: MIT

package loader

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// within fails if fn takes longer than cancellation may.
func within(t *testing.T, fn func()) {
	t.Helper()
	start := time.Now()
	fn()
	require.Less(t, time.Since(start), time.Second)
}

// slow blocks every read until its context ends.
func slow(n int) *memory {
	m := images(n)
	m.block = func(ctx context.Context, _ int64) { <-ctx.Done() }
	return m
}

func TestNextStopsWithItsContextAndCanGoOn(t *testing.T) {
	gate := make(chan struct{})
	src := images(20)
	src.block = func(ctx context.Context, _ int64) {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	l := load(t, options(src))
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		within(t, func() {
			_, err := l.Next(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		cancel()
	}
	close(gate)
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	require.Zero(t, b.Step, "the batch that was waited for is not lost")
}

func TestLoaderStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := New(ctx, options(slow(20)))
	require.NoError(t, err)
	time.AfterFunc(20*time.Millisecond, cancel)
	within(t, func() {
		_, err = l.Next(t.Context())
		require.ErrorIs(t, err, context.Canceled)
	})
	within(t, func() { require.NoError(t, l.Close()) })
}

func TestCloseFromAnyState(t *testing.T) {
	for name, use := range map[string]func(*testing.T, *Loader){
		"at once":          func(*testing.T, *Loader) {},
		"full of batches":  func(*testing.T, *Loader) { time.Sleep(50 * time.Millisecond) },
		"batches are held": func(t *testing.T, l *Loader) { l.Next(t.Context()); l.Next(t.Context()) },
		"after a break": func(t *testing.T, l *Loader) {
			for range l.All(t.Context()) {
				break
			}
		},
		"at the end": func(t *testing.T, l *Loader) {
			for _, err := range l.All(t.Context()) {
				require.NoError(t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			opt := options(images(20))
			opt.Epochs = 3
			l, err := New(t.Context(), opt)
			require.NoError(t, err)
			use(t, l)
			within(t, func() { require.NoError(t, l.Close()) })
			require.NoError(t, l.Close(), "twice")
			_, err = l.Next(t.Context())
			require.True(t, err == ErrClosed || err == io.EOF, "%v", err)
		})
	}
	l, err := New(t.Context(), options(slow(20)))
	require.NoError(t, err)
	time.Sleep(20 * time.Millisecond)
	within(t, func() { require.NoError(t, l.Close()) })
}

// A source that does not listen, as a file on a dead network mount.
func TestCloseLeavesAStuckReadBehind(t *testing.T) {
	gate := make(chan struct{})
	src := images(20)
	src.block = func(context.Context, int64) { <-gate }
	var held atomic.Int64
	opt := options(src)
	opt.Alloc = func(n int) []byte { held.Add(1); return make([]byte, n) }
	opt.Free = func([]byte) { held.Add(-1) }
	l, err := New(t.Context(), opt)
	require.NoError(t, err)
	time.Sleep(20 * time.Millisecond)
	within(t, func() { require.ErrorContains(t, l.Close(), "still reading or decoding image") })
	require.Positive(t, held.Load(), "memory that a worker may still write to stays")
	close(gate)
	require.Eventually(t, func() bool { return held.Load() == 0 }, time.Second, time.Millisecond)
}

func TestMemoryIsUsedAgainAndFreedOnce(t *testing.T) {
	freed := map[*byte]int{}
	opt := options(images(30))
	allocs := 0
	opt.Alloc = func(n int) []byte { allocs++; return make([]byte, n) }
	opt.Free = func(b []byte) { freed[&b[0]]++ }
	opt.Prefetch, opt.Steps = 3, 60
	l, err := New(t.Context(), opt)
	require.NoError(t, err)
	var kept *Batch
	for step := range 60 {
		b, err := l.Next(t.Context())
		require.NoError(t, err)
		if step == 5 {
			kept = b
			continue
		}
		b.Release()
		b.Release()
		require.Nil(t, b.Groups[0].Pixels)
	}
	require.NoError(t, l.Close())
	require.LessOrEqual(t, allocs, 3+1+1+1, "ahead, in the making, in use, kept")
	require.Len(t, freed, allocs-1, "what is held outlives the loader")
	require.NotEmpty(t, kept.Groups[0].Pixels)
	kept.Release()
	kept.Release()
	require.Len(t, freed, allocs)
	for _, n := range freed {
		require.Equal(t, 1, n)
	}
}

func TestHoldingManyBatchesDoesNotStopTheLoader(t *testing.T) {
	opt := options(images(30))
	opt.Prefetch = 1
	l := load(t, opt)
	for range 30 {
		_, err := l.Next(t.Context())
		require.NoError(t, err)
	}
}
