// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"seer/data/augment"
)

// drawPhoto draws an image with the entropy of a photograph: soft structures,
// edges and a little noise.
func drawPhoto(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	state := uint32(1)
	for y := range h {
		for x := range w {
			state = state*1664525 + 1013904223
			n := float64(state>>24)/8 - 16
			fx, fy := float64(x), float64(y)
			v := 128 + 60*math.Sin(fx/31+fy/57) + 40*math.Sin(fx*fy/9000) + n
			u := 128 + 90*math.Cos(fx/77)*math.Sin(fy/43) + n/2
			if (x/60+y/45)%3 == 0 {
				u = 255 - u
			}
			m.SetRGBA(x, y, color.RGBA{clamp(v), clamp(u), clamp(v/2 + u/2), 255})
		}
	}
	return m
}

func clamp(v float64) uint8 { return uint8(max(0, min(255, v))) }

// encode returns m as a baseline JPEG of quality 90.
func encode(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, m, &stdjpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// benchmarkFiles returns the images to measure with: those in the folder that
// SEER_BENCH_IMAGES names, or a drawn one.
func benchmarkFiles(b *testing.B) [][]byte {
	var files [][]byte
	names, err := filepath.Glob(filepath.Join(os.Getenv("SEER_BENCH_IMAGES"), "*.JPEG"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, data)
	}
	if len(files) == 0 {
		files = append(files, encode(b, drawPhoto(500, 375)))
	}
	return files
}

// BenchmarkSEER renders SEER's six crops; every iteration is one image.
func BenchmarkSEER(b *testing.B) {
	files := benchmarkFiles(b)
	for _, kernels := range availableKernels() {
		b.Run(kernels, func(b *testing.B) {
			useKernels(b, kernels)
			benchmarkCrops(b, files, augment.SEER())
		})
	}
}

// BenchmarkDecode is the floor: one small crop of everything.
func BenchmarkDecode(b *testing.B) {
	benchmarkCrops(b, benchmarkFiles(b), augment.MultiCrop{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: 1}}})
}

func benchmarkCrops(b *testing.B, files [][]byte, spec augment.MultiCrop) {
	d := NewDecoder(DecodeOptions{})
	defer d.Close()
	dsts := destinations(spec)
	var crops []augment.Crop
	var index int64
	draw := func(w, h int) []augment.Crop {
		crops = spec.Append(crops[:0], 1, 0, index, w, h)
		return crops
	}
	var t Timing
	b.ReportAllocs()
	cpu := processorTime(b)
	for b.Loop() {
		if err := d.DecodeAndRender(files[index%int64(len(files))], draw, dsts, &t); err != nil {
			b.Fatal(err)
		}
		index++
	}
	b.ReportMetric(float64(t.Decode.Microseconds())/float64(t.Images), "decode-µs")
	b.ReportMetric(float64(t.Resize.Microseconds())/float64(t.Images), "resize-µs")
	b.ReportMetric(float64(t.Jitter.Microseconds())/float64(t.Images), "jitter-µs")
	b.ReportMetric(float64(t.Blur.Microseconds())/float64(t.Images), "blur-µs")
	b.ReportMetric(float64(t.Images)/(processorTime(b)-cpu).Seconds(), "img/cpu-s")
}

// processorTime is what other work on the machine disturbs least.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// destinations allocates a slot for every crop of spec.
func destinations(spec augment.MultiCrop) [][]byte {
	var dsts [][]byte
	for _, g := range spec.Groups {
		for range g.Count {
			dsts = append(dsts, make([]byte, g.Size*g.Size*3))
		}
	}
	return dsts
}

// BenchmarkStages reports the time of each stage as the mean over the images of
// the shortest of twelve runs: what other programs take from this one does not
// count.
func BenchmarkStages(b *testing.B) {
	files := benchmarkFiles(b)
	spec := augment.SEER()
	d, dsts := NewDecoder(DecodeOptions{}), destinations(spec)
	defer d.Close()
	var sum [4]time.Duration
	for b.Loop() {
		for i, file := range files {
			best := shortest(b, d, file, spec, int64(i), dsts)
			for s := range sum {
				sum[s] += best[s]
			}
		}
	}
	for s, name := range []string{"decode-µs", "resize-µs", "jitter-µs", "blur-µs"} {
		b.ReportMetric(float64(sum[s].Nanoseconds())/1e3/float64(b.N*len(files)), name)
	}
}

// shortest returns the smallest time of each stage of one image.
func shortest(b *testing.B, d *Decoder, file []byte, spec augment.MultiCrop, index int64, dsts [][]byte) [4]time.Duration {
	best := [4]time.Duration{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}
	draw := func(w, h int) []augment.Crop { return spec.Append(nil, 1, 0, index, w, h) }
	for range 12 {
		var t Timing
		if err := d.DecodeAndRender(file, draw, dsts, &t); err != nil {
			b.Fatal(err)
		}
		for s, v := range []time.Duration{t.Decode, t.Resize, t.Jitter, t.Blur} {
			best[s] = min(best[s], v)
		}
	}
	return best
}
