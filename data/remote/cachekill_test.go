// SPDX-License-Identifier: MIT

package remote_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/remote"
	"seer/internal/testrand"
)

// childEnv makes the test binary read through a cache in place of the tests: another process, which can be killed. It
// holds folder, URL, number of objects, their size, number of reads and seed.
const childEnv = "SEER_TEST_CACHE"

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := readChild(strings.Fields(text)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// readChild reads at random in four goroutines, and every object from end to end if it is to read nothing at random.
func readChild(args []string) error {
	var n [4]int
	for i := range n {
		n[i], _ = strconv.Atoi(args[2+i])
	}
	objects, size, reads, seed := n[0], n[1], n[2], n[3]
	cache, err := remote.OpenCache(args[0], remote.MinCacheBytes)
	if err != nil {
		return err
	}
	cache.SetIdle(0)
	errs := make(chan error, 4)
	for g := range 4 {
		random := rand.New(rand.NewPCG(uint64(seed), uint64(g)))
		go func() {
			var err error
			for i := 0; err == nil && i < max(reads, objects); i++ {
				number, off, length := random.IntN(objects), random.IntN(size), 150_000
				if reads == 0 {
					number, off, length = i, 0, size
				}
				err = readOne(cache, args[1], number, size, off, min(length, size-off))
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			return err
		}
	}
	if s := cache.Stats(); s.Failures > 0 {
		return fmt.Errorf("%d failures, the first: %w", s.Failures, s.Err)
	}
	return nil
}

func readOne(cache *remote.Cache, url string, number, size, off, n int) error {
	o, err := remote.New(remote.StoreOptions{Cache: cache}).Open(context.Background(), fmt.Sprint(url, "/", number))
	got := make([]byte, n)
	if err == nil {
		err = o.ReadAt(context.Background(), got, int64(off))
	}
	if err == nil && !bytes.Equal(got, object(number, size)[off:off+n]) {
		err = fmt.Errorf("bytes %d to %d of object %d differ", off, off+n, number)
	}
	return err
}

func child(dir string, o *origin, reads int, seed int) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d %d %d", childEnv, dir, o.url, len(o.objects), len(o.objects[0]), reads, seed))
	return c
}

// What one process has fetched, another reads from the disk.
func TestCacheServesOtherProcesses(t *testing.T) {
	origin, dir := newOrigin(t, 3, 3<<20), t.TempDir()
	for range 2 {
		out, err := child(dir, origin, 0, 0).CombinedOutput()
		require.NoError(t, err, string(out))
		require.EqualValues(t, 9<<20, origin.served.Load())
	}
}

// Three processes over one folder that holds half of what they read, all removing objects: right bytes, no failures, and
// the limit holds.
func TestCacheSharedByProcesses(t *testing.T) {
	origin, dir := newOrigin(t, 64, 2<<20), t.TempDir()
	stop, most := make(chan struct{}), make(chan int64)
	go func() { most <- watchLimit(t, dir, stop) }()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if out, err := child(dir, origin, 100, i).CombinedOutput(); err != nil {
				t.Error(err, string(out))
			}
		})
	}
	wg.Wait()
	close(stop)
	require.LessOrEqual(t, <-most, int64(remote.MinCacheBytes))
}

// A process that is killed at a random instant leaves a folder that the next one reads right, without a failure.
func TestCacheKilledProcesses(t *testing.T) {
	origin, dir := newOrigin(t, 48, 2<<20), t.TempDir()
	random := testrand.New(t)
	for seed := range 12 {
		c := child(dir, origin, 1<<30, seed)
		var out bytes.Buffer
		c.Stderr = &out
		require.NoError(t, c.Start())
		time.Sleep(50*time.Millisecond + time.Duration(random.Int64N(int64(250*time.Millisecond))))
		require.NoError(t, c.Process.Kill())
		require.ErrorContains(t, c.Wait(), "killed", out.String())
	}
	require.Positive(t, disk(t, dir))
	c := newCache(t, dir, remote.MinCacheBytes)
	c.SetIdle(0)
	for i := range origin.objects {
		same(t, cached(t, c, fmt.Sprint(origin.url, "/", i)), origin.objects[i], 0, 2<<20)
	}
	s := c.Stats()
	require.Zero(t, s.Failures, s.Err)
	require.Positive(t, s.Hits, "what they have fetched serves")
	require.LessOrEqual(t, disk(t, dir), int64(remote.MinCacheBytes))
}
