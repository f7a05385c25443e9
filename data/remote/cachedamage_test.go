// SPDX-License-Identifier: MIT

package remote_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/remote"
)

// objectFile is the one file of the folder that holds an object.
func objectFile(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.blocks"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

// Whatever happens to a file, reads are right, and the cache works again afterwards. The file of an object of 1 MB has a
// header of 64 bytes, 16 checksums of 4 bytes, and blocks from 4096 on.
func TestCacheSurvivesDamage(t *testing.T) {
	const size = 16<<16 - 1000
	flip := func(at int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			b := make([]byte, 1)
			_, err = f.ReadAt(b, at)
			require.NoError(t, err)
			b[0] ^= 0x10
			_, err = f.WriteAt(b, at)
			require.NoError(t, err)
		}
	}
	cut := func(at int64) func(*testing.T, string) {
		return func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, at)) }
	}
	zero := func(from, n int) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			_, err = f.WriteAt(make([]byte, n), int64(from))
			require.NoError(t, err)
		}
	}
	for name, c := range map[string]struct {
		spoil  func(*testing.T, string)
		blocks int64 // that are fetched again
		silent bool  // an open file does not notice
	}{
		"a bit of a block":           {flip(4096 + 3*65536 + 77), 1, false},
		"a bit of a checksum":        {flip(64 + 4*5), 1, false},
		"data cut":                   {cut(4096 + 9*65536 + 5), 7, false},
		"all data cut":               {cut(4096), 16, false},
		"checksums cut":              {cut(64 + 4*3), 16, false}, // with them the data
		"header cut":                 {cut(10), 16, false},
		"everything cut":             {cut(0), 16, false},
		"a block of zeros":           {zero(4096, 65536), 1, false},
		"checksums never written":    {zero(64, 4*16), 16, false},
		"a header of another format": {flip(7), 16, true},
		"a header of zeros":          {zero(0, 64), 16, true},
		"removed":                    {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, 16, false},
	} {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, running %v", name, running), func(t *testing.T) {
				origin, dir := newOrigin(t, 1, size), t.TempDir()
				cache := newCache(t, dir, roomy)
				o := cached(t, cache, origin.url+"/0")
				same(t, o, origin.objects[0], 0, size)
				c.spoil(t, objectFile(t, dir))
				if !running {
					cache = newCache(t, dir, roomy)
					o = cached(t, cache, origin.url+"/0")
				}
				origin.served.Store(0)
				for range 2 {
					same(t, o, origin.objects[0], 0, size)
				}
				want := c.blocks * 65536
				if c.blocks > 1 {
					want -= 1000 // the last block is shorter
				}
				if running && c.silent {
					want = 0
				}
				require.EqualValues(t, want, origin.served.Load())
				require.LessOrEqual(t, cache.Stats().Failures, int64(16))
			})
		}
	}
}

// A file under the name of another object is none of it.
func TestCacheSwappedFiles(t *testing.T) {
	origin, dir := newOrigin(t, 2, 200_000), t.TempDir()
	for i := range 2 {
		same(t, cached(t, newCache(t, dir, roomy), fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 200_000)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.blocks"))
	require.NoError(t, err)
	first, err := os.ReadFile(files[0])
	require.NoError(t, err)
	second, err := os.ReadFile(files[1])
	require.NoError(t, err)
	// Whole files, and then only what is behind the headers.
	for _, from := range []int{0, 64} {
		require.NoError(t, os.WriteFile(files[0], append(first[:from:from], second[from:]...), 0o600))
		require.NoError(t, os.WriteFile(files[1], append(second[:from:from], first[from:]...), 0o600))
		c := newCache(t, dir, roomy)
		for i := range 2 {
			same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 200_000)
		}
		require.Positive(t, c.Stats().Failures)
		require.ErrorContains(t, c.Stats().Err, dir)
	}
}

// Files that vanish while eight goroutines read are made anew.
func TestCacheFilesVanishWhileRead(t *testing.T) {
	origin, dir := newOrigin(t, 2, 1<<20), t.TempDir()
	c := newCache(t, dir, roomy)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			for range 100 {
				i, off := random.IntN(2), random.IntN(900_000)
				same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], off, 100_000)
				if g == 0 {
					files, _ := filepath.Glob(filepath.Join(dir, "*.blocks"))
					for _, f := range files {
						os.Remove(f)
					}
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, c.Stats().Failures, c.Stats().Err)
}

// A folder that cannot be written any more makes reads from afar, of the bytes that are wanted, and one count.
func TestCacheFailuresBecomeReadsFromAfar(t *testing.T) {
	for _, op := range []string{"open", "write"} {
		t.Run(op, func(t *testing.T) {
			origin, dir := newOrigin(t, 2, 1<<20), t.TempDir()
			c := newCache(t, dir, roomy)
			known, other := cached(t, c, origin.url+"/0"), cached(t, c, origin.url+"/1")
			same(t, known, origin.objects[0], 0, 1<<20)
			c.SetBefore(func(o string) error {
				if o == op {
					return syscall.ENOSPC
				}
				return nil
			})
			origin.served.Store(0)
			same(t, known, origin.objects[0], 0, 1<<20)
			require.Zero(t, origin.served.Load(), "what is there stays")
			for range 3 {
				same(t, other, origin.objects[1], 1000, 100_000)
			}
			s := c.Stats()
			require.Positive(t, s.Failures)
			require.ErrorIs(t, s.Err, syscall.ENOSPC)
			require.ErrorContains(t, s.Err, dir)
			require.Zero(t, s.Refused)
			require.LessOrEqual(t, origin.served.Load(), int64(2*65536+2*100_000))
		})
	}
}

// The folder itself vanishes, or becomes a file.
func TestCacheFolderVanishes(t *testing.T) {
	origin, dir := newOrigin(t, 1, 1<<20), filepath.Join(t.TempDir(), "cache")
	c := newCache(t, dir, roomy)
	o := cached(t, c, origin.url+"/0")
	same(t, o, origin.objects[0], 0, 100_000)
	require.NoError(t, os.RemoveAll(dir))
	same(t, o, origin.objects[0], 0, 1<<20)
	require.NoError(t, os.WriteFile(dir, nil, 0o644))
	same(t, o, origin.objects[0], 0, 1<<20)
	require.Positive(t, c.Stats().Failures)
}

// mounted is a small file system of its own. Whoever may not mount one has the write errors of the tests above.
func mounted(t *testing.T, options string) string {
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("a file system cannot be mounted by this user: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// A disk that others have filled, and one that was made read-only.
func TestCacheOnRealDisks(t *testing.T) {
	origin := newOrigin(t, 3, 20<<20)
	t.Run("full", func(t *testing.T) {
		dir := mounted(t, "size=80m")
		c := newCache(t, dir, remote.MinCacheBytes)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "others"), make([]byte, 50<<20), 0o644))
		for range 2 {
			for i := range 3 {
				same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 20<<20)
			}
		}
		require.ErrorIs(t, c.Stats().Err, syscall.ENOSPC)
		_, err := remote.OpenCache(dir, remote.MinCacheBytes)
		require.ErrorContains(t, err, "a limit of 67.1 MB, and its disk has")
	})
	t.Run("read-only", func(t *testing.T) {
		dir := mounted(t, "size=80m")
		c := newCache(t, dir, remote.MinCacheBytes)
		same(t, cached(t, c, origin.url+"/0"), origin.objects[0], 0, 20<<20)
		c.Close()
		require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		origin.served.Store(0)
		same(t, cached(t, c, origin.url+"/0"), origin.objects[0], 0, 20<<20)
		require.Zero(t, origin.served.Load(), "what is there is still read")
		same(t, cached(t, c, origin.url+"/1"), origin.objects[1], 0, 20<<20)
		require.ErrorIs(t, c.Stats().Err, syscall.EROFS)
		_, err := remote.OpenCache(dir, remote.MinCacheBytes)
		require.ErrorContains(t, err, "cannot be written")
	})
}

// Any content of a file gives the object's bytes or nothing of its own.
func FuzzCacheFile(f *testing.F) {
	const size = 100_000
	origin, dir := newOrigin(f, 1, size), f.TempDir()
	same(f, cached(f, newCache(f, dir, roomy), origin.url+"/0"), origin.objects[0], 0, size)
	path := objectFile(f, dir)
	good, err := os.ReadFile(path)
	require.NoError(f, err)
	// The fuzzer changes a header and checksums, which lie before whole or cut blocks.
	for _, head := range [][]byte{good[:72], good[:64], good[:20], bytes.Repeat([]byte{0xff}, 80), {}} {
		f.Add(head, uint32(len(good)))
		f.Add(head, uint32(5000))
	}
	f.Fuzz(func(t *testing.T, head []byte, length uint32) {
		content := append([]byte(nil), good...)
		copy(content, head)
		require.NoError(t, os.WriteFile(path, content[:min(int(length), len(content))], 0o600))
		c := newCache(t, dir, roomy)
		defer c.Close()
		o := cached(t, c, origin.url+"/0")
		same(t, o, origin.objects[0], 0, size)
		origin.served.Store(0)
		same(t, o, origin.objects[0], 0, size)
		require.Zero(t, origin.served.Load(), "it works again")
	})
}
