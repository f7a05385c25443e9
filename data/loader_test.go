// SPDX-License-Identifier: MIT

package data

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/sampler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a source of files in memory. Files of no bytes are errors.
type memory struct {
	files [][]byte
	reads atomic.Int64
	block func(ctx context.Context, i int64) // called by Read, may be nil
}

func (m *memory) Len() int64          { return int64(len(m.files)) }
func (m *memory) Name(i int64) string { return fmt.Sprintf("image-%d", i) }
func (m *memory) Label(i int64) int   { return int(i % 10) }
func (m *memory) Classes() []string   { return nil }
func (m *memory) Close() error        { return nil }
func (m *memory) Read(ctx context.Context, i int64, buf []byte) (Item, error) {
	m.reads.Add(1)
	if m.block != nil {
		m.block(ctx, i)
	}
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	if len(m.files[i]) == 0 {
		return Item{}, errors.New("this image is always gone")
	}
	return Item{Bytes: append(buf[:0], m.files[i]...)}, nil
}

// pictures draws n images once for all tests.
var pictures = sync.OnceValue(func() [][]byte {
	var out [][]byte
	for i := range 100 {
		if i%7 == 3 {
			out = append(out, datatest.PNG(30+i%5, 28, uint64(i)))
		} else {
			out = append(out, datatest.JPEG(40+i%9, 36, uint64(i)))
		}
	}
	return out
})

func images(n int) *memory { return &memory{files: slices.Clone(pictures()[:n])} }

// spoil breaks images in different ways.
func (m *memory) spoil(indices ...int) *memory {
	for k, i := range indices {
		switch k % 3 {
		case 0:
			m.files[i] = nil
		case 1:
			m.files[i] = m.files[i][:len(m.files[i])/2]
		case 2:
			m.files[i] = []byte("no image at all")
		}
	}
	return m
}

func smallSpec() augment.Spec {
	return augment.Spec{Groups: []augment.Group{augment.Views(2, 16, .3, 1), augment.Views(3, 8, .1, .3)}}
}

func options(src Source) Options {
	return Options{Source: src, Spec: smallSpec(), Batch: 6, Workers: 2, Seed: 5}
}

func load(t *testing.T, opt Options) *Loader {
	t.Helper()
	l, err := NewLoader(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// digest is all that a batch says.
func digest(b *Batch) string {
	h := sha256.New()
	for _, g := range b.Groups {
		fmt.Fprintln(h, g.Size, g.Count, len(g.Pixels))
		h.Write(g.Pixels)
	}
	return fmt.Sprintf("step %d epoch %d position %d %v %v %d bad %x", b.Step, b.Epoch, b.Position, b.Indices, b.Labels, len(b.Bad), h.Sum(nil)[:8])
}

// take reads n batches, or all for n < 0.
func take(t *testing.T, l *Loader, n int) (out []string) {
	t.Helper()
	for ; n != 0; n-- {
		b, err := l.Next(t.Context())
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		out = append(out, digest(b))
		b.Release()
	}
	return out
}

func TestBatchesDoNotDependOnWorkersOrPrefetch(t *testing.T) {
	var want []string
	for _, c := range [][2]int{{1, 1}, {2, 1}, {2, 4}, {8, 3}} {
		opt := options(images(50).spoil(3, 14, 15))
		opt.Workers, opt.Prefetch = c[0], c[1]
		got := take(t, load(t, opt), 20)
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, "%d workers, %d batches ahead", c[0], c[1])
	}
}

func TestResumeContinuesTheStream(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"stream":        func(*Options) {},
		"whole batches": func(o *Options) { o.DropLast = true },
		"fraction":      func(o *Options) { o.Sampler, _ = sampler.Fraction(50, .5, 1, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			opt := options(images(50))
			change(&opt)
			whole := take(t, load(t, opt), 15)
			for _, at := range []int64{1, 8, 14} {
				opt.StartStep = at
				require.Equal(t, whole[at:], take(t, load(t, opt), 15-int(at)))
			}
		})
	}
}

// One rank with a batch of twelve sees what three ranks with four see.
func TestRanksShareTheGlobalOrder(t *testing.T) {
	order := func(rank, world, batch int, start int64) (out [][]int64, pixels [][]byte) {
		opt := options(images(50))
		opt.Rank, opt.World, opt.Batch, opt.StartStep = rank, world, batch, start
		l := load(t, opt)
		for range 9 {
			b, err := l.Next(t.Context())
			require.NoError(t, err)
			out, pixels = append(out, b.Indices), append(pixels, slices.Clone(b.Groups[1].slot(2, 1, batch)))
		}
		return out, pixels
	}
	for _, start := range []int64{0, 7} {
		whole, _ := order(0, 1, 12, start)
		for rank := range 3 {
			part, pixels := order(rank, 3, 4, start)
			for step := range part {
				require.Equal(t, whole[step][4*rank:4*rank+4], part[step])
			}
			_, again := order(rank, 3, 4, start)
			require.Equal(t, pixels, again)
		}
	}
}

func TestStartPositionSurvivesAnotherBatchSize(t *testing.T) {
	opt := options(images(50))
	l := load(t, opt)
	var stream []int64
	var position int64
	for range 4 {
		b, err := l.Next(t.Context())
		require.NoError(t, err)
		stream, position = append(stream, b.Indices...), b.Position
	}
	require.EqualValues(t, 24, position)
	opt.StartStep, opt.StartPosition, opt.Batch = 4, position, 9
	b, err := load(t, opt).Next(t.Context())
	require.NoError(t, err)
	s := sampler.New(50, opt.Seed)
	for j, index := range b.Indices {
		require.Equal(t, s.Global(24+int64(j)), index)
	}
	require.EqualValues(t, 4, b.Step)
	require.NotContains(t, stream, b.Indices[0])
}

func TestEpochsVisitEveryImageOnce(t *testing.T) {
	for _, c := range []struct {
		drop    bool
		n, want int // images, batches for two epochs
	}{{false, 50, 17}, {false, 48, 16}, {true, 50, 16}} {
		opt := options(images(c.n))
		opt.DropLast, opt.Epochs = c.drop, 2
		l := load(t, opt)
		require.EqualValues(t, c.want, l.Steps())
		count, batches := map[int64]int{}, 0
		for b, err := range l.All(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, 6, b.Size())
			for _, i := range b.Indices {
				count[i]++
			}
			batches++
		}
		require.Equal(t, c.want, batches)
		if c.n%6 == 0 {
			for i := range c.n {
				require.Equal(t, 2, count[int64(i)])
			}
		}
		_, err := l.Next(t.Context())
		require.Equal(t, io.EOF, err, "and again")
	}
}

func TestStepsEndTheStream(t *testing.T) {
	opt := options(images(20))
	opt.Steps, opt.StartStep = 10, 7
	require.Len(t, take(t, load(t, opt), -1), 3)
}

func TestSequentialKeepsTheShortLastBatch(t *testing.T) {
	opt := options(images(20))
	opt.Sequential, opt.Spec = true, augment.Eval(20, 16)
	l := load(t, opt)
	var indices, labels []int64
	var sizes []int
	for b, err := range l.All(t.Context()) {
		require.NoError(t, err)
		indices, labels, sizes = append(indices, b.Indices...), append(labels, b.Labels...), append(sizes, b.Size())
		require.Len(t, b.Groups[0].Pixels, b.Size()*16*16*3)
	}
	require.Equal(t, []int{6, 6, 6, 2}, sizes)
	for i := range indices {
		require.EqualValues(t, i, indices[i])
		require.EqualValues(t, i%10, labels[i])
	}
}

// Collective operations need the same number of batches on every rank.
func TestSequentialRanksStayInStep(t *testing.T) {
	var all []int64
	for rank := range 3 {
		opt := options(images(20))
		opt.Sequential, opt.World, opt.Rank, opt.Batch = true, 3, rank, 4
		batches := 0
		for b, err := range load(t, opt).All(t.Context()) {
			require.NoError(t, err)
			all = append(all, b.Indices...)
			batches++
		}
		require.Equal(t, 2, batches)
	}
	slices.Sort(all)
	require.Len(t, slices.Compact(all), 20)
}

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
		require.Equal(t, map[Reason]int64{Unreadable: 1, "truncated": 1, "unknown": 1}, st.Bad)
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
	opt.Spec = augment.Eval(20, 16)
	var got, labels []int64
	pixels := map[int64][]byte{}
	for b, err := range load(t, opt).All(t.Context()) {
		require.NoError(t, err)
		got, labels = append(got, b.Indices...), append(labels, b.Labels...)
		require.Len(t, b.Groups[0].Pixels, b.Size()*16*16*3)
		for j, i := range b.Indices {
			pixels[i] = slices.Clone(b.Groups[0].slot(0, j, b.Size()))
		}
	}
	require.Equal(t, []int64{0, 3, 4, 5, 6, 7, 8}, got)
	require.Equal(t, got, labels)
	// The pixels moved with their images.
	good := options(images(10))
	good.Sequential, good.Spec = true, opt.Spec
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
	spec := augment.Spec{Groups: []augment.Group{{Count: 2, Size: 1}, {Count: 1, Size: 2}}}
	b := &Batch{Indices: []int64{5, 6, 7}, Labels: []int64{1, 2, 3}, Groups: layOut(spec, make([]byte, 3*(2*3+12)), 3)}
	for i := range b.Groups {
		for k := range b.Groups[i].Pixels {
			b.Groups[i].Pixels[k] = byte(k)
		}
	}
	b.compact([]bool{true, false, true})
	require.Equal(t, []int64{5, 7}, b.Indices)
	require.Equal(t, []int64{1, 3}, b.Labels)
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
	src := open(t, SourceSpec{Path: datatest.MNIST(t, 12, false), Labels: true})
	opt := options(src)
	opt.Sequential, opt.Spec = true, augment.Spec{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: 28}}}
	b, err := load(t, opt).Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1, 2, 3, 4, 5}, b.Labels)
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
	require.Equal(t, map[Reason]int64{TooLarge: 1}, l.Stats().Bad)
}

func TestPanicsOfDecodersAreBadImages(t *testing.T) {
	l := load(t, options(images(10)))
	w := &worker{l: l, dec: l.decoder(), index: 3, draw: func(int, int) []augment.Crop { panic("index out of range") }}
	defer w.dec.Close()
	err := w.render(Item{Bytes: pictures()[0]})
	require.Equal(t, Panicked, ReasonOf(err))
	require.True(t, isImageError(err))
	require.ErrorContains(t, err, "image-3")
	require.ErrorContains(t, err, "loader_test.go")
}

// A destination that does not fit is a mistake of the program and must not
// hide among the bad images.
func TestMistakesAreFatal(t *testing.T) {
	l := load(t, options(images(10)))
	w := &worker{l: l, dec: l.decoder()}
	w.draw = w.drawCrops
	defer w.dec.Close()
	err := w.render(Item{Bytes: pictures()[0]})
	require.Error(t, err)
	require.False(t, isImageError(err))
}

func TestStatsAddUp(t *testing.T) {
	opt := options(images(30))
	opt.Epochs = 1
	l := load(t, opt)
	take(t, l, -1)
	st := l.Stats()
	require.EqualValues(t, 5, st.Batches)
	require.EqualValues(t, 30, st.Images)
	require.Positive(t, st.Bytes)
	for _, d := range []time.Duration{st.Read, st.Decode, st.Resize, st.Jitter, st.Blur, st.Wait} {
		require.Positive(t, d)
	}
	require.Equal(t, "blur", Stats{Read: 1, Decode: 2, Blur: 3}.Slowest())
	require.Equal(t, "read", Stats{}.Slowest())
	require.Equal(t, 6*smallSpec().Bytes(), l.Bytes())
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"needs a source":        func(o *Options) { o.Source = nil },
		"batch is 0":            func(o *Options) { o.Batch = 0 },
		"rank is 2":             func(o *Options) { o.World, o.Rank = 2, 2 },
		"workers is -1":         func(o *Options) { o.Workers = -1 },
		"start step is -1":      func(o *Options) { o.StartStep = -1 },
		"at most 1":             func(o *Options) { o.MaxBadFraction = 2 },
		"at least 1 is needed":  func(o *Options) { o.Spec = augment.Spec{} },
		"do not fill one batch": func(o *Options) { o.DropLast, o.Batch = true, 11 },
		"give the start step":   func(o *Options) { o.DropLast, o.StartPosition = true, 5 },
		"the source has 10":     func(o *Options) { o.Sampler = sampler.New(11, 1) },
		"allowed are 1 to 4096": func(o *Options) { o.Prefetch = 5000 },
	} {
		opt := options(images(10))
		change(&opt)
		_, err := NewLoader(t.Context(), opt)
		require.ErrorContains(t, err, want)
	}
}
