// SPDX-License-Identifier: MIT

package jpeg

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"seer/data/augment"
	"seer/data/formats"
)

// piece is an array in augment.bin.gz.
type piece struct{ At, W, H int }

// goldenCrop is a case's parameters in the generator's names.
type goldenCrop struct {
	X, Y, W, H                       int
	ScaledW                          int `json:"scaled_w"`
	ScaledH                          int `json:"scaled_h"`
	Size, Resize                     int
	Flip, Gray                       bool
	Order                            []string
	Brightness, Contrast, Saturation float64
	Hue, Blur                        float64
}

type golden struct {
	Sources map[string]piece
	Cases   []struct {
		Source, Op string
		Crop       goldenCrop
		Want       piece
	}
	blob []byte
}

func loadGolden(t testing.TB) *golden {
	t.Helper()
	text, err := os.ReadFile("testdata/augment.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	g.blob = gunzip(t, "testdata/augment.bin.gz")
	return g
}

func (g *golden) pixels(p piece) []byte { return g.blob[p.At : p.At+p.W*p.H*3] }

func (g *golden) image(name string) formats.Image {
	p := g.Sources[name]
	return formats.Image{W: p.W, H: p.H, Channels: 3, Pix: g.pixels(p)}
}

func (c goldenCrop) crop() augment.Crop {
	out := augment.Crop{
		X: c.X, Y: c.Y, W: c.W, H: c.H, ScaledW: c.ScaledW, ScaledH: c.ScaledH, Size: c.Size, Flip: c.Flip, Gray: c.Gray,
		Jitter: len(c.Order) > 0, Ops: len(c.Order),
		Brightness: c.Brightness, Contrast: c.Contrast, Saturation: c.Saturation, Hue: c.Hue, Blur: c.Blur,
	}
	for i, name := range c.Order {
		out.Order[i] = augment.Op(slices.Index([]string{"brightness", "contrast", "saturation", "hue"}, name))
	}
	if c.Resize > 0 { // the geometry of Resize + CenterCrop is augment's to compute
		drawn := augment.Eval(c.Resize, c.Size).Draw(0, 0, 0, 0, c.W, c.H)
		out.ScaledW, out.ScaledH, out.OffsetX, out.OffsetY = drawn.ScaledW, drawn.ScaledH, drawn.OffsetX, drawn.OffsetY
	}
	return out
}

// compare returns the largest and the mean absolute difference.
func compare(a, b []byte) (largest int, mean float64) {
	sum := 0
	for i := range a {
		d := int(a[i]) - int(b[i])
		if d < 0 {
			d = -d
		}
		largest = max(largest, d)
		sum += d
	}
	return largest, float64(sum) / float64(len(a))
}

// Every operation must give PIL's bytes, with every set of kernels.
func TestParityWithPIL(t *testing.T) {
	g := loadGolden(t)
	for _, kernels := range availableKernels() {
		t.Run(kernels, func(t *testing.T) {
			useKernels(t, kernels)
			d := NewDecoder(DecodeOptions{})
			defer d.Close()
			for i, c := range g.Cases {
				crop := c.Crop.crop()
				got := make([]byte, crop.Bytes())
				if err := d.Render(g.image(c.Source), []augment.Crop{crop}, [][]byte{got}, nil); err != nil {
					t.Fatal(err)
				}
				if largest, mean := compare(got, g.pixels(c.Want)); largest > 0 {
					t.Errorf("case %d, %s of %s: differs from PIL by up to %d, %.3f on average (%s)",
						i, c.Op, c.Source, largest, mean, fmt.Sprintf("%+v", c.Crop))
				}
			}
		})
	}
}

// availableKernels lists the kernels that this CPU can run.
func availableKernels() []string {
	var names []string
	for _, name := range []string{"portable", "avx2", "avx512"} {
		if UseKernels(name) {
			names = append(names, name)
		}
	}
	UseKernels("")
	return names
}

// useKernels switches kernels for the duration of a test.
func useKernels(t testing.TB, name string) {
	t.Helper()
	if !UseKernels(name) {
		t.Fatalf("kernels %q are not available", name)
	}
	t.Cleanup(func() { UseKernels("") })
}
