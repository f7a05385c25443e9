// SPDX-License-Identifier: MIT

package formats_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"seer/data/formats"
	"seer/data/jpeg"
)

// fuzzLimits keep the fuzzers' images small.
var fuzzLimits = formats.Limits{MaxPixels: 1 << 16, MaxMemory: 32 << 20}

// addFiles makes the files of one archive, or of all, the seeds.
func addFiles(f *testing.F, name string) {
	f.Helper()
	for _, a := range archives(f) {
		for _, data := range a.files {
			if (name == "" || a.name == name) && len(data) < 1<<14 {
				f.Add(data)
			}
		}
	}
}

// tryDecode decodes whatever the bytes are: an error has a reason, and an image
// the size that the header said.
func tryDecode(t *testing.T, data []byte) {
	if formats.Sniff(data) == "jpeg" {
		return
	}
	h, err := formats.ReadHeader(data)
	if err != nil {
		if formats.ReasonOf(err) == "" {
			t.Fatalf("%v: no reason", err)
		}
		return
	}
	img, err := formats.Decode(data, h, fuzzLimits)
	if err != nil {
		if formats.ReasonOf(err) == "" {
			t.Fatalf("%v: no reason", err)
		}
		return
	}
	if img.W != h.W || img.H != h.H || len(img.Pix) != h.W*h.H*img.Channels || img.Channels != 1 && img.Channels != 3 {
		t.Fatalf("%d x %d x %d with %d bytes, header %+v", img.W, img.H, img.Channels, len(img.Pix), h)
	}
}

func FuzzPNG(f *testing.F) {
	addFiles(f, "png")
	f.Fuzz(func(t *testing.T, data []byte) { tryDecode(t, formats.Checksums(data)) })
}

func FuzzBMP(f *testing.F) {
	addFiles(f, "bmp")
	f.Fuzz(tryDecode)
}

// FuzzAll is for all formats, those too that have no fuzzer of their own.
func FuzzAll(f *testing.F) {
	addFiles(f, "")
	f.Fuzz(tryDecode)
}

// A decoder gives the same pixels whatever it has decoded before, and in
// whatever memory; damaged files among them change nothing.
func TestDecodersKeepNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	used := jpeg.NewDecoder(jpeg.Options{MaxPixels: 1 << 20})
	defer used.Close()
	for _, a := range archives(t) {
		for name, data := range a.files {
			if len(data) > 1<<14 {
				continue
			}
			damaged := slices.Clone(data)
			for range 3 {
				damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
			}
			_, _ = used.Decode(formats.Checksums(damaged))
			fresh := jpeg.NewDecoder(jpeg.Options{MaxPixels: 1 << 20})
			want, errWant := fresh.Decode(data)
			got, errGot := used.Decode(data)
			fresh.Close()
			if formats.ReasonOf(errWant) != formats.ReasonOf(errGot) || errWant == nil && !slices.Equal(want.Pix, got.Pix) {
				t.Errorf("%s, %s: %v after other files, alone %v", a.name, name, errGot, errWant)
			}
		}
	}
}
