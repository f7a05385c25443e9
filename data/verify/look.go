// SPDX-License-Identifier: MIT

package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/source"
)

// worker looks at one image after the other.
type worker struct {
	*run
	dec  *jpeg.Decoder
	buf  []byte
	crop [8 * 8 * 3]byte
}

// whole decodes all of an image and keeps next to nothing of it: training
// decodes in the same way, so what passes here passes there.
var whole = augment.MultiCrop{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: 8}}}

// look reads image i and says what it is.
func (w *worker) look(ctx context.Context, i int64) (l look) {
	item, err := w.src.Read(ctx, i, w.buf)
	if err != nil {
		l.err = err
		return l
	}
	if !item.Shared && cap(item.Bytes) > cap(w.buf) {
		w.buf = item.Bytes
	}
	if raw := item.Raw; raw != nil {
		l.format, l.w, l.h, l.bytes, l.hash = "raw", raw.W, raw.H, int64(len(raw.Pix)), hashOf(raw.Pix)
		return l
	}
	l.bytes = int64(len(item.Bytes))
	header, err := jpeg.ReadHeader(item.Bytes)
	l.format, l.err = header.Format, err
	l.w, l.h = header.W, header.H
	if err == nil && !w.opt.HeadersOnly {
		l.err = w.decode(item.Bytes)
		l.hash = hashOf(item.Bytes)
	}
	return l
}

// decode turns a panic of a decoder into an error, as the loader does.
func (w *worker) decode(file []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &source.ReadError{Reason: source.Panicked, Err: fmt.Errorf("%v", p)}
		}
	}()
	draw := func(width, height int) []augment.Crop { return whole.Append(nil, 0, 0, 0, width, height) }
	return w.dec.DecodeAndRender(file, draw, [][]byte{w.crop[:]}, nil)
}

// hashed is an image's place in the search for duplicates.
type hashed struct {
	hash  uint64
	index int64
}

// hashOf returns eight bytes of SHA-256. Equal hashes are compared byte by byte
// afterwards, so that a collision costs two reads and no wrong finding.
func hashOf(content []byte) uint64 {
	sum := sha256.Sum256(content)
	return binary.LittleEndian.Uint64(sum[:])
}

// duplicates finds equal files among the usable images: those with equal
// hashes, in the order of the source, against the first of them that they equal.
func (r *run) duplicates(ctx context.Context) error {
	slices.SortFunc(r.hashes, func(a, b hashed) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.index, b.index))
	})
	var found []Finding
	for from := 0; from < len(r.hashes); {
		to := from + 1
		for to < len(r.hashes) && r.hashes[to].hash == r.hashes[from].hash {
			to++
		}
		for _, h := range r.hashes[from+1 : to] {
			f, err := r.compare(ctx, r.hashes[from].index, h.index)
			if err != nil {
				return err
			}
			found = append(found, f...)
		}
		from = to
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.Index, b.Index) })
	for _, f := range found {
		r.find(f)
	}
	return nil
}

// compare reads two images again and returns the findings about the second.
func (r *run) compare(ctx context.Context, first, second int64) ([]Finding, error) {
	var content [2][]byte
	for k, i := range []int64{first, second} {
		item, err := r.src.Read(ctx, i, nil)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, nil // it was there a moment ago; a corrupt finding next time
		}
		content[k] = item.Bytes
		if item.Raw != nil {
			content[k] = item.Raw.Pix
		}
	}
	if !bytes.Equal(content[0], content[1]) {
		return nil, nil
	}
	of := r.src.Name(first)
	out := []Finding{{Kind: Duplicate, Index: second, Of: of, Detail: fmt.Sprintf("the same %d bytes", len(content[1]))}}
	if a, b := r.src.Label(first), r.src.Label(second); a != b {
		classes := r.src.Classes()
		out = append(out, Finding{Kind: Conflict, Index: second, Of: of, Detail: fmt.Sprintf("of class %s here, %s there", className(classes, b), className(classes, a))})
	}
	return out, nil
}

func className(classes []string, label int) string {
	if label >= 0 && label < len(classes) {
		return classes[label]
	}
	return fmt.Sprint(label)
}
