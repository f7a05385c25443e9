// SPDX-License-Identifier: MIT

package loader

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/sampler"
	"seer/data/source"
)

func TestBadImagesAreReplacedCountedAndListed(t *testing.T) {
	var want []string
	for _, workers := range []int{1, 4} {
		var log bytes.Buffer
		var seen []Bad
		opt := options(images(30).spoil(4, 9, 17))
		opt.Workers, opt.BadLog, opt.OnBad, opt.Epochs = workers, &log, func(b Bad) { seen = append(seen, b) }, 1
		l := load(t, opt)
		count := map[int64]int{}
		for b, err := range l.All(t.Context()) {
			require.NoError(t, err)
			for _, i := range b.Indices {
				count[i]++
			}
		}
		require.Len(t, seen, 3)
		s, positions := opt.Sampler, map[int64]int64{}
		if s == nil {
			s = sampler.New(30, opt.Seed)
		}
		for p := range int64(30) {
			positions[s.At(0, p)] = p
		}
		for _, b := range seen {
			require.Zero(t, count[b.Index])
			next := s.At(0, (positions[b.Index]+1)%30)
			if !slices.Contains([]int64{4, 9, 17}, next) {
				require.Equal(t, next, b.Replacement, "the next in the epoch's order")
			}
			require.GreaterOrEqual(t, count[b.Replacement], 2)
		}
		st := l.Stats()
		require.EqualValues(t, 27, st.Images)
		require.Equal(t, map[source.Reason]int64{source.Unreadable: 1, "truncated": 1, "unknown": 1}, st.Bad)
		require.EqualValues(t, 3, st.Replaced())
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 3)
		require.Contains(t, log.String(), `"name":"image-4"`)
		require.Contains(t, log.String(), `"error":"this image is always gone"`)
		if want == nil {
			want = lines
		}
		require.Equal(t, want, lines, "the order of the list")
	}
}

func TestSequentialLeavesBadImagesOut(t *testing.T) {
	opt := options(images(10).spoil(1, 2, 9))
	opt.Sequential, opt.MaxBadFraction, opt.Batch = true, .5, 4
	opt.Crops = augment.Eval(20, 16)
	var got []int64
	pixels := map[int64][]byte{}
	for b, err := range load(t, opt).All(t.Context()) {
		require.NoError(t, err)
		got = append(got, b.Indices...)
		require.Len(t, b.Groups[0].Pixels, b.Size()*16*16*3)
		for j, i := range b.Indices {
			pixels[i] = slices.Clone(b.Groups[0].slot(0, j, b.Size()))
		}
	}
	require.Equal(t, []int64{0, 3, 4, 5, 6, 7, 8}, got)
	// The pixels moved with their images.
	good := options(images(10))
	good.Sequential, good.Crops = true, opt.Crops
	for b, err := range load(t, good).All(t.Context()) {
		require.NoError(t, err)
		for j, i := range b.Indices {
			if p, ok := pixels[i]; ok {
				require.Equal(t, p, b.Groups[0].slot(0, j, b.Size()), "image %d", i)
			}
		}
	}
}

func TestCompactMovesEveryCrop(t *testing.T) {
	spec := augment.MultiCrop{Groups: []augment.Group{{Count: 2, Size: 1}, {Count: 1, Size: 2}}}
	b := &Batch{Indices: []int64{5, 6, 7}, Groups: layOut(spec, make([]byte, 3*(2*3+12)), 3)}
	for i := range b.Groups {
		for k := range b.Groups[i].Pixels {
			b.Groups[i].Pixels[k] = byte(k)
		}
	}
	b.compact([]bool{true, false, true})
	require.Equal(t, []int64{5, 7}, b.Indices)
	require.Equal(t, []byte{0, 1, 2, 6, 7, 8, 9, 10, 11, 15, 16, 17}, b.Groups[0].Pixels)
	require.Equal(t, append(seq(0, 12), seq(24, 36)...), b.Groups[1].Pixels)
}

func seq(from, to byte) (out []byte) {
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

func TestTooManyBadImagesStopAtTheSameStep(t *testing.T) {
	for _, workers := range []int{1, 8} {
		src := images(100)
		for i := range 30 {
			src.spoil(3 * i)
		}
		opt := options(src)
		opt.Workers, opt.Batch, opt.MaxBadFraction = workers, 10, .2
		l := load(t, opt)
		batches := 0
		for {
			b, err := l.Next(t.Context())
			if err != nil {
				require.ErrorContains(t, err, "30 of the last 100 images could not be used, more than the 20 % allowed")
				require.ErrorContains(t, err, "always gone")
				_, again := l.Next(t.Context())
				require.Equal(t, err, again)
				break
			}
			b.Release()
			batches++
		}
		require.Equal(t, 9, batches, "a share means nothing before 100 images")
	}
}

func TestEverythingBadIsAnErrorNotAHang(t *testing.T) {
	for _, limit := range []float64{-1, .1, .99, 1} {
		for _, sequential := range []bool{false, true} {
			src := images(20)
			for i := range 20 {
				src.spoil(i)
			}
			opt := options(src)
			opt.MaxBadFraction, opt.Sequential = limit, sequential
			_, err := load(t, opt).Next(t.Context())
			if limit == 1 && sequential {
				require.Equal(t, io.EOF, err, "as asked for")
				continue
			}
			require.ErrorContains(t, err, "could not be used")
		}
	}
}

func TestNoBadImageIsToleratedWhenNoneMayBe(t *testing.T) {
	opt := options(images(20).spoil(7))
	opt.MaxBadFraction = -1
	l := load(t, opt)
	for {
		b, err := l.Next(t.Context())
		if err != nil {
			require.ErrorContains(t, err, "the 0 % allowed; the last was image-7 (unreadable: this image is always gone)")
			return
		}
		b.Release()
	}
}

func TestTheWindowForgetsOldGoodImages(t *testing.T) {
	w := watch{limit: .1}
	for range 1000 {
		require.NoError(t, w.see(1000, nil))
	}
	bad := make([]Bad, 1000)
	for i := range bad {
		bad[i].Err = errors.New("x")
	}
	require.NoError(t, w.see(1000, bad[:1]))
	var err error
	for k := 0; err == nil; k++ {
		require.Less(t, k, 3, "a million good images before do not help")
		err = w.see(1000, bad)
	}
	require.ErrorContains(t, err, "more than the 10 % allowed")
}

// Two bad images of four: too many for a pass over all the data, and no reason
// to fail at the end of a run that was resumed for its last step.
func TestTheEndOfARunIsNotAPass(t *testing.T) {
	for _, sequential := range []bool{false, true} {
		opt := options(images(4).spoil(1, 2))
		opt.Batch, opt.Steps, opt.Sequential = 4, 1, sequential
		l := load(t, opt)
		_, err := l.Next(t.Context())
		require.NoError(t, err)
		_, err = l.Next(t.Context())
		if sequential {
			require.ErrorContains(t, err, "2 of the last 4 images")
			continue
		}
		require.Equal(t, io.EOF, err)
	}
}

func TestMaxProbes(t *testing.T) {
	for f, want := range map[float64]int64{-1: 100, 0: 100, .1: 100, .9: 263, .99: 2750, 1: math.MaxInt64} {
		require.Equal(t, want, maxProbes(f), "%v", f)
	}
}

func TestBadLogFailureIsAnError(t *testing.T) {
	opt := options(images(10).spoil(0, 1, 2, 3, 4))
	opt.MaxBadFraction, opt.BadLog = .9, failing{}
	_, err := load(t, opt).Next(t.Context())
	require.ErrorContains(t, err, "listing the bad image")
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestRawImagesNeedNoDecoding(t *testing.T) {
	src := open(t, source.Location{Path: datatest.MNIST(t, 12, false), Labels: true})
	opt := options(src)
	opt.Sequential, opt.Crops = true, augment.MultiCrop{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: 28}}}
	b, err := load(t, opt).Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1, 2, 3, 4, 5}, b.Indices)
	item, err := src.Read(t.Context(), 3, nil)
	require.NoError(t, err)
	px := b.Groups[0].slot(0, 3, 6)
	for i, v := range item.Raw.Pix {
		require.Equal(t, []byte{v, v, v}, px[3*i:3*i+3])
	}
}

func TestHugeImagesAreRefused(t *testing.T) {
	src := images(10)
	src.files[2] = datatest.PNG(300, 300, 1)
	opt := options(src)
	opt.Decode.MaxPixels, opt.Epochs = 200*200, 1
	l := load(t, opt)
	take(t, l, -1)
	require.Equal(t, map[source.Reason]int64{source.TooLarge: 1}, l.Stats().Bad)
}

func TestPanicsOfDecodersAreBadImages(t *testing.T) {
	l := load(t, options(images(10)))
	w := &worker{l: l, dec: l.decoder(), index: 3, draw: func(int, int) []augment.Crop { panic("index out of range") }}
	defer w.dec.Close()
	err := w.render(source.Item{Bytes: datatest.Pictures()[0]})
	require.Equal(t, source.Panicked, source.ReasonOf(err))
	require.True(t, isImageError(err))
	require.ErrorContains(t, err, "image-3")
	require.ErrorContains(t, err, "bad_test.go")
}

// A destination that does not fit is a mistake of the program and must not
// hide among the bad images.
func TestMistakesAreFatal(t *testing.T) {
	l := load(t, options(images(10)))
	w := &worker{l: l, dec: l.decoder()}
	w.draw = w.drawCrops
	defer w.dec.Close()
	err := w.render(source.Item{Bytes: datatest.Pictures()[0]})
	require.Error(t, err)
	require.False(t, isImageError(err))
}

// A pass that goes on is judged by all its images, those before it too.
func TestAPassThatGoesOnIsJudgedWhole(t *testing.T) {
	opt := options(images(10).spoil(9))
	opt.Sequential, opt.MaxBadFraction, opt.StartPosition = true, .1, 8
	_, err := toEnd(t, opt)
	require.ErrorContains(t, err, "1 of the last 2 images")
	opt.Judged = Judged{Images: 8}
	n, err := toEnd(t, opt)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 1, n)
	opt.Judged.Bad = 1
	_, err = toEnd(t, opt)
	require.ErrorContains(t, err, "2 of the last 10 images")
}

// toEnd returns the number of images until the loader's error.
func toEnd(t *testing.T, opt BatchOptions) (images int, err error) {
	t.Helper()
	l := load(t, opt)
	for {
		b, err := l.Next(t.Context())
		if err != nil {
			return images, err
		}
		images += b.Size()
		b.Release()
	}
}
