// SPDX-License-Identifier: MIT

package refresh

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/loader"
	"seer/data/loader/loadertest"
	"seer/data/sampler"
	"seer/data/source"
)

// grow adds images to a folder.
func grow(t *testing.T, dir string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		datatest.Write(t, filepath.Join(dir, fmt.Sprintf("%05d.jpg", i)), datatest.Pictures()[i])
	}
}

func streamOptions() loader.BatchOptions {
	return loader.BatchOptions{Crops: loadertest.Options(nil).Crops, Batch: 4, Workers: 2, Seed: 5}
}

func stream(t *testing.T, opt loader.BatchOptions, ref Policy) *Stream {
	t.Helper()
	s, err := NewStream(t.Context(), opt, ref)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// names returns the images of n batches, and their digests.
func follow(t *testing.T, s *Stream, n int) (images []string, digests []string) {
	t.Helper()
	for ; n != 0; n-- {
		b, err := s.Next(t.Context())
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		for _, i := range b.Indices {
			images = append(images, s.Source().Name(i))
		}
		digests = append(digests, loadertest.Digest(b))
		b.Release()
	}
	return images, digests
}

func TestStreamTakesNewImagesAtTheNextEpoch(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, 0, 8)
	var reports []Snapshot
	ref := Policy{Source: source.Location{Path: dir}, Dir: t.TempDir(), Report: func(p Snapshot) { reports = append(reports, p) }}
	s := stream(t, streamOptions(), ref)
	first, _ := follow(t, s, 1)
	before := s.Fingerprint()
	grow(t, dir, 8, 20)
	rest, _ := follow(t, s, 1)
	first = append(first, rest...)
	slices.Sort(first)
	require.Len(t, slices.Compact(first), 8, "the epoch keeps its list")
	second, digests := follow(t, s, 5)
	slices.Sort(second)
	require.Len(t, slices.Compact(second), 20)
	require.NotEqual(t, before, s.Fingerprint())
	require.True(t, strings.HasPrefix(digests[0], "step 2 epoch 1 position 12 "), digests[0])
	require.Len(t, reports, 2)
	require.Equal(t, Snapshot{FirstStep: 2, EndStep: 7, Images: 20, Fingerprint: s.Fingerprint(), Changed: true}, reports[1])
	require.EqualValues(t, 7, s.Stats().Batches)
	require.EqualValues(t, 28, s.Stats().Images)
}

// Whatever happens to the folder, a step that was done once is the same when
// it is done again.
func TestStreamResumesInTheSameSnapshots(t *testing.T) {
	for name, change := range map[string]func(*loader.BatchOptions, *Policy){
		"epochs":        func(*loader.BatchOptions, *Policy) {},
		"whole batches": func(o *loader.BatchOptions, _ *Policy) { o.DropLast = true },
		"three steps":   func(_ *loader.BatchOptions, r *Policy) { r.EverySteps = 3 },
		"a fraction": func(_ *loader.BatchOptions, r *Policy) {
			r.Sampler = func(src source.Source, seed uint64) (*sampler.Sampler, error) {
				return sampler.Fraction(src.Len(), .7, 1, seed)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			grow(t, dir, 0, 9)
			opt, ref := streamOptions(), Policy{Source: source.Location{Path: dir}, Dir: t.TempDir()}
			opt.Steps = 12
			change(&opt, &ref)
			s := stream(t, opt, ref)
			var want []string
			for step := range 12 {
				_, d := follow(t, s, 1)
				want = append(want, d...)
				grow(t, dir, 9+step, 10+step)
			}
			_, end := follow(t, s, 1)
			require.Empty(t, end)
			for _, at := range []int64{0, 1, 5, 11} {
				opt.StartStep = at
				_, got := follow(t, stream(t, opt, ref), -1)
				require.Equal(t, want[at:], got, "from step %d", at)
			}
		})
	}
}

// A run that stopped with the last step of a list goes on as one that did not stop there.
func TestStreamResumesAtTheEndOfASnapshot(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, 0, 9)
	opt, ref := streamOptions(), Policy{Source: source.Location{Path: dir}, Dir: t.TempDir(), EverySteps: 3}
	opt.Steps = 6
	straight := ref
	straight.Dir = t.TempDir()
	_, want := follow(t, stream(t, opt, straight), -1)
	opt.Steps = 3
	_, first := follow(t, stream(t, opt, ref), -1)
	opt.Steps, opt.StartStep = 6, 3
	_, second := follow(t, stream(t, opt, ref), -1)
	require.Equal(t, want, append(first, second...))
}

func TestStreamEqualsLoaderInItsFirstEpoch(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, 0, 22)
	_, got := follow(t, stream(t, streamOptions(), Policy{Source: source.Location{Path: dir}, Dir: t.TempDir()}), 5)
	opt := streamOptions()
	src, err := source.Open(source.Location{Path: dir})
	require.NoError(t, err)
	defer src.Close()
	opt.Source = src
	require.Equal(t, loadertest.Take(t, loadertest.Load(t, opt), 5), got)
}

func TestStreamRanksFollowRankZero(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, 0, 8)
	ref := Policy{Source: source.Location{Path: dir}, Dir: t.TempDir()}
	opt := streamOptions()
	opt.World, opt.Batch, opt.Steps = 2, 2, 6
	other := opt
	other.Rank = 1
	type result struct {
		images []string
		err    error
	}
	done := make(chan result)
	go func() {
		var r result
		defer func() { done <- r }()
		s, err := NewStream(context.Background(), other, ref) // waits for rank 0
		if r.err = err; err != nil {
			return
		}
		defer s.Close()
		for {
			b, err := s.Next(context.Background())
			if err != nil {
				if err != io.EOF {
					r.err = err
				}
				return
			}
			for _, i := range b.Indices {
				r.images = append(r.images, s.Source().Name(i))
			}
			b.Release()
		}
	}()
	time.Sleep(20 * time.Millisecond)
	s := stream(t, opt, ref)
	images, _ := follow(t, s, 1)
	grow(t, dir, 8, 16)
	more, _ := follow(t, s, -1)
	images = append(images, more...)
	r := <-done
	require.NoError(t, r.err)
	epoch := append(slices.Clone(images[:4]), r.images[:4]...)
	slices.Sort(epoch)
	require.Len(t, slices.Compact(epoch), 8)
	epoch = append(slices.Clone(images[4:]), r.images[4:]...)
	slices.Sort(epoch)
	require.Len(t, slices.Compact(epoch), 16)
}

func TestStreamKeepsItsListWhenTheSourceIsAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "images")
	grow(t, dir, 0, 8)
	var last Snapshot
	ref := Policy{Source: source.Location{Path: dir}, Dir: t.TempDir(), EverySteps: 1, Report: func(p Snapshot) { last = p }}
	opt := streamOptions()
	s := stream(t, opt, ref)
	before := s.Fingerprint()
	require.NoError(t, os.Rename(dir, dir+".away"))
	defer os.Rename(dir+".away", dir)
	// The images cannot be read either, so only the turn is looked at.
	seg, err := s.create(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, before, seg.Snapshot)
	require.ErrorIs(t, last.Err, os.ErrNotExist)
	require.False(t, last.Changed)
}

// Others replace an index; the run keeps the one it began its epoch with.
func TestStreamPinsAnIndex(t *testing.T) {
	dir, idx := t.TempDir(), filepath.Join(t.TempDir(), "x.seeridx")
	update := func(from, to int) {
		grow(t, dir, from, to)
		_, err := source.BuildIndex(t.Context(), source.Location{Path: dir}, idx, source.IndexOptions{})
		require.NoError(t, err)
	}
	update(0, 8)
	ref := Policy{Source: source.Location{Path: idx}, Dir: t.TempDir()}
	s := stream(t, streamOptions(), ref)
	update(8, 12)
	images, want := follow(t, s, 1)
	require.Len(t, images, 4)
	_, rest := follow(t, s, 4)
	require.EqualValues(t, 12, s.Source().Len())
	_, got := follow(t, stream(t, streamOptions(), ref), 5)
	require.Equal(t, append(want, rest...), got)
}

// The run's patterns choose among what the index holds, in each of its lists.
func TestStreamChoosesAmongAnIndex(t *testing.T) {
	dir, idx := t.TempDir(), filepath.Join(t.TempDir(), "x.seeridx")
	grow(t, dir, 0, 8)
	datatest.Write(t, filepath.Join(dir, "0.mask.png"), nil)
	datatest.Write(t, filepath.Join(dir, "1.mask.png"), nil)
	_, err := source.BuildIndex(t.Context(), source.Location{Path: dir}, idx, source.IndexOptions{})
	require.NoError(t, err)
	ref := Policy{Source: source.Location{Path: idx, Members: []string{"!*.mask.png"}}, Dir: t.TempDir()}
	s := stream(t, streamOptions(), ref)
	for range 2 { // lists
		require.EqualValues(t, 8, s.Source().Len())
		require.EqualValues(t, 2, source.ListingOf(s.Source()).Skipped["not chosen by data.members"].N)
		require.Equal(t, source.Fingerprint(s.Source()), s.Fingerprint())
		follow(t, s, 4)
	}
}

func TestStreamPrunesOldSnapshots(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, 0, 8)
	ref := Policy{Source: source.Location{Path: dir}, Dir: t.TempDir(), EverySteps: 1, Keep: 2}
	opt := streamOptions()
	opt.Steps = 6
	s := stream(t, opt, ref)
	for step := range 6 {
		follow(t, s, 1)
		grow(t, dir, 8+step, 9+step)
	}
	found, err := filepath.Glob(filepath.Join(ref.Dir, "*.seeridx"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(found), 2)
	require.NotEmpty(t, found)
	_, err = NewStream(t.Context(), opt, ref)
	require.ErrorContains(t, err, "snapshot of steps 0 to 0")
}

func TestStreamErrors(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, 0, 8)
	ref := Policy{Source: source.Location{Path: dir}, Dir: t.TempDir()}
	late := streamOptions()
	late.StartStep = 3
	_, err := NewStream(t.Context(), late, ref)
	require.ErrorContains(t, err, "serve the steps up to 0, and the run continues at 3")

	follow(t, stream(t, streamOptions(), ref), 1)
	wide := streamOptions()
	wide.Batch = 5
	_, err = NewStream(t.Context(), wide, ref)
	require.ErrorContains(t, err, "global batch is 5, and was 4")

	own := streamOptions()
	own.Epochs = 2
	_, err = NewStream(t.Context(), own, ref)
	require.ErrorContains(t, err, "ends by steps")
	_, err = NewStream(t.Context(), streamOptions(), Policy{Source: source.Location{Path: dir}})
	require.ErrorContains(t, err, "a folder are needed")
	_, err = NewStream(t.Context(), streamOptions(), Policy{Source: source.Location{Path: t.TempDir()}, Dir: t.TempDir()})
	require.ErrorContains(t, err, "holds no images")

	datatest.Write(t, filepath.Join(ref.Dir, "segment-000000.json"), []byte(`{"number":7}`))
	_, err = NewStream(t.Context(), streamOptions(), ref)
	require.ErrorContains(t, err, "does not describe segment 0")
}

// within a second.
func within(t *testing.T, fn func()) {
	t.Helper()
	start := time.Now()
	fn()
	require.Less(t, time.Since(start), time.Second)
}

func TestStreamStopsAtOnce(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, 0, 8)
	ref := Policy{Source: source.Location{Path: dir}, Dir: t.TempDir()}
	opt := streamOptions()
	opt.World, opt.Rank = 2, 1
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	within(t, func() {
		_, err := NewStream(ctx, opt, ref) // rank 0 never comes
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	s, err := NewStream(t.Context(), streamOptions(), ref)
	require.NoError(t, err)
	held, err := s.Next(t.Context())
	require.NoError(t, err)
	within(t, func() { require.NoError(t, s.Close()) })
	_, err = s.Next(t.Context())
	require.Equal(t, loader.ErrClosed, err)
	require.NotEmpty(t, held.Groups[0].Pixels)
	held.Release()
}
