// SPDX-License-Identifier: MIT

package loader

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/source"
)

func open(t testing.TB, at source.Location) source.Source {
	t.Helper()
	src, err := source.Open(at)
	require.NoError(t, err)
	t.Cleanup(func() { src.Close() })
	return src
}

// The same images give the same batches, wherever they lie.
func TestEverySourceGivesTheSameBatches(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer enc.Close()
	dir := t.TempDir()
	var lines []string
	var plain, packed []datatest.Member
	for i, body := range datatest.Pictures()[:20] {
		name := fmt.Sprintf("%03d.jpg", i)
		datatest.Write(t, filepath.Join(dir, "folder", name), body)
		lines = append(lines, "folder/"+name)
		plain = append(plain, datatest.Member{Name: name, Body: body})
		packed = append(packed, datatest.Member{Name: name + ".zst", Body: enc.EncodeAll(body, nil)})
	}
	datatest.Write(t, filepath.Join(dir, "list.txt"), []byte(strings.Join(lines, "\n")))
	datatest.Write(t, filepath.Join(dir, "plain.tar"), datatest.Tar(plain...))
	datatest.Write(t, filepath.Join(dir, "packed.tar"), datatest.Tar(packed...))
	_, err = source.BuildIndex(t.Context(), source.Location{Path: filepath.Join(dir, "plain.tar")}, filepath.Join(dir, "x.seeridx"), source.IndexOptions{})
	require.NoError(t, err)

	var want []string
	for _, name := range []string{"folder", "list.txt", "plain.tar", "packed.tar", "x.seeridx"} {
		opt := options(open(t, source.Location{Path: filepath.Join(dir, name)}))
		got := take(t, load(t, opt), 8)
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, name)
	}
}

// Twelve images a step on one rank, then four on each of three: whoever looks
// at the whole stream cannot tell.
func TestResumeOnAnotherNumberOfRanks(t *testing.T) {
	stream := func(rank, world, batch int, from, to int64) map[int64][]string {
		opt := options(images(50).spoil(8, 21))
		opt.Rank, opt.World, opt.Batch, opt.StartStep, opt.Steps = rank, world, batch, from, to
		out := map[int64][]string{}
		for b, err := range load(t, opt).All(t.Context()) {
			require.NoError(t, err)
			for j, index := range b.Indices {
				crops := ""
				for i := range b.Groups {
					for c := range b.Groups[i].Count {
						crops += string(b.Groups[i].slot(c, j, batch))
					}
				}
				out[b.Step] = append(out[b.Step], fmt.Sprint(index, " ", crops))
			}
		}
		return out
	}
	whole := stream(0, 1, 12, 0, 9)
	for step := int64(5); step < 9; step++ {
		var joined []string
		for rank := range 3 {
			joined = append(joined, stream(rank, 3, 4, step, step+1)[step]...)
		}
		require.True(t, slices.Equal(whole[step], joined), "step %d", step)
	}
}

func TestEveryViewIsItsOwn(t *testing.T) {
	views := func(seed uint64, epoch int64) map[int64]string {
		opt := options(images(12))
		opt.Batch, opt.Seed, opt.StartStep, opt.Steps = 12, seed, epoch, epoch+1
		out := map[int64]string{}
		for b, err := range load(t, opt).All(t.Context()) {
			require.NoError(t, err)
			for j, index := range b.Indices {
				out[index] = string(b.Groups[0].slot(0, j, 12))
				require.NotEqual(t, out[index], string(b.Groups[0].slot(1, j, 12)), "two crops of one image")
			}
		}
		require.Len(t, out, 12)
		return out
	}
	first, again, next, other := views(1, 0), views(1, 0), views(1, 1), views(2, 0)
	require.Equal(t, first, again)
	for i := range first {
		require.NotEqual(t, first[i], next[i], "another epoch")
		require.NotEqual(t, first[i], other[i], "another seed")
	}
}

// A consumer that does nothing must not make the loader read the whole source.
func TestPrefetchIsBounded(t *testing.T) {
	src := images(100)
	opt := options(src)
	opt.Prefetch, opt.Batch, opt.Workers = 2, 5, 3
	l := load(t, opt)
	last := int64(-1)
	require.Eventually(t, func() bool {
		now := src.reads.Load()
		still := now == last
		last = now
		return still && now > 0
	}, 5*time.Second, 50*time.Millisecond)
	require.EqualValues(t, 10, last)
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	b.Release()
	require.Eventually(t, func() bool { return src.reads.Load() == 15 }, 5*time.Second, 5*time.Millisecond)
}

func TestOneImageAndOneBatch(t *testing.T) {
	for _, batch := range []int{1, 7} {
		opt := options(images(1))
		opt.Batch, opt.Epochs = batch, 3
		n := 0
		for b, err := range load(t, opt).All(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, make([]int64, batch), b.Indices)
			n++
		}
		require.Equal(t, int(ceilDiv(3, int64(batch))), n)
	}
}

func TestBatchOfOneBadImageInOrderIsSkipped(t *testing.T) {
	opt := options(images(6).spoil(2))
	opt.Sequential, opt.Batch, opt.MaxBadFraction, opt.Crops = true, 1, .5, augment.Eval(20, 16)
	var got []int64
	for b, err := range load(t, opt).All(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, 1, b.Size())
		got = append(got, b.Indices...)
	}
	require.Equal(t, []int64{0, 1, 3, 4, 5}, got)
}
