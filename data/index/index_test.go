// SPDX-License-Identifier: MIT

package index

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"seer/internal/testrand"

	"github.com/stretchr/testify/require"
)

var layouts = []Layout{{}, {Labels: true}, {Spans: true}, {Labels: true, Spans: true}}

// entries draws names with long common prefixes, repeats and odd bytes.
func entries(n int, l Layout, seed uint64) []Entry {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]Entry, n)
	for i := range out {
		e := &out[i]
		e.Name = fmt.Appendf(nil, "class %c/%x/img_%d.jpg", 'a'+rng.IntN(3), rng.IntN(20), rng.IntN(2*n))
		if rng.IntN(50) == 0 {
			e.Name = append([]byte{byte(rng.IntN(255) + 1)}, bytes.Repeat([]byte{0xff}, rng.IntN(300))...)
		}
		e.Label = -1
		if l.Labels {
			e.Label = int32(rng.IntN(1001) - 1)
		}
		if l.Spans {
			e.Shard = uint32(rng.IntN(3))
			e.Offset, e.Length = rng.Int64N(1<<40), rng.Int64N(1<<20)
		}
	}
	return out
}

func fill(t *testing.T, b *Builder, es []Entry) {
	t.Helper()
	for _, e := range es {
		require.NoError(t, b.Add(e))
	}
}

func finish(t *testing.T, b *Builder, m Meta) *Table {
	t.Helper()
	tab, err := b.Finish(m)
	require.NoError(t, err)
	t.Cleanup(func() { tab.Close() })
	return tab
}

func requireEntries(t *testing.T, want []Entry, tab *Table) {
	t.Helper()
	require.EqualValues(t, len(want), tab.Len())
	require.NoError(t, tab.Each(func(i int64, e Entry) error {
		if w := want[i]; !bytes.Equal(w.Name, e.Name) || w.Label != e.Label || w.Shard != e.Shard || w.Offset != e.Offset || w.Length != e.Length {
			return fmt.Errorf("entry %d is %q %+v; want %q %+v", i, e.Name, e, w.Name, w)
		}
		return nil
	}))
	for _, i := range testrand.New(t).Perm(len(want))[:min(len(want), 300)] {
		e, err := tab.Entry(int64(i), nil)
		require.NoError(t, err)
		require.Equal(t, want[i], e)
		name, err := tab.Name(int64(i))
		require.NoError(t, err)
		require.Equal(t, string(want[i].Name), name)
	}
}

func TestRoundTripInMemoryAndOnDisk(t *testing.T) {
	for _, l := range layouts {
		for _, n := range []int{0, 1, 15, 16, 17, 1000} {
			t.Run(fmt.Sprintf("%+v/%d", l, n), func(t *testing.T) {
				es := entries(n, l, uint64(n))
				meta := Meta{Kind: "files", Root: "/some/where", Shards: []Shard{{Path: "a.tar", Size: 5}}}
				mem := NewBuilder(l)
				fill(t, mem, es)
				inMemory := finish(t, mem, meta)
				requireEntries(t, es, inMemory)

				disk, err := Create(filepath.Join(t.TempDir(), "x.idx"), FileOptions{Layout: l})
				require.NoError(t, err)
				fill(t, disk, es)
				require.EqualValues(t, n, disk.Len())
				onDisk := finish(t, disk, meta)
				requireEntries(t, es, onDisk)
				require.Equal(t, meta, onDisk.Meta())
				require.Equal(t, l, onDisk.Layout())
				require.Equal(t, inMemory.Fingerprint(), onDisk.Fingerprint())
			})
		}
	}
}

// A limit of a few kilobytes forces dozens of runs; the order must be that of
// a stable sort in memory.
func TestSortingOnDiskIsAStableSort(t *testing.T) {
	for _, l := range layouts {
		for _, memory := range []int{0, 4096} {
			es := entries(5000, l, 3)
			dir := t.TempDir()
			b, err := Create(filepath.Join(dir, "x.idx"), FileOptions{Layout: l, Sort: true, Memory: memory})
			require.NoError(t, err)
			fill(t, b, es)
			require.EqualValues(t, 5000, b.Len())
			tab := finish(t, b, Meta{})
			slices.SortStableFunc(es, func(a, b Entry) int { return bytes.Compare(a.Name, b.Name) })
			requireEntries(t, es, tab)
			requireOnly(t, dir, "x.idx")
		}
	}
}

func requireOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	var names []string
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, d := range list {
		names = append(names, d.Name())
	}
	require.ElementsMatch(t, want, names)
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b, err := Create(filepath.Join(dir, "x.idx"), FileOptions{Sort: true, Memory: 1000})
	require.NoError(t, err)
	fill(t, b, entries(100, Layout{}, 1))
	b.Abort()
	requireOnly(t, dir)
	_, err = Create(filepath.Join(dir, "missing", "x.idx"), FileOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestClassesAreCountedInTheOrderOfTheirNames(t *testing.T) {
	b := NewBuilder(Layout{Labels: true})
	for i, label := range []int32{0, 1, 2, -1} {
		require.NoError(t, b.Add(Entry{Name: fmt.Appendf(nil, "%d", i), Label: label}))
	}
	tab := finish(t, b, Meta{Classes: []string{"owl", "ape", "bee"}})
	require.Equal(t, []string{"ape", "bee", "owl"}, tab.Classes())
	var got []int32
	require.NoError(t, tab.Each(func(_ int64, e Entry) error { got = append(got, e.Label); return nil }))
	require.Equal(t, []int32{2, 0, 1, -1}, got)

	_, err := NewBuilder(Layout{}).Finish(Meta{Classes: []string{"a", "a"}})
	require.ErrorContains(t, err, "same name")
}

func TestIntegerLabelsKeepTheirValues(t *testing.T) {
	b := NewBuilder(Layout{Labels: true})
	fill(t, b, []Entry{{Name: []byte("x"), Label: 0}, {Name: []byte("y"), Label: 1}})
	tab := finish(t, b, Meta{Classes: []string{"10", "2"}, Numeric: true})
	e, err := tab.Entry(0, nil)
	require.NoError(t, err)
	require.EqualValues(t, 10, e.Label)
	require.Len(t, tab.Classes(), 11)
	require.Equal(t, "10", tab.Classes()[10])

	require.Equal(t, []string{"0", "1", "2"}, finish(t, NewBuilder(Layout{}), Meta{Labels: 3}).Classes())
	for _, m := range []Meta{{Classes: []string{"x"}, Numeric: true}, {Classes: []string{"16777216"}, Numeric: true}, {Labels: 1 << 25}, {Labels: -1}} {
		_, err = NewBuilder(Layout{}).Finish(m)
		require.ErrorContains(t, err, "allowed are", "%+v", m)
	}
}

func TestFingerprintSeesEveryField(t *testing.T) {
	l := Layout{Labels: true, Spans: true}
	print := func(change func(*Entry, *Meta)) string {
		e := Entry{Name: []byte("a.jpg"), Label: 1, Shard: 0, Offset: 512, Length: 10}
		m := Meta{Root: "/a", Shards: []Shard{{Path: "/x/s.tar", Size: 1}}, Classes: []string{"p", "q"}}
		change(&e, &m)
		b := NewBuilder(l)
		require.NoError(t, b.Add(e))
		return finish(t, b, m).Fingerprint()
	}
	base := print(func(*Entry, *Meta) {})
	for name, change := range map[string]func(*Entry, *Meta){
		"name":   func(e *Entry, m *Meta) { e.Name = []byte("b.jpg") },
		"label":  func(e *Entry, m *Meta) { e.Label = 0 },
		"offset": func(e *Entry, m *Meta) { e.Offset++ },
		"length": func(e *Entry, m *Meta) { e.Length++ },
		"shard":  func(e *Entry, m *Meta) { m.Shards[0].Path = "/x/t.tar" },
		"class":  func(e *Entry, m *Meta) { m.Classes[1] = "r" },
	} {
		require.NotEqual(t, base, print(change), name)
	}
	require.Equal(t, base, print(func(e *Entry, m *Meta) {
		m.Root, m.Shards[0].Path, m.Shards[0].ModTime = "/moved", "/moved/s.tar", 7
	}), "moving the data changes nothing")
}

func TestAddTableShiftsShardsAndMapsLabels(t *testing.T) {
	l := Layout{Labels: true, Spans: true}
	b := NewBuilder(l)
	require.NoError(t, b.Add(Entry{Name: []byte("a"), Label: 1, Shard: 1}))
	part := finish(t, b, Meta{})
	all := NewBuilder(l)
	require.NoError(t, all.AddTable(part, 10, nil))
	require.NoError(t, all.AddTable(part, 20, []int32{5, 6}))
	require.ErrorContains(t, all.AddTable(part, 0, []int32{5}), "label 1 of 1")
	requireEntries(t, []Entry{{Name: []byte("a"), Label: 1, Shard: 11}, {Name: []byte("a"), Label: 6, Shard: 21}}, finish(t, all, Meta{}))
}

func TestAddRefusesWhatTheFormatCannotHold(t *testing.T) {
	for want, e := range map[string]Entry{
		"without a name":     {},
		"allowed are 65536":  {Name: make([]byte, MaxName+1)},
		"label -2":           {Name: []byte("a"), Label: -2},
		"offset -1":          {Name: []byte("a"), Offset: -1},
		"offset 92233720368": {Name: []byte("a"), Offset: 1<<63 - 1, Length: 1},
	} {
		require.ErrorContains(t, NewBuilder(Layout{}).Add(e), want)
	}
}

// build returns the bytes of a small file.
func build(t testing.TB, n int, l Layout) []byte {
	path := filepath.Join(t.TempDir(), "x.idx")
	b, err := Create(path, FileOptions{Layout: l})
	require.NoError(t, err)
	for _, e := range entries(n, l, 9) {
		require.NoError(t, b.Add(e))
	}
	tab, err := b.Finish(Meta{Kind: "files"})
	require.NoError(t, err)
	require.NoError(t, tab.Close())
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return raw
}

func TestOpenNamesTheDamage(t *testing.T) {
	good := build(t, 40, Layout{Labels: true})
	for want, damage := range map[string]func([]byte) []byte{
		"100 bytes are no header": func(b []byte) []byte { return b[:100] },
		"no index file":           func(b []byte) []byte { b[0]++; return b },
		"header's checksum":       func(b []byte) []byte { b[20]++; return b },
		"it was cut":              func(b []byte) []byte { return b[:len(b)-1] },
		"written over":            func(b []byte) []byte { return append(b, 0) },
		"description's checksum":  func(b []byte) []byte { b[len(b)-3]++; return b },
	} {
		path := filepath.Join(t.TempDir(), "x.idx")
		require.NoError(t, os.WriteFile(path, damage(bytes.Clone(good)), 0o600))
		_, err := Open(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "build it again")
	}
	_, err := Open(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Damage inside the records shows in the lookup, not in Open, which must not
// read them all.
func TestLookupReportsDamagedRecords(t *testing.T) {
	raw := build(t, 40, Layout{})
	raw[headerLen] = 200 // the first name cannot share bytes
	tab, err := parse(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	_, err = tab.Entry(3, nil)
	require.ErrorIs(t, err, errRecord)
	require.ErrorIs(t, tab.Each(func(int64, Entry) error { return nil }), errRecord)
	_, err = tab.Entry(20, nil)
	require.NoError(t, err, "another block")
	require.Panics(t, func() { tab.Entry(40, nil) })
}

func TestEachStopsAtAnError(t *testing.T) {
	b := NewBuilder(Layout{})
	fill(t, b, entries(20, Layout{}, 2))
	stop, calls := errors.New("stop"), 0
	err := finish(t, b, Meta{}).Each(func(int64, Entry) error { calls++; return stop })
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, calls)
}

func TestLookupDoesNotAllocate(t *testing.T) {
	l := Layout{Labels: true, Spans: true}
	disk, err := Create(filepath.Join(t.TempDir(), "x.idx"), FileOptions{Layout: l})
	require.NoError(t, err)
	for _, b := range []*Builder{NewBuilder(l), disk} {
		fill(t, b, entries(1000, l, 2))
		tab, name := finish(t, b, Meta{}), make([]byte, 0, 1024)
		require.Less(t, testing.AllocsPerRun(1000, func() { tab.Entry(517, name) }), 0.5)
	}
}

// A file that is cut while it is open is an error of the lookup.
func TestLookupInACutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.idx")
	require.NoError(t, os.WriteFile(path, build(t, 40, Layout{}), 0o600))
	tab, err := Open(path)
	require.NoError(t, err)
	defer tab.Close()
	require.NoError(t, os.Truncate(path, 200))
	_, err = tab.Entry(39, nil)
	require.ErrorIs(t, err, io.EOF)
}

// Sorted paths of a real shape cost a dozen bytes each, not a Go string's 16
// plus the path.
func TestPathsAreSmallInMemory(t *testing.T) {
	b := NewBuilder(Layout{Labels: true})
	for i := range 100_000 {
		require.NoError(t, b.Add(Entry{Name: fmt.Appendf(nil, "train/n%08d/n%08d_%d.JPEG", i/1000, i/1000, i), Label: int32(i / 1000)}))
	}
	require.Less(t, finish(t, b, Meta{}).Bytes(), int64(13*100_000))
}

func FuzzParse(f *testing.F) {
	for _, l := range layouts {
		f.Add(build(f, 20, l))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<16 {
			return
		}
		tab, err := parse(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		for i := range min(tab.Len(), 64) {
			tab.Entry(i, nil) // any result but a panic
		}
		tab.Each(func(int64, Entry) error { return nil })
	})
}

// FuzzRecords starts behind the checksums, which stop the fuzzer above.
func FuzzRecords(f *testing.F) {
	for _, l := range layouts {
		f.Add(l.Labels, l.Spans, build(f, 20, l)[headerLen:])
	}
	f.Fuzz(func(t *testing.T, labels, spans bool, src []byte) {
		e, l := Entry{}, Layout{Labels: labels, Spans: spans}
		for len(src) > 0 {
			prev := Entry{Name: bytes.Clone(e.Name), Shard: e.Shard, Offset: e.Offset, Length: e.Length}
			rest, err := readRecord(src, l, &e)
			if err != nil {
				return
			}
			// What decodes must encode to something that decodes to the same.
			again := prev
			_, err = readRecord(appendRecord(nil, l, &prev, &e), l, &again)
			if err != nil || !bytes.Equal(again.Name, e.Name) || again.Offset != e.Offset || again.Length != e.Length || again.Label != e.Label {
				t.Fatalf("%+v after %+v decodes to %+v: %v", e, prev, again, err)
			}
			src = rest
		}
	})
}

func BenchmarkEntry(b *testing.B) {
	builder := NewBuilder(Layout{Labels: true})
	for i := range 1_000_000 {
		builder.Add(Entry{Name: fmt.Appendf(nil, "train/n%08d/n%08d_%d.JPEG", i/1000, i/1000, i), Label: int32(i / 1000)})
	}
	tab, err := builder.Finish(Meta{})
	require.NoError(b, err)
	rng, name := rand.New(rand.NewPCG(1, 1)), make([]byte, 0, 256)
	for b.Loop() {
		if _, err := tab.Entry(rng.Int64N(tab.Len()), name); err != nil {
			b.Fatal(err)
		}
	}
}
