// SPDX-License-Identifier: MIT

package formats_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"seer/data/formats"
	"seer/data/jpeg"
)

// With the address sanitizer: go test -asan ./data/formats -run Damaged -args -damage 500
var damageRounds = flag.Int("damage", 3, "damaged copies of each file to decode")

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

// damage cuts and changes data; for PNG the checksums are right all the same.
func damage(rng *rand.Rand, data []byte) []byte {
	data = slices.Clone(data)
	if rng.IntN(5) == 0 {
		data = data[:rng.IntN(len(data))]
	}
	for range rng.IntN(5) {
		if len(data) == 0 {
			break
		}
		end := len(data)
		if rng.IntN(2) == 0 { // the headers
			end = min(end, 100)
		}
		at := rng.IntN(end)
		data[at] = []byte{0, 1, 0x7f, 0xff, data[at] ^ 1<<rng.IntN(8), byte(rng.UintN(256))}[rng.IntN(6)]
	}
	return formats.Checksums(data)
}

// Whatever the damage, a decoder ends, and says why.
func TestDamagedFiles(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			for _, data := range a.files {
				if len(data) == 0 || len(data) >= 1<<14 {
					continue
				}
				for range *damageRounds {
					tryDecode(t, damage(rng, data))
				}
			}
		})
	}
}

// A decoder gives the same pixels whatever it has decoded before, and in
// whatever memory; damaged files among them change nothing.
func TestDecodersKeepNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	used := jpeg.NewDecoder(jpeg.DecodeOptions{MaxPixels: 1 << 20})
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
			fresh := jpeg.NewDecoder(jpeg.DecodeOptions{MaxPixels: 1 << 20})
			want, errWant := fresh.Decode(data)
			got, errGot := used.Decode(data)
			fresh.Close()
			if formats.ReasonOf(errWant) != formats.ReasonOf(errGot) || errWant == nil && !slices.Equal(want.Pix, got.Pix) {
				t.Errorf("%s, %s: %v after other files, alone %v", a.name, name, errGot, errWant)
			}
		}
	}
}
