// SPDX-License-Identifier: MIT

package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// far is a place that takes pieces of ten bytes from, and counts.
type far struct {
	mu      sync.Mutex
	calls   map[int64]int
	order   []int64
	now     int
	most    int           // fetches at once
	gate    chan struct{} // fetches wait for it or for their context; nil: they do not
	fail    error
	cancels atomic.Int64
}

func (f *far) fetch(ctx context.Context, key int64) ([]byte, error) {
	f.mu.Lock()
	f.calls[key]++
	f.order = append(f.order, key)
	f.now++
	f.most = max(f.most, f.now)
	gate, fail := f.gate, f.fail
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.now--; f.mu.Unlock() }()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			f.cancels.Add(1)
			return nil, ctx.Err()
		}
	}
	if fail != nil {
		return nil, fail
	}
	return pieceOf(key), nil
}

func pieceOf(key int64) []byte { return fmt.Appendf(nil, "%010d", key) }

func (f *far) count(key int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[key]
}

func (f *far) set(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

func newFar(t *testing.T, concurrency int, pieces int64) (*far, *ahead) {
	f := &far{calls: map[int64]int{}}
	a := newAhead(f.fetch, concurrency, pieces*(10+pieceCost))
	t.Cleanup(a.close)
	return f, a
}

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 5*time.Second, time.Millisecond, what)
}

// have tells whether a piece is there.
func (a *ahead) have(key int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pieces[key]
	return p != nil && p.finished()
}

func requirePiece(t *testing.T, a *ahead, key int64) {
	t.Helper()
	b, err := a.get(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, pieceOf(key), b)
}

func TestAheadFetchesOnce(t *testing.T) {
	f, a := newFar(t, 4, 100)
	f.gate = make(chan struct{})
	a.hint(1)
	a.hint(1)
	var readers sync.WaitGroup
	for k := range int64(20) {
		readers.Go(func() {
			b, err := a.get(t.Context(), k%2+1)
			if err != nil || !bytes.Equal(b, pieceOf(k%2+1)) {
				t.Errorf("piece %d: %q, %v", k%2+1, b, err)
			}
		})
	}
	soon(t, "both are asked for", func() bool { return f.count(1) == 1 && f.count(2) == 1 })
	close(f.gate)
	readers.Wait()
	a.hint(2)
	requirePiece(t, a, 2)
	require.Equal(t, map[int64]int{1: 1, 2: 1}, f.calls, "pieces that were read stay")
	a.drop(2)
	a.drop(7)
	requirePiece(t, a, 2)
	require.Equal(t, 2, f.count(2), "and are fetched again once they were dropped")
}

func TestAheadKeepsToItsLimits(t *testing.T) {
	f, a := newFar(t, 3, 8)
	f.gate = make(chan struct{})
	for k := range int64(maxHints + 50) {
		a.hint(k)
	}
	require.Len(t, a.pieces, maxHints+3, "three are under way, and the queue is full")
	soon(t, "three are under way", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.now == 3 })
	close(f.gate)
	held := func() (n int) {
		for k := range int64(20) {
			if a.have(k) {
				n++
			}
		}
		return n
	}
	soon(t, "the memory is filled", func() bool { return held() == 8 })
	f.set(func() { require.Equal(t, 3, f.most) })
	// What is read makes room for as much.
	for k := range int64(40) {
		requirePiece(t, a, k)
		a.mu.Lock()
		require.LessOrEqual(t, a.size, a.memory)
		a.mu.Unlock()
	}
	f.set(func() { require.LessOrEqual(t, f.most, 4, "a get does not wait for the hints' turn") })
}

// However far hints go beyond the memory, a piece is fetched twice only if it had begun before its size was known.
func TestAheadDoesNotFetchInVain(t *testing.T) {
	f, a := newFar(t, 1000, 8)
	for k := range int64(100) {
		a.hint(k)
	}
	soon(t, "the first have come", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.running == 0 })
	for k := range int64(1000) {
		a.hint(k + 100)
		requirePiece(t, a, k)
	}
	fetches := 0
	f.set(func() {
		for _, n := range f.calls {
			fetches += n
		}
	})
	t.Logf("%d fetches of 1000 pieces, 100 named ahead and room for 8", fetches)
	require.Less(t, fetches, 1300)
}

func TestAheadForgetsTheLongestUnused(t *testing.T) {
	f, a := newFar(t, 1, 3)
	for _, k := range []int64{1, 2, 3} {
		requirePiece(t, a, k)
	}
	requirePiece(t, a, 1)
	a.hint(4)
	soon(t, "a hint is fetched though the memory holds what was read", func() bool { return a.have(4) })
	require.Equal(t, []bool{true, false, true}, []bool{a.have(1), a.have(2), a.have(3)})
	requirePiece(t, a, 5)
	require.True(t, a.have(4), "what was read goes before what is still to be read")
	requirePiece(t, a, 4)
	require.Equal(t, 1, f.count(4))
}

func TestAheadDoesNotKeepErrors(t *testing.T) {
	f, a := newFar(t, 2, 10)
	gone := errors.New("gone")
	f.fail = gone
	_, err := a.get(t.Context(), 1)
	require.ErrorIs(t, err, gone)
	_, err = a.get(t.Context(), 1)
	require.ErrorIs(t, err, gone)
	require.Equal(t, 2, f.count(1))
	a.hint(2)
	soon(t, "the hint has failed", func() bool { return a.have(2) })
	f.set(func() { f.fail = nil })
	_, err = a.get(t.Context(), 2)
	require.ErrorIs(t, err, gone, "the error of a hint is that of its read")
	require.Equal(t, 1, f.count(2))
	requirePiece(t, a, 2)
	requirePiece(t, a, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	require.EqualValues(t, 2*(10+pieceCost), a.size)
}

func TestAheadCancelledReader(t *testing.T) {
	f, a := newFar(t, 2, 10)
	f.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for _, key := range []int64{1, 2, 3} { // 1 alone, 2 hinted, 3 with others
		if key == 2 {
			a.hint(2)
		}
		readers.Go(func() {
			if _, err := a.get(ctx, key); !errors.Is(err, context.Canceled) {
				t.Errorf("piece %d: %v", key, err)
			}
		})
	}
	readers.Go(func() {
		if b, err := a.get(t.Context(), 3); err != nil || !bytes.Equal(b, pieceOf(3)) {
			t.Errorf("%q, %v", b, err)
		}
	})
	soon(t, "all are asked for and waited for", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.pieces[1] != nil && a.pieces[2] != nil && a.pieces[2].readers == 1 && a.pieces[3] != nil && a.pieces[3].readers == 2
	})
	begin := time.Now()
	cancel()
	soon(t, "the fetch that nobody waits for is given up", func() bool { return f.cancels.Load() == 1 })
	require.Less(t, time.Since(begin), time.Second)
	close(f.gate)
	readers.Wait()
	requirePiece(t, a, 1)
	requirePiece(t, a, 2)
	require.Equal(t, map[int64]int{1: 2, 2: 1, 3: 1}, f.calls)
	_, err := a.get(ctx, 2)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAheadDropsWhatIsUnderWay(t *testing.T) {
	f, a := newFar(t, 1, 10)
	f.gate = make(chan struct{})
	a.hint(1)
	a.hint(2)
	a.hint(3)
	a.drop(2)
	a.drop(1)
	soon(t, "the next begins", func() bool { return f.cancels.Load() == 1 && f.count(3) == 1 })
	got := make(chan error, 1)
	go func() { _, err := a.get(t.Context(), 3); got <- err }()
	soon(t, "it has a reader", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.pieces[3].readers == 1 })
	a.drop(3)
	close(f.gate)
	require.NoError(t, <-got, "whoever waits gets what was dropped")
	require.Zero(t, f.count(2))
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Empty(t, a.pieces)
	require.Zero(t, a.size)
}

func TestAheadCloseEndsEverything(t *testing.T) {
	f, a := newFar(t, 2, 10)
	f.gate = make(chan struct{})
	for k := range int64(5) {
		a.hint(k)
	}
	got := make(chan error, 1)
	go func() { _, err := a.get(t.Context(), 9); got <- err }()
	soon(t, "three are under way", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.now == 3 })
	begin := time.Now()
	a.close()
	require.Less(t, time.Since(begin), time.Second)
	require.Error(t, <-got)
	a.hint(1)
	_, err := a.get(t.Context(), 1)
	require.ErrorIs(t, err, errAheadClosed)
	a.close()
}

// Fetches that heed nothing are left behind.
func TestAheadCloseDoesNotWaitForEver(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	a := newAhead(func(context.Context, int64) ([]byte, error) { <-stuck; return nil, nil }, 1, 1000)
	a.hint(1)
	begin := time.Now()
	a.close()
	require.Less(t, time.Since(begin), 10*time.Second)
}

// Everything at once; the race detector and the accounts have the word.
func TestAheadUnderLoad(t *testing.T) {
	f, a := newFar(t, 4, 20)
	odd := errors.New("odd")
	fetch := a.fetch
	a.fetch = func(ctx context.Context, key int64) ([]byte, error) {
		time.Sleep(time.Duration(rand.N(100)) * time.Microsecond)
		if key%7 == 0 {
			return nil, odd
		}
		return fetch(ctx, key)
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 500 {
				key := rand.Int64N(60)
				a.hint(rand.Int64N(60))
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.N(400))*time.Microsecond)
				b, err := a.get(ctx, key)
				cancel()
				if err == nil && !bytes.Equal(b, pieceOf(key)) || err != nil && !errors.Is(err, odd) && !isContextError(err) {
					t.Errorf("piece %d: %q, %v", key, b, err)
				}
				if key%3 == 0 {
					a.drop(key)
				}
			}
		})
	}
	readers.Wait()
	soon(t, "nothing is under way", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.running == 0 && (len(a.queue) == 0 || a.full())
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	require.LessOrEqual(t, a.size, a.memory)
	size := int64(0)
	for _, p := range a.pieces {
		require.Zero(t, p.readers)
		if p.finished() {
			size += p.cost()
		}
	}
	require.Equal(t, size, a.size)
	f.mu.Lock() // fetches that nobody waits for any more may still end
	defer f.mu.Unlock()
	require.NotZero(t, f.most)
}

// A fetch that panics ends the program, with its own stack: hidden in a piece that nobody reads it would be lost.
func TestAheadPanicIsNotSwallowed(t *testing.T) {
	if os.Getenv("SEER_TEST_PANIC") != "" {
		a := newAhead(func(context.Context, int64) ([]byte, error) { panic("no such luck") }, 1, 1000)
		a.hint(1)
		time.Sleep(10 * time.Second)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAheadPanicIsNotSwallowed$")
	cmd.Env = append(os.Environ(), "SEER_TEST_PANIC=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: no such luck")
}
