// SPDX-License-Identifier: MIT

package index

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var scaleEntries = flag.Int64("entries", 1_000_000, "entries of BenchmarkScale; docs/data.md quotes 100000000")

// resident returns the process's resident memory in bytes: all of it, and the
// anonymous part, which excludes the program.
func resident(t testing.TB) (all, anon int64) {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for _, line := range strings.Split(string(status), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			all = kib << 10
		case "RssAnon:":
			anon = kib << 10
		}
	}
	return all, anon
}

// synthesise writes n sorted paths with labels and spans, as tar shards of
// 10,000 images have them.
func synthesise(t testing.TB, path string, n int64, opt FileOptions) *Table {
	b, err := Create(path, opt)
	require.NoError(t, err)
	defer b.Abort()
	name := make([]byte, 0, 64)
	for i := range n {
		name = fmt.Appendf(name[:0], "%03d/%08x.jpg", i/1_000_000, uint32(i))
		e := Entry{Name: name, Label: int32(i % 1000), Shard: uint32(i / 10_000), Offset: i % 10_000 * 110_592, Length: 100_000 + i%9973}
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	tab, err := b.Finish(Meta{Kind: "files"})
	require.NoError(t, err)
	return tab
}

// A file that is looked at all over must not become resident.
func TestLookupsKeepMemoryFlat(t *testing.T) {
	const n = 1_000_000
	tab := synthesise(t, filepath.Join(t.TempDir(), "x.idx"), n, FileOptions{Layout: Layout{Labels: true, Spans: true}})
	defer tab.Close()
	runtime.GC()
	before, _ := resident(t)
	name := make([]byte, 0, 64)
	for i := range int64(100_000) {
		if _, err := tab.Entry(i*7919%n, name); err != nil {
			t.Fatal(err)
		}
	}
	after, _ := resident(t)
	require.Less(t, after-before, int64(4<<20), "a file of %d bytes", tab.Bytes())
}

// BenchmarkScale reports what docs say about large indices: time to build, to
// open, for a lookup, and memory. Run it with -args -entries 100000000.
func BenchmarkScale(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.idx")
	start := time.Now()
	built := synthesise(b, path, *scaleEntries, FileOptions{Layout: Layout{Labels: true, Spans: true}})
	took := time.Since(start)
	require.NoError(b, built.Close())
	start = time.Now()
	tab, err := Open(path)
	require.NoError(b, err)
	opened := time.Since(start)
	defer tab.Close()
	runtime.GC()
	before, _ := resident(b)
	rng, name := rand.New(rand.NewPCG(1, 1)), make([]byte, 0, 64)
	for b.Loop() {
		i := rng.Int64N(tab.Len())
		e, err := tab.Entry(i, name)
		if err != nil || !bytes.HasSuffix(e.Name, []byte(".jpg")) || e.Label != int32(i%1000) {
			b.Fatalf("entry %d is %q %v", i, e.Name, err)
		}
	}
	after, anon := resident(b)
	b.ReportMetric(float64(*scaleEntries)/took.Seconds(), "built/s")
	b.ReportMetric(float64(tab.Bytes())/float64(*scaleEntries), "B/entry")
	b.ReportMetric(float64(opened.Microseconds())/1000, "open-ms")
	b.ReportMetric(float64(after-before)/(1<<20), "RSS-growth-MiB")
	b.ReportMetric(float64(anon)/(1<<20), "anon-MiB")
}
