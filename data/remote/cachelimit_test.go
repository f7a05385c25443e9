// SPDX-License-Identifier: MIT

package remote_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/remote"
)

// watchLimit looks at the folder until stop, and returns the most that it took.
func watchLimit(t testing.TB, dir string, stop <-chan struct{}) (most int64) {
	for {
		select {
		case <-stop:
			return max(most, disk(t, dir))
		case <-time.After(2 * time.Millisecond):
			most = max(most, disk(t, dir))
		}
	}
}

// Random reads of data three times the limit, by two caches over one folder, while objects are removed: right bytes, and
// the folder never above its limit.
func TestCacheLimitHolds(t *testing.T) {
	for name, idle := range map[string]time.Duration{"the oldest goes": 0, "what is in use stays": time.Hour} {
		t.Run(name, func(t *testing.T) {
			const size = 2 << 20
			origin, dir := newOrigin(t, 96, size), t.TempDir()
			caches := []*remote.Cache{newCache(t, dir, remote.MinCacheBytes), newCache(t, dir, remote.MinCacheBytes)}
			for _, c := range caches {
				c.SetIdle(idle)
			}
			stop, done := make(chan struct{}), make(chan int64)
			go func() { done <- watchLimit(t, dir, stop) }()
			var wg sync.WaitGroup
			for g := range 8 {
				c := caches[g%2]
				objects := make([]*remote.Object, len(origin.objects))
				for i := range objects {
					objects[i] = cached(t, c, fmt.Sprint(origin.url, "/", i))
				}
				wg.Go(func() {
					random := rand.New(rand.NewPCG(uint64(g), 3))
					for range 200 {
						i, off := random.IntN(len(objects)), random.IntN(size-200_000)
						same(t, objects[i], origin.objects[i], off, 200_000)
					}
				})
			}
			wg.Wait()
			close(stop)
			most := <-done
			require.LessOrEqual(t, most, int64(remote.MinCacheBytes))
			require.Greater(t, most, int64(remote.MinCacheBytes)*7/8)
			a, b := caches[0].Stats(), caches[1].Stats()
			require.Zero(t, a.Failures+b.Failures, "%v %v", a.Err, b.Err)
			require.Equal(t, idle == 0, a.Evicted+b.Evicted > 0)
			if idle > 0 {
				require.Positive(t, a.Refused+b.Refused)
			}
		})
	}
}

// A limit that was lowered holds for what is there, whether or not it is in use.
func TestCacheLimitLowered(t *testing.T) {
	origin, dir := newOrigin(t, 6, 20<<20), t.TempDir()
	c := newCache(t, dir, roomy)
	for i := range 6 {
		same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 20<<20)
	}
	require.Greater(t, disk(t, dir), int64(120<<20))
	old := objectOf(t, dir, 2)
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)))
	require.NoError(t, c.Resize(100<<20))
	another := newOrigin(t, 1, 1<<20)
	same(t, cached(t, c, another.url+"/0"), another.objects[0], 0, 1<<20)
	require.LessOrEqual(t, disk(t, dir), int64(100<<20))
	require.NoFileExists(t, old)
}

// objectOf is the n-th file of the folder.
func objectOf(t testing.TB, dir string, n int) string {
	list, err := filepath.Glob(filepath.Join(dir, "*.blocks"))
	require.NoError(t, err)
	return list[n]
}

// What was read longest ago goes first, by whichever process.
func TestCacheRemovesTheOldest(t *testing.T) {
	origin, dir := newOrigin(t, 4, 20<<20), t.TempDir()
	c := newCache(t, dir, 64<<20)
	c.SetIdle(0)
	read := func(c *remote.Cache, i int) {
		time.Sleep(10 * time.Millisecond) // file systems have coarse clocks
		same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 20<<20)
	}
	for i := range 2 {
		read(c, i)
	}
	other := newCache(t, dir, 64<<20)
	other.SetIdle(0)
	read(other, 0)
	read(c, 2)
	read(c, 3)
	origin.served.Store(0)
	read(c, 0)
	require.Zero(t, origin.served.Load(), "read by the other just before")
	read(c, 1)
	require.EqualValues(t, 20<<20, origin.served.Load())
}

// More objects than open files: those that are used stay.
func TestCacheManyObjects(t *testing.T) {
	origin, dir := newOrigin(t, 400, 1000), t.TempDir()
	c := newCache(t, dir, roomy)
	for range 2 {
		for i := range 400 {
			same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 1000)
		}
	}
	require.EqualValues(t, 400_000, origin.served.Load())
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	ours := 0
	for _, d := range open {
		if path, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && filepath.Dir(path) == dir {
			ours++
		}
	}
	require.LessOrEqual(t, ours, 256)
}
