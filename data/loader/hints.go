// SPDX-License-Identifier: MIT

package loader

import "seer/data/source"

// hints tells a source what its loader will read, a fixed number of images before their turn.
type hints struct {
	src  source.Prefetcher
	l    *Loader
	step int64 // of the next image to name
	slot int
	owed int // images that are still to be named before the distance is what it should be
}

// firstHints are named at once. The rest of a long distance follows bit by bit, or a window of a hundred thousand images
// would be looked up before the first one is read.
const firstHints = 1024

// newHints names the first images; nil for a source that does not want to know.
func newHints(l *Loader) *hints {
	src, ok := l.opt.Source.(source.Prefetcher)
	if !ok {
		return nil
	}
	first := min(src.Ahead(), firstHints)
	h := &hints{src: src, l: l, step: l.plan.start, owed: src.Ahead() - first}
	h.advance(first)
	return h
}

// next is called before an image is handed out.
func (h *hints) next() {
	if h == nil {
		return
	}
	more := min(h.owed, 1)
	h.owed -= more
	h.advance(1 + more)
}

// advance names the next n images of this rank, as far as the stream goes.
func (h *hints) advance(n int) {
	for n > 0 && h.step < h.l.plan.end {
		if h.slot == h.l.plan.size(h.step) {
			h.step, h.slot = h.step+1, 0
			continue
		}
		index, _ := h.l.drawn(h.l.plan.at(h.step, h.slot))
		h.src.Prefetch(index)
		h.slot++
		n--
	}
}
