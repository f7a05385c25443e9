// SPDX-License-Identifier: MIT

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// An Object is one file of a store, in the state in which it was opened.
type Object struct {
	name    string
	size    int64
	version string
	backend backend
	opt     StoreOptions
	id      identity // in a cache
}

// Name returns the object's URL without secrets.
func (o *Object) Name() string { return o.name }

// Size returns the length in bytes.
func (o *Object) Size() int64 { return o.size }

// Version returns what changes with the content: an entity tag or a time. "" where the store tells neither.
func (o *Object) Version() string { return o.version }

// ReadAt fills p from offset off. It returns an error that says how far it came, io.EOF in it where the object ends.
func (o *Object) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > o.size {
		return &Error{o.name, fmt.Errorf("bytes %d to %d of %d: %w", off, off+int64(len(p)), o.size, io.EOF)}
	}
	if o.opt.Cache != nil && o.version != "" {
		return o.opt.Cache.readAt(ctx, o.id, p, off, o.fetch)
	}
	return o.fetch(ctx, p, off)
}

// fetch reads from the store.
func (o *Object) fetch(ctx context.Context, p []byte, off int64) error {
	done := 0
	return o.repeat(ctx, func(ctx context.Context, alive func()) (int, error) {
		body, err := o.backend.open(ctx, off+int64(done), int64(len(p)-done), o.size, o.version)
		if err != nil {
			return 0, err
		}
		defer body.Close()
		before := done
		for done < len(p) {
			n, err := body.Read(p[done:])
			done += n
			if n > 0 {
				alive()
			}
			if err != nil && done < len(p) {
				if err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return done - before, fmt.Errorf("after byte %d: %w", off+int64(done), err)
			}
		}
		return done - before, nil
	}, len(p))
}

// At is the object as an [io.ReaderAt] for someone who reads mostly forward: it fetches windows of 4 MiB. It is for one
// goroutine.
func (o *Object) At(ctx context.Context) io.ReaderAt { return &window{ctx: ctx, object: o} }

type window struct {
	ctx    context.Context
	object *Object
	buf    []byte
	start  int64
}

const windowBytes = 4 << 20

func (w *window) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at >= w.object.size {
			return n, io.EOF
		}
		if at < w.start || at >= w.start+int64(len(w.buf)) {
			next := w.buf[:0]
			if size := int(min(windowBytes, w.object.size-at)); cap(next) < size {
				next = make([]byte, size)
			} else {
				next = next[:size]
			}
			w.buf = nil
			if err := w.object.ReadAt(w.ctx, next, at); err != nil {
				return n, err
			}
			w.buf, w.start = next, at
		}
		n += copy(p[n:], w.buf[at-w.start:])
	}
	return n, nil
}

// errSilent ends an attempt in which nothing came for too long.
var errSilent = errors.New("no answer")

// repeat calls attempt until it succeeds, ctx ends, or repeating makes no sense any more. An attempt says how many bytes
// it brought, and calls alive whenever some came.
func (o *Object) repeat(ctx context.Context, attempt func(ctx context.Context, alive func()) (int, error), want int) error {
	if want == 0 {
		return nil
	}
	for failed := 0; ; failed++ {
		n, err := o.watched(ctx, attempt)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var never *finalError
		if errors.As(err, &never) || errors.Is(err, ErrChanged) {
			return &Error{o.name, err}
		}
		if n > 0 {
			failed = 0
		}
		if failed >= o.opt.Retries {
			return &Error{o.name, fmt.Errorf("given up after %d attempts, the last: %w", failed+1, err)}
		}
		select {
		case <-time.After(o.pause(failed, err)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// watched runs one attempt and ends it when nothing comes for too long.
func (o *Object) watched(parent context.Context, attempt func(ctx context.Context, alive func()) (int, error)) (int, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	var silent atomic.Bool
	timer := time.AfterFunc(o.opt.Silence, func() { silent.Store(true); cancel() })
	defer timer.Stop()
	n, err := attempt(ctx, func() { timer.Reset(o.opt.Silence) })
	if err != nil && silent.Load() {
		// Not the context's own error: it would look like a cancelled run.
		err = fmt.Errorf("%w for %v", errSilent, o.opt.Silence)
	}
	return n, err
}

// longestPause bounds the waits between attempts.
const longestPause = time.Minute

// pause is exponential with full jitter above a half: many workers must not come back at the same instant. A server that
// says when to come back is obeyed.
func (o *Object) pause(failed int, err error) time.Duration {
	var later *laterError
	if errors.As(err, &later) && later.pause > 0 {
		return min(later.pause, longestPause)
	}
	d := min(o.opt.Pause<<min(failed, 16), longestPause)
	return d/2 + rand.N(d/2+1)
}
