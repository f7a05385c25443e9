// SPDX-License-Identifier: MIT

package loader

import (
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/source"
)

// BenchmarkLoader measures a whole image through one worker: SEER's six crops
// from a drawn JPEG of ImageNet's median size.
func BenchmarkLoader(b *testing.B) {
	src := &memory{}
	for i := range 16 {
		src.files = append(src.files, datatest.JPEG(500, 375, uint64(i)))
	}
	l, err := New(b.Context(), BatchOptions{Source: src, Crops: augment.SEER(), Batch: 16, Workers: 1, Seed: 1})
	require.NoError(b, err)
	defer l.Close()
	b.ReportAllocs()
	images := 0
	for b.Loop() {
		if images%16 == 0 { // an iteration is an image
			batch, err := l.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			batch.Release()
		}
		images++
	}
	st := l.Stats()
	b.ReportMetric(float64(st.Images)/(st.Read+st.Decode+st.Resize+st.Jitter+st.Blur).Seconds(), "img/s-busy")
}

// BenchmarkOverhead is the loader without the work: raw images, one pixel of
// output. What remains is channels, sampling and bookkeeping.
func BenchmarkOverhead(b *testing.B) {
	src := open(b, source.Location{Path: datatest.MNIST(b, 64, false)})
	spec := augment.MultiCrop{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: 1}}}
	l, err := New(b.Context(), BatchOptions{Source: src, Crops: spec, Batch: 64, Workers: 1, Seed: 1})
	require.NoError(b, err)
	defer l.Close()
	b.ReportAllocs()
	images := 0
	for b.Loop() {
		if images%64 == 0 {
			batch, err := l.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			batch.Release()
		}
		images++
	}
}
