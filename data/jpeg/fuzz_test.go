// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"testing"

	"seer/data/augment"
	"seer/data/formats"
)

// fuzzLimit keeps the fuzzers' images small.
const fuzzLimit = 1 << 16

func addImages(f *testing.F) {
	f.Helper()
	for _, g := range loadImages(f) {
		f.Add(g.data)
	}
}

// FuzzDecode: whatever the bytes, both decoders end in the same way, and what
// they decode is as large as the header says.
func FuzzDecode(f *testing.F) {
	addImages(f)
	plain := NewDecoder(DecodeOptions{MaxPixels: fuzzLimit, Orient: true, PlainHuffman: true})
	fast := NewDecoder(DecodeOptions{MaxPixels: fuzzLimit, Orient: true})
	f.Cleanup(func() { plain.Close(); fast.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		a, errA := plain.Decode(data)
		b, errB := fast.Decode(data)
		if formats.ReasonOf(errA) != formats.ReasonOf(errB) {
			t.Fatalf("libjpeg says %v, the fast decoder %v", errA, errB)
		}
		if errA != nil {
			if formats.ReasonOf(errA) == "" {
				t.Fatalf("%v: no reason", errA)
			}
			return
		}
		h, err := ReadHeader(data)
		if err != nil {
			t.Fatalf("decoded, but its header is bad: %v", err)
		}
		if w, hh := h.Upright(); a.W != w || a.H != hh || len(a.Pix) != 3*w*hh {
			t.Fatalf("%d x %d with %d bytes, header %+v", a.W, a.H, len(a.Pix), h)
		}
		if !bytes.Equal(a.Pix, b.Pix) {
			t.Fatal("the two decoders differ")
		}
	})
}

// FuzzRender: crops of arbitrary images with arbitrary parameters.
func FuzzRender(f *testing.F) {
	for i, g := range loadImages(f) {
		f.Add(g.data, uint64(i), i%2 == 0)
	}
	d := NewDecoder(DecodeOptions{MaxPixels: fuzzLimit, Orient: true})
	scaled := NewDecoder(DecodeOptions{MaxPixels: fuzzLimit, Scale: true})
	spec := augment.MultiCrop{Groups: []augment.Group{augment.Views(2, 24, .14, 1), augment.Views(2, 9, .05, .14),
		augment.Eval(20, 31).Groups[0]}}
	dsts := destinations(spec)
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, scale bool) {
		dec := d
		if scale {
			dec = scaled
		}
		draw := func(w, h int) []augment.Crop { return spec.Append(nil, seed, 0, 0, w, h) }
		if err := dec.DecodeAndRender(data, draw, dsts, nil); err != nil && formats.ReasonOf(err) == "" {
			t.Fatalf("%v: no reason", err)
		}
	})
}
