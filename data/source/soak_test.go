// SPDX-License-Identifier: MIT

package source_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/loader/loadertest"
	"seer/data/source"
	"seer/internal/resident"
)

var soak = flag.Duration("soak", 3*time.Second, "how long TestSoak runs the loader on faulty data")

// handlesOpen counts the file handles of the process. Listing takes one.
func handlesOpen(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

// faulty writes shards in which one member of six is broken in some way, and
// one shard that vanishes, so that its images are missing.
func faulty(t *testing.T) source.Source {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for s := range 12 {
		var members []datatest.Member
		for k := range 20 {
			body := datatest.Pictures()[(s*20+k)%len(datatest.Pictures())]
			switch rng.IntN(18) {
			case 0:
				body = nil
			case 1:
				body = body[:rng.IntN(len(body))]
			case 2:
				body = append([]byte("GIF89a"), body...)
			}
			members = append(members, datatest.Member{Name: fmt.Sprintf("%d-%d.jpg", s, k), Body: body})
		}
		datatest.Write(t, filepath.Join(dir, fmt.Sprintf("%02d.tar", s)), datatest.Tar(members...))
	}
	src := source.Opened(t, source.Location{Path: dir})
	source.LimitHandles(src, 4)
	require.NoError(t, os.Remove(filepath.Join(dir, "07.tar")))
	return src
}

// TestSoak runs two workers on faulty data, with a consumer that now and then
// gives up waiting. Memory and file handles must stay where they are after the
// first third. The real run is go test ./data/source -run Soak -args -soak 30m.
func TestSoak(t *testing.T) {
	src := faulty(t)
	opt := loadertest.Options(src)
	opt.MaxBadFraction = .9
	l := loadertest.Load(t, opt)
	start := time.Now()
	var memory int64
	var handles, worst int
	for time.Since(start) < *soak {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		b, err := l.Next(ctx)
		cancel()
		if err == nil {
			b.Release()
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if time.Since(start) < *soak/3 {
			continue
		}
		if memory == 0 {
			debug.FreeOSMemory() // or what the collector has not given back yet would count
			memory, handles = resident.Now(), handlesOpen(t)
		}
		worst = max(worst, handlesOpen(t))
	}
	debug.FreeOSMemory()
	st := l.Stats()
	t.Logf("%d images in %v, bad %v, memory %d to %d KiB, handles %d to %d", st.Images, time.Since(start).Round(time.Second), st.Bad, memory>>10, resident.Now()>>10, handles, worst)
	allowed := .02 * float64(memory)
	if *soak < 5*time.Minute {
		allowed += 4 << 20 // buffers still grow to the largest image
	}
	require.Less(t, float64(resident.Now()-memory), allowed)
	require.LessOrEqual(t, worst, handles+2*4, "the shards that may be open, and one a worker")
	require.Greater(t, st.Replaced(), int64(10))
}
