// SPDX-License-Identifier: MIT

package loader

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"seer/data/augment"
	"seer/data/formats"
	"seer/data/jpeg"
	"seer/data/source"
)

// worker is the state of one goroutine: buffers that grow to what the largest
// image needs and stay.
type worker struct {
	l     *Loader
	id    int
	dec   *jpeg.Decoder
	file  []byte
	crops []augment.Crop
	dsts  [][]byte
	// draw is a method value made once: one for each image would allocate.
	draw func(w, h int) []augment.Crop

	pass   uint64 // of the image being drawn: the epoch, or the number of its draw
	index  int64
	timing jpeg.Timing
	bytes  int64
}

// maxKept is the largest file buffer that a worker keeps.
const maxKept = 32 << 20

func (l *Loader) work(id int) {
	defer l.wg.Done()
	w := &worker{l: l, id: id, dec: l.decoder()}
	w.draw = w.drawCrops
	defer w.dec.Close()
	for t := range l.tasks {
		// A cancelled loader has batches that are never completed: nobody
		// waits for them.
		if l.ctx.Err() != nil {
			return
		}
		err := w.fill(t)
		l.stats.addWork(&w.timing, w.bytes)
		w.timing, w.bytes = jpeg.Timing{}, 0
		t.p.finish(err)
	}
}

// fill makes the crops of one slot, from the image at its position or from the
// next usable one. Only what is no image's fault is an error.
func (w *worker) fill(t task) error {
	p, l := t.p, w.l
	w.destinations(p, t.slot)
	epoch, pos := l.plan.at(p.batch.Step, t.slot)
	index, pass := l.drawn(epoch, pos)
	err := w.image(pass, index)
	if err == nil {
		w.accept(t, index)
		return nil
	}
	if l.ctx.Err() != nil || !isImageError(err) {
		return w.fatal(index, err)
	}
	bad := &Bad{Step: p.batch.Step, Index: index, Name: l.opt.Source.Name(index), Reason: source.ReasonOf(err), Err: bare(err), Replacement: -1}
	p.bad[t.slot] = bad
	if l.opt.Sequential {
		return nil
	}
	return w.replace(t, epoch, pos, bad)
}

// replace tries the positions that follow in the epoch's order, from its
// beginning again after the last: the same choice on every run. Images that
// fail here are counted where they stand themselves.
func (w *worker) replace(t task, epoch uint64, pos int64, bad *Bad) error {
	l := w.l
	n := l.plan.n
	limit := min(n-1, maxProbes(l.opt.MaxBadFraction))
	for k := int64(1); k <= limit; k++ {
		index, pass := l.drawn(epoch, (pos+k)%n)
		err := w.image(pass, index)
		if err == nil {
			bad.Replacement = index
			w.accept(t, index)
			return nil
		}
		if l.ctx.Err() != nil || !isImageError(err) {
			return w.fatal(index, err)
		}
	}
	return fmt.Errorf("data: %d images in a row could not be used, the first of them %s (%s: %v); look at the source", limit+1, bad.Name, bad.Reason, bad.Err)
}

// maxProbes is the number of images in a row that can hardly all be bad where
// a share f of them is: fewer than once in 10^12 tries, and at least 100.
func maxProbes(f float64) int64 {
	if f >= 1 {
		return math.MaxInt64
	}
	if f <= 0 {
		return 100
	}
	return max(100, int64(math.Ceil(-12*math.Ln10/math.Log(f))))
}

func (w *worker) fatal(index int64, err error) error {
	if w.l.ctx.Err() != nil {
		return context.Cause(w.l.ctx)
	}
	return fmt.Errorf("data: image %d (%s): %w", index, w.l.opt.Source.Name(index), err)
}

// image reads one image and renders its crops.
func (w *worker) image(pass uint64, index int64) error {
	w.l.busy[w.id].Store(index + 1)
	defer w.l.busy[w.id].Store(0)
	start := time.Now()
	item, err := w.l.opt.Source.Read(w.l.ctx, index, w.file)
	w.timing.Read += time.Since(start)
	if source.IsStoreError(err) {
		return err
	}
	if err != nil {
		return &imageError{err}
	}
	// A giant now and then must not occupy its size in every worker for ever.
	if !item.Shared && cap(item.Bytes) > cap(w.file) && cap(item.Bytes) <= maxKept {
		w.file = item.Bytes
	}
	w.bytes += int64(len(item.Bytes))
	w.pass, w.index = pass, index
	return w.render(item)
}

// render turns a panic of a decoder into an error: Go's decoders of rare
// formats meet whatever the web holds.
func (w *worker) render(item source.Item) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &source.ReadError{Name: w.l.opt.Source.Name(w.index), Reason: source.Panicked, Err: fmt.Errorf("%v at %s", r, origin(debug.Stack()))}
		}
	}()
	if item.Raw == nil {
		return w.dec.DecodeAndRender(item.Bytes, w.draw, w.dsts, &w.timing)
	}
	r := item.Raw
	return w.dec.Render(formats.Image{W: r.W, H: r.H, Channels: r.C, Pix: r.Pix}, w.drawCrops(r.W, r.H), w.dsts, &w.timing)
}

func (w *worker) drawCrops(width, height int) []augment.Crop {
	if view := w.l.opt.View; view != nil {
		w.crops = append(w.crops[:0], view(w.pass, w.index, width, height))
		return w.crops
	}
	w.crops = w.l.opt.Crops.Append(w.crops[:0], w.l.opt.Seed, w.pass, w.index, width, height)
	return w.crops
}

// destinations lists the places of all crops of a slot, in the order in which
// they are drawn.
func (w *worker) destinations(p *pending, slot int) {
	w.dsts = w.dsts[:0]
	for i := range p.batch.Groups {
		g := &p.batch.Groups[i]
		for c := range g.Count {
			w.dsts = append(w.dsts, g.slot(c, slot, len(p.ok)))
		}
	}
}

// accept notes which image fills a slot, and by which crops.
func (w *worker) accept(t task, index int64) {
	t.p.batch.Indices[t.slot] = index
	t.p.ok[t.slot] = true
	if t.p.batch.Crops != nil {
		t.p.batch.Crops[t.slot] = slices.Clone(w.crops)
	}
}
