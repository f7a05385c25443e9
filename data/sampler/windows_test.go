// SPDX-License-Identifier: MIT

package sampler

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var shards = []int64{100, 37, 0, 250, 1, 80, 512, 44}

// Every image once an epoch, whatever the lanes and windows; other epochs and seeds are other orders.
func TestWindowedIsAPermutation(t *testing.T) {
	for _, w := range []Windows{
		{Size: 2}, {Size: 50}, {Size: 1024}, {Size: 1 << 40}, {Size: 50, Lanes: 1, Batch: 7},
		{Size: 30, Lanes: 4, Batch: 32}, {Size: 64, Lanes: 8, Batch: 8}, {Size: 3, Lanes: 8, Batch: 1024}, {Size: 3, Lanes: 2, Batch: 2000},
	} {
		w.Shards = shards
		s := must(t)(Windowed(w, 1))
		require.EqualValues(t, 1024, s.Len())
		first := epochOf(s, 0)
		sorted := slices.Sorted(slices.Values(first))
		for i, v := range sorted {
			require.EqualValues(t, i, v, "%+v", w)
		}
		require.NotEqual(t, first, epochOf(s, 1))
		require.NotEqual(t, first, epochOf(must(t)(Windowed(w, 2)), 0))
		require.Equal(t, first, epochOf(s, 0), "an epoch that was left comes back the same")
	}
}

// The shards that a lane has to hold at any time are those of one window.
func TestWindowsReadShardsInOneGo(t *testing.T) {
	const lanes, batch, size = 4, 32, 20
	s := must(t)(Windowed(Windows{Shards: shards, Size: size, Lanes: lanes, Batch: batch}, 3))
	order := epochOf(s, 5)
	place := map[int64]int64{} // of an image in the sequence of shards
	for k := range s.Len() {
		place[s.windows.image(s.windows.order(5), k)] = k
	}
	for lane := range int64(lanes) {
		for k := range s.Len() / lanes {
			pos := k/(batch/lanes)*batch + lane*(batch/lanes) + k%(batch/lanes)
			start := lane*s.Len()/lanes + k/size*size
			at := place[order[pos]]
			require.True(t, start <= at && at < start+size, "lane %d, image %d comes from %d", lane, k, at)
		}
	}
}

// Images of one window are not in the order of the shards, and windows differ in theirs.
func TestWindowsShuffle(t *testing.T) {
	s := must(t)(Windowed(Windows{Shards: []int64{10_000}, Size: 1000}, 1))
	order := epochOf(s, 0)
	moved, alike := 0, 0
	for i := range order {
		if order[i] != int64(i) {
			moved++
		}
		if i >= 1000 && order[i] == order[i-1000]+1000 {
			alike++
		}
	}
	require.Greater(t, moved, 9900)
	require.Less(t, alike, 100)
}

func TestWindowedRefuses(t *testing.T) {
	for want, w := range map[string]Windows{
		"windows of 1 images":            {Shards: shards, Size: 1},
		"must be a multiple of the lane": {Shards: shards, Size: 9, Lanes: 3, Batch: 32},
		"0 images in the source":         {Size: 9},
		"a shard of -1 images":           {Shards: []int64{-1, 5}, Size: 9},
	} {
		_, err := Windowed(w, 0)
		require.ErrorContains(t, err, want)
	}
}

func FuzzWindowed(f *testing.F) {
	f.Add(uint16(10), uint16(20), uint16(30), uint16(7), uint8(2), uint8(3), uint64(1))
	f.Fuzz(func(t *testing.T, a, b, c, size uint16, lanes, part uint8, seed uint64) {
		w := Windows{Shards: []int64{int64(a % 300), int64(b % 300), int64(c % 300)}, Size: int64(size), Lanes: int64(lanes)}
		w.Batch = w.Lanes * int64(part)
		s, err := Windowed(w, seed)
		if err != nil {
			return
		}
		seen := make([]bool, s.Len())
		for pos := range s.Len() {
			i := s.At(seed, pos)
			if seen[i] {
				t.Fatalf("%+v: image %d comes twice", w, i)
			}
			seen[i] = true
		}
	})
}

func BenchmarkWindowed(b *testing.B) {
	w := Windows{Size: 10_000, Lanes: 64, Batch: 4096}
	for range 100_000 {
		w.Shards = append(w.Shards, 10_000)
	}
	s, err := Windowed(w, 1)
	if err != nil {
		b.Fatal(err)
	}
	s.At(0, 0)
	pos := int64(0)
	for b.Loop() {
		s.At(0, pos)
		pos = (pos + 12345) % s.Len()
	}
}
