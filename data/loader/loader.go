// SPDX-License-Identifier: MIT

package loader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"seer/data/augment"
	"seer/data/jpeg"
)

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("data: the loader is closed")

// A Loader reads, decodes and augments images in goroutines of its own and
// delivers batches in order. What a batch holds depends on the options only,
// not on the number of workers nor on time.
//
// Next and Close are for one goroutine, Stats for any.
type Loader struct {
	opt  BatchOptions
	plan plan
	pool *Pool

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	tasks  chan task
	ready  chan *pending  // in order of steps; closed after the last
	tokens chan struct{}  // one for every batch that may be made ahead
	busy   []atomic.Int64 // index + 1 of the image a worker is at

	head  *pending // taken from ready by a Next that was cancelled
	watch watch
	stats stats
	once  sync.Once
	err   error // of the first Next that failed for good
}

// pending is a batch in the making.
type pending struct {
	batch *Batch
	left  atomic.Int32 // images to do
	done  chan struct{}

	// Workers fill their own slots.
	ok  []bool
	bad []*Bad

	mu  sync.Mutex
	err error // first that was no image's fault
}

// task is one image of a pending batch.
type task struct {
	p    *pending
	slot int
}

// New checks the options and starts loading. The loader stops with ctx;
// Close must be called in any case.
func New(ctx context.Context, opt BatchOptions) (*Loader, error) {
	if err := opt.normalise(); err != nil {
		return nil, err
	}
	l := &Loader{
		opt:    opt,
		plan:   newPlan(&opt),
		pool:   opt.Pool,
		tasks:  make(chan task, opt.Workers),
		ready:  make(chan *pending, opt.Prefetch),
		tokens: make(chan struct{}, opt.Prefetch),
		busy:   make([]atomic.Int64, opt.Workers),
		watch:  watch{limit: opt.MaxBadFraction, onBad: opt.OnBad, log: opt.BadLog, now: tally{opt.Judged.Images, opt.Judged.Bad}},
	}
	if l.pool == nil {
		l.pool = NewPool(opt)
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.wg.Add(1 + opt.Workers)
	go l.dispatch()
	for i := range opt.Workers {
		go l.work(i)
	}
	return l, nil
}

// dispatch makes the batches in order and hands out their images.
func (l *Loader) dispatch() {
	defer l.wg.Done()
	defer close(l.tasks)
	defer close(l.ready)
	hints := newHints(l)
	for step := l.plan.start; step < l.plan.end; step++ {
		select {
		case l.tokens <- struct{}{}:
		case <-l.ctx.Done():
			return
		}
		p := l.begin(step)
		l.ready <- p // a token was free, so there is room
		for slot := range p.ok {
			hints.next()
			select {
			case l.tasks <- task{p, slot}:
			case <-l.ctx.Done():
				return
			}
		}
	}
}

// begin prepares an empty batch.
func (l *Loader) begin(step int64) *pending {
	n := l.plan.size(step)
	epoch, _ := l.plan.at(step, 0)
	s := l.pool.get()
	b := &Batch{
		Step: step, Epoch: epoch, Position: l.plan.behind(step),
		Indices: make([]int64, n),
		Groups:  layOut(l.opt.Crops, s.mem, n),
	}
	if l.opt.KeepCrops {
		b.Crops = make([][]augment.Crop, n)
	}
	b.slab.Store(s)
	p := &pending{batch: b, done: make(chan struct{}), ok: make([]bool, n), bad: make([]*Bad, n)}
	p.left.Store(int32(n))
	if n == 0 {
		close(p.done)
	}
	return p
}

// drawn returns the image at a position of an epoch, and the number of its draw
// that its crops are drawn by.
func (l *Loader) drawn(epoch uint64, pos int64) (index int64, pass uint64) {
	if l.plan.sequential {
		return l.opt.Sampler.Sequential(pos), epoch
	}
	return l.opt.Sampler.Draw(epoch, pos)
}

// finish notes that an image of the batch is done.
func (p *pending) finish(err error) {
	if err != nil {
		p.mu.Lock()
		if p.err == nil {
			p.err = err
		}
		p.mu.Unlock()
	}
	if p.left.Add(-1) == 0 {
		close(p.done)
	}
}

// Next returns the next batch, io.EOF after the last one. When ctx ends it
// returns the cause and can be called again; any other error is final.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	start := time.Now()
	defer func() { l.stats.addWait(time.Since(start)) }()
	for l.err == nil {
		p, err := l.await(ctx)
		if err != nil {
			if ctx.Err() == nil || err == io.EOF {
				l.fail(err)
			}
			return nil, err
		}
		b, err := l.deliver(p)
		if err != nil {
			l.fail(err)
			return nil, err
		}
		// One image a batch, and that one unusable: there is nothing to see.
		if b.Size() > 0 || l.opt.World > 1 {
			return b, nil
		}
		b.Release()
	}
	return nil, l.err
}

// await takes the next batch and waits until it is complete.
func (l *Loader) await(ctx context.Context) (*pending, error) {
	if l.head == nil {
		select {
		case p, open := <-l.ready:
			if !open {
				return nil, l.ended()
			}
			l.head = p
		case <-l.ctx.Done():
			return nil, context.Cause(l.ctx)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	select {
	case <-l.head.done:
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p := l.head
	l.head = nil
	return p, nil
}

// ended tells the end of the stream from a dispatcher that was stopped.
func (l *Loader) ended() error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	if err := l.watch.final(l.opt.Sequential); err != nil {
		return err
	}
	return io.EOF
}

// deliver completes a batch, counts its bad images and makes room for another.
func (l *Loader) deliver(p *pending) (*Batch, error) {
	b := p.batch
	<-l.tokens
	if p.err != nil {
		b.Release()
		return nil, p.err
	}
	for _, bad := range p.bad {
		if bad != nil {
			b.Bad = append(b.Bad, *bad)
		}
	}
	l.stats.delivered(len(p.ok)-len(b.Bad), b.Bad)
	if l.opt.Sequential && len(b.Bad) > 0 {
		b.compact(p.ok)
	}
	if err := l.watch.see(len(p.ok), b.Bad); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// fail makes an error final and stops the goroutines.
func (l *Loader) fail(err error) {
	l.err = err
	l.cancel(err)
}

// All ranges over the batches and releases each after the body of the loop. It
// ends silently at the end of the stream, and with an error otherwise.
func (l *Loader) All(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		for {
			b, err := l.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			more := yield(b, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
}

// CloseGrace is how long Close waits for reads and decoders that cannot be
// interrupted: a dead network mount, say.
const CloseGrace = 700 * time.Millisecond

// Close stops the goroutines and frees the memory of all batches but those
// that are still held, which are freed with their Release. It returns within a
// second: an error says which image a worker could not leave. Its memory is
// then freed when it does.
func (l *Loader) Close() error {
	var err error
	l.once.Do(func() {
		l.cancel(ErrClosed)
		if l.err == nil {
			l.err = ErrClosed
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			l.wg.Wait()
			l.reclaim()
		}()
		select {
		case <-gone:
		case <-time.After(CloseGrace):
			err = l.stuck()
		}
	})
	return err
}

// reclaim takes back what was made and never delivered.
func (l *Loader) reclaim() {
	if l.head != nil {
		l.head.batch.Release()
	}
	for p := range l.ready {
		p.batch.Release()
	}
	if l.opt.Pool == nil {
		l.pool.Close()
	}
}

func (l *Loader) stuck() error {
	for i := range l.busy {
		if at := l.busy[i].Load(); at > 0 {
			return fmt.Errorf("data: a worker is still reading or decoding image %d of the source; it is left behind", at-1)
		}
	}
	return nil
}

// Stats returns the counts and times so far.
func (l *Loader) Stats() Stats { return l.stats.snapshot() }

// Bytes returns the size of the pixels of one full batch.
func (l *Loader) Bytes() int { return l.pool.bytes }

// Steps returns the step after the last one, math.MaxInt64 without a bound.
func (l *Loader) Steps() int64 { return l.plan.end }

// decoder makes a worker's decoder.
func (l *Loader) decoder() *jpeg.Decoder { return jpeg.NewDecoder(l.opt.Decode) }
