// SPDX-License-Identifier: MIT

package loader

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/sampler"
	"seer/data/source"
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
func (m *memory) Read(ctx context.Context, i int64, buf []byte) (source.Item, error) {
	m.reads.Add(1)
	if m.block != nil {
		m.block(ctx, i)
	}
	if err := ctx.Err(); err != nil {
		return source.Item{}, err
	}
	if len(m.files[i]) == 0 {
		return source.Item{}, errors.New("this image is always gone")
	}
	return source.Item{Bytes: append(buf[:0], m.files[i]...)}, nil
}

func images(n int) *memory { return &memory{files: slices.Clone(datatest.Pictures()[:n])} }

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

func smallSpec() augment.MultiCrop {
	return augment.MultiCrop{Groups: []augment.Group{augment.Views(2, 16, .3, 1), augment.Views(3, 8, .1, .3)}}
}

func options(src source.Source) BatchOptions {
	return BatchOptions{Source: src, Crops: smallSpec(), Batch: 6, Workers: 2, Seed: 5}
}

func load(t *testing.T, opt BatchOptions) *Loader {
	t.Helper()
	l, err := New(t.Context(), opt)
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
	return fmt.Sprintf("step %d epoch %d position %d %v %d bad %x", b.Step, b.Epoch, b.Position, b.Indices, len(b.Bad), h.Sum(nil)[:8])
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
	for name, change := range map[string]func(*BatchOptions){
		"stream":        func(*BatchOptions) {},
		"whole batches": func(o *BatchOptions) { o.DropLast = true },
		"fraction":      func(o *BatchOptions) { o.Sampler, _ = sampler.Fraction(50, .5, 1, 2) },
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
	opt.Sequential, opt.Crops = true, augment.Eval(20, 16)
	l := load(t, opt)
	var indices []int64
	var sizes []int
	for b, err := range l.All(t.Context()) {
		require.NoError(t, err)
		indices, sizes = append(indices, b.Indices...), append(sizes, b.Size())
		require.Len(t, b.Groups[0].Pixels, b.Size()*16*16*3)
	}
	require.Equal(t, []int{6, 6, 6, 2}, sizes)
	for i := range indices {
		require.EqualValues(t, i, indices[i])
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
	for want, change := range map[string]func(*BatchOptions){
		"needs a source":        func(o *BatchOptions) { o.Source = nil },
		"batch is 0":            func(o *BatchOptions) { o.Batch = 0 },
		"rank is 2":             func(o *BatchOptions) { o.World, o.Rank = 2, 2 },
		"workers is -1":         func(o *BatchOptions) { o.Workers = -1 },
		"start step is -1":      func(o *BatchOptions) { o.StartStep = -1 },
		"at most 1":             func(o *BatchOptions) { o.MaxBadFraction = 2 },
		"at least 1 is needed":  func(o *BatchOptions) { o.Crops = augment.MultiCrop{} },
		"do not fill one batch": func(o *BatchOptions) { o.DropLast, o.Batch = true, 11 },
		"give the start step":   func(o *BatchOptions) { o.DropLast, o.StartPosition = true, 5 },
		"the source has 10":     func(o *BatchOptions) { o.Sampler = sampler.New(11, 1) },
		"allowed are 1 to 4096": func(o *BatchOptions) { o.Prefetch = 5000 },
	} {
		opt := options(images(10))
		change(&opt)
		_, err := New(t.Context(), opt)
		require.ErrorContains(t, err, want)
	}
}
