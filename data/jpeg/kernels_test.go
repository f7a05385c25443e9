// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"seer/data/augment"
	"seer/data/formats"
)

// noiseImage has every kind of neighbourhood: noise, flat parts, hard edges.
func noiseImage(rng *rand.Rand, w, h, channels int) formats.Image {
	img := formats.Image{W: w, H: h, Channels: channels, Pix: make([]byte, w*h*channels)}
	flat := byte(rng.UintN(256))
	for i := range img.Pix {
		switch {
		case i%97 < 20:
			img.Pix[i] = flat
		case i%97 < 30:
			img.Pix[i] = 255
		default:
			img.Pix[i] = byte(rng.UintN(256))
		}
	}
	return img
}

// randomCrop draws from wider ranges than any augmentation: windows that leave
// the image, extreme boxes, large radii, any order and number of operations.
func randomCrop(rng *rand.Rand, w, h int) augment.Crop {
	c := augment.Crop{
		W: 1 + rng.IntN(w), H: 1 + rng.IntN(h), Size: 1 + rng.IntN(70),
		Flip: rng.IntN(2) == 0, Gray: rng.IntN(4) == 0, Jitter: rng.IntN(4) > 0, Ops: rng.IntN(5),
		Brightness: 2 * rng.Float64(), Contrast: 2 * rng.Float64(), Saturation: 2 * rng.Float64(), Hue: rng.Float64() - .5,
	}
	c.X, c.Y = rng.IntN(w-c.W+1), rng.IntN(h-c.H+1)
	c.ScaledW, c.ScaledH = c.Size, c.Size
	if rng.IntN(3) == 0 {
		c.ScaledW, c.ScaledH = 1+rng.IntN(90), 1+rng.IntN(90)
		c.OffsetX, c.OffsetY = rng.IntN(60)-30, rng.IntN(60)-30
	}
	for i, op := range rng.Perm(4) {
		c.Order[i] = augment.Op(op)
	}
	c.Bicubic = rng.IntN(3) == 0
	if rng.IntN(2) == 0 {
		c.Blur = rng.Float64() * []float64{.5, 2, 4, augment.MaxBlur}[rng.IntN(4)]
	}
	return c
}

// Every set of kernels gives the bytes of the portable one.
func TestKernelsAgree(t *testing.T) {
	d := NewDecoder(DecodeOptions{})
	defer d.Close()
	render := func(kernels string, img formats.Image, c augment.Crop) []byte {
		if !UseKernels(kernels) {
			t.Fatalf("kernels %q are not available", kernels)
		}
		dst := make([]byte, c.Bytes())
		if err := d.Render(img, []augment.Crop{c}, [][]byte{dst}, nil); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		return dst
	}
	defer UseKernels("")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		img := noiseImage(rng, 1+rng.IntN(150), 1+rng.IntN(150), []int{1, 3, 4}[rng.IntN(3)])
		c := randomCrop(rng, img.W, img.H)
		want := render("portable", img, c)
		for _, kernels := range availableKernels() {
			if largest, mean := compare(render(kernels, img, c), want); largest > 0 {
				t.Fatalf("%s differs by up to %d, %.3f on average: %d x %d, %+v", kernels, largest, mean, img.W, img.H, c)
			}
		}
	}
}

// The hue's single-precision steps stand for PIL's mixed ones; that they end in
// the same byte is shown for every colour there is.
func TestHueOfEveryColour(t *testing.T) {
	d := NewDecoder(DecodeOptions{})
	defer d.Close()
	const side = 64
	img := formats.Image{W: side, H: side, Channels: 3, Pix: make([]byte, side*side*3)}
	got, want := make([]byte, len(img.Pix)), make([]byte, len(img.Pix))
	c := augment.Crop{W: side, H: side, ScaledW: side, ScaledH: side, Size: side, Jitter: true, Ops: 1,
		Order: [4]augment.Op{augment.Hue}}
	kernels := availableKernels()
	defer UseKernels("")
	for block := range 1 << 24 / (side * side) {
		for i := range side * side {
			colour := block*side*side + i
			img.Pix[3*i], img.Pix[3*i+1], img.Pix[3*i+2] = byte(colour>>16), byte(colour>>8), byte(colour)
		}
		c.Hue = float64(block%101)/100 - .5
		for _, k := range kernels {
			UseKernels(k)
			dst := got
			if k == "portable" {
				dst = want
			}
			if err := d.Render(img, []augment.Crop{c}, [][]byte{dst}, nil); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(dst, want) {
				t.Fatalf("%s: colours %#x and following, shift %.2f, differ from the portable version", k, block*side*side, c.Hue)
			}
		}
	}
}
