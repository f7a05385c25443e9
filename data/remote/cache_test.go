// SPDX-License-Identifier: MIT

package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/remote"
)

// origin serves objects of noise, /0, /1, …, and counts the bytes that it sends.
type origin struct {
	url     string
	objects [][]byte
	tag     atomic.Value // of all objects
	served  atomic.Int64
	ranges  atomic.Int64
	slow    atomic.Int64 // nanoseconds before an answer
}

func newOrigin(t testing.TB, objects, size int) *origin {
	o := &origin{}
	o.tag.Store(`"v1"`)
	for i := range objects {
		o.objects = append(o.objects, object(i, size))
	}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// object is noise too, another for every number.
func object(number, size int) []byte {
	p := make([]byte, size)
	random := rand.NewChaCha8([32]byte{2, byte(number), byte(number >> 8)})
	random.Read(p)
	return p
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n int
	fmt.Sscanf(r.URL.Path, "/%d", &n)
	probe := r.Header.Get("Range") == "bytes=0-0" // opening an object asks for a byte
	if !probe {
		o.ranges.Add(1)
		select {
		case <-time.After(time.Duration(o.slow.Load())):
		case <-r.Context().Done():
		}
	}
	w.Header().Set("ETag", o.tag.Load().(string))
	http.ServeContent(&counted{w, o, probe}, r, "", time.Time{}, bytes.NewReader(o.objects[n]))
}

type counted struct {
	http.ResponseWriter
	o     *origin
	probe bool
}

func (c *counted) Write(p []byte) (int, error) {
	if !c.probe {
		c.o.served.Add(int64(len(p))) // before the reader has them
	}
	return c.ResponseWriter.Write(p)
}

func newCache(t testing.TB, dir string, limit int64) *remote.Cache {
	t.Helper()
	c, err := remote.OpenCache(dir, limit)
	require.NoError(t, err)
	return c
}

// cached opens an object of a server through a cache.
func cached(t testing.TB, c *remote.Cache, url string) *remote.Object {
	t.Helper()
	o, err := remote.New(remote.StoreOptions{Cache: c, Pause: time.Millisecond}).Open(t.Context(), url)
	require.NoError(t, err)
	return o
}

// same reads a range and compares it.
func same(t testing.TB, o *remote.Object, content []byte, off, n int) {
	t.Helper()
	got := make([]byte, n)
	require.NoError(t, o.ReadAt(t.Context(), got, int64(off)))
	require.True(t, bytes.Equal(content[off:off+n], got), "bytes %d to %d differ", off, off+n)
}

const roomy = 256 << 20

// Every byte comes from afar once, whatever the reads, from eight goroutines and from a second cache over the folder.
func TestCacheFetchesOnce(t *testing.T) {
	size := 5<<20 + 12_345
	origin, dir := newOrigin(t, 3, size), t.TempDir()
	origin.slow.Store(int64(2 * time.Millisecond))
	for round := range 2 {
		c := newCache(t, dir, roomy)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(g), 7))
				for range 60 {
					i, off := random.IntN(3), random.IntN(size)
					same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], off, random.IntN(min(300_000, size-off)))
				}
			})
		}
		wg.Wait()
		for i := range 3 {
			same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, size)
		}
		require.EqualValues(t, 3*size, origin.served.Load())
		s := c.Stats()
		require.EqualValues(t, []int{3 * size, 0}[round], s.Misses)
		require.Greater(t, s.Hits, int64(3*size))
		require.Zero(t, s.Failures, s.Err)
		require.Zero(t, s.Refused)
	}
}

// Blocks that are missing side by side are one request; those that are there are not asked for.
func TestCacheFetchesFewRanges(t *testing.T) {
	origin := newOrigin(t, 1, 2<<20)
	o := cached(t, newCache(t, t.TempDir(), roomy), origin.url+"/0")
	same(t, o, origin.objects[0], 5*65536+10, 20)
	require.EqualValues(t, 1, origin.ranges.Load())
	same(t, o, origin.objects[0], 3*65536, 6*65536)
	require.EqualValues(t, 3, origin.ranges.Load(), "before and behind the block that is there")
	require.EqualValues(t, 6*65536, origin.served.Load())
}

// A reader waits for the blocks it wants and for no others.
func TestCacheWaitsForNothingElse(t *testing.T) {
	origin := newOrigin(t, 1, 2<<20)
	o := cached(t, newCache(t, t.TempDir(), roomy), origin.url+"/0")
	same(t, o, origin.objects[0], 1<<20, 10)
	origin.slow.Store(int64(time.Minute))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	first, second := make(chan error), make(chan error)
	go func() { first <- o.ReadAt(ctx, make([]byte, 10), 0) }()
	require.Eventually(t, func() bool { return origin.ranges.Load() == 2 }, time.Second, time.Millisecond)
	same(t, o, origin.objects[0], 1<<20+5, 1000) // while the other still waits

	// Who waits for a reader that is cancelled fetches by itself.
	go func() { second <- o.ReadAt(t.Context(), make([]byte, 10), 20) }()
	time.Sleep(10 * time.Millisecond)
	origin.slow.Store(0)
	cancel(stop)
	require.ErrorIs(t, <-first, stop)
	require.NoError(t, <-second)
}

// What the store says is said to all who wait.
func TestCachePassesErrorsOn(t *testing.T) {
	f, url := newFaulty(t, noise(100_000), nil)
	o := cached(t, newCache(t, t.TempDir(), roomy), url)
	f.set(func() { f.etag = `"v2"` })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := o.ReadAt(t.Context(), make([]byte, 10), 0); !errors.Is(err, remote.ErrChanged) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Another version, size or place is another object; a link that is only signed anew is not.
func TestCacheKeepsObjectsApart(t *testing.T) {
	origin, c := newOrigin(t, 2, 100_000), newCache(t, t.TempDir(), roomy)
	same(t, cached(t, c, origin.url+"/0?X-Amz-Signature=1&a=1"), origin.objects[0], 0, 100_000)
	same(t, cached(t, c, origin.url+"/0?a=1&X-Amz-Signature=2"), origin.objects[0], 0, 100_000)
	require.EqualValues(t, 100_000, origin.served.Load())
	for _, other := range []string{"/0?a=2", "/0", "/1?a=1"} {
		same(t, cached(t, c, origin.url+other), origin.objects[strings.Count(other, "1?")], 0, 100_000)
	}
	require.EqualValues(t, 400_000, origin.served.Load())
	origin.objects[0] = object(9, 100_000)
	origin.tag.Store(`"v2"`)
	same(t, cached(t, c, origin.url+"/0"), origin.objects[0], 0, 100_000)
	require.EqualValues(t, 500_000, origin.served.Load(), "changed: nothing of the old blocks")
	origin.tag.Store("")
	for range 2 {
		same(t, cached(t, c, origin.url+"/0"), origin.objects[0], 0, 100_000)
	}
	require.EqualValues(t, 700_000, origin.served.Load(), "no version: not kept")
}

// No file's name or content tells where an object comes from, nor how one gets at it.
func TestCacheHoldsNoSecrets(t *testing.T) {
	origin, dir := newOrigin(t, 1, 100_000), t.TempDir()
	c := newCache(t, filepath.Join(dir, "made", "here"), roomy)
	url := strings.Replace(origin.url, "http://", "http://USER:SECRET@", 1) + "/0?signature=SECRET&token=SECRET"
	same(t, cached(t, c, url), origin.objects[0], 0, 100_000)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		st, err := d.Info()
		require.NoError(t, err)
		if path != dir {
			require.Zero(t, st.Mode().Perm()&0o077, "%s: for its owner only", path)
		}
		if d.IsDir() {
			return nil
		}
		files++
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, secret := range []string{"SECRET", "USER", "signature", "127.0.0.1"} {
			require.NotContains(t, path, secret)
			require.False(t, bytes.Contains(content, []byte(secret)), secret)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, files, "the object and the lock")
}

func TestOpenCacheRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for _, c := range []struct {
		dir   string
		limit int64
		want  []string
	}{
		{dir, 1000, []string{dir, "a limit of 1000 bytes; allowed are 67.1 MB and more"}},
		{dir, -1, []string{"allowed are"}},
		{dir, 1 << 60, []string{dir, "a limit of 1152921.50 TB, and its disk has", "B free", "give at most"}},
		{file, roomy, []string{file, "it is not a folder; name one"}},
		{filepath.Join(file, "below"), roomy, []string{"cannot be written", "name one that can"}},
		{"/proc/none", roomy, []string{"/proc/none", "cannot be written"}},
	} {
		_, err := remote.OpenCache(c.dir, c.limit)
		for _, want := range c.want {
			require.ErrorContains(t, err, want)
		}
	}
}

// Other people's files in the folder are neither counted nor removed.
func TestCacheLeavesOtherFilesAlone(t *testing.T) {
	origin, dir := newOrigin(t, 3, 30<<20), t.TempDir()
	other := filepath.Join(dir, "notes.blocks")
	require.NoError(t, os.WriteFile(other, make([]byte, 80<<20), 0o644))
	c := newCache(t, dir, remote.MinCacheBytes)
	c.SetIdle(0)
	for i := range 3 {
		same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 30<<20)
	}
	require.Positive(t, c.Stats().Evicted)
	require.FileExists(t, other)
}

// disk is what the files of a cache take.
func disk(t testing.TB, dir string) (bytes int64) {
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, d := range list {
		if st, err := d.Info(); err == nil {
			bytes += st.Sys().(*syscall.Stat_t).Blocks * 512
		}
	}
	return bytes
}
