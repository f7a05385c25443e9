// SPDX-License-Identifier: MIT

package data

// hints tells a source what its loader will read, a fixed number of images before their turn.
type hints struct {
	src  Prefetcher
	l    *Loader
	step int64 // of the next image to name
	slot int
}

// newHints names the first images; nil for a source that does not want to know.
func newHints(l *Loader) *hints {
	src, ok := l.opt.Source.(Prefetcher)
	if !ok {
		return nil
	}
	h := &hints{src: src, l: l, step: l.plan.start}
	h.advance(src.Ahead())
	return h
}

// advance names the next n images of this rank, as far as the stream goes.
func (h *hints) advance(n int) {
	if h == nil {
		return
	}
	for n > 0 && h.step < h.l.plan.end {
		if h.slot == h.l.plan.size(h.step) {
			h.step, h.slot = h.step+1, 0
			continue
		}
		h.src.Prefetch(h.l.indexOf(h.l.plan.at(h.step, h.slot)))
		h.slot++
		n--
	}
}
