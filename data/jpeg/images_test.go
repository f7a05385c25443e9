// SPDX-License-Identifier: MIT

package jpeg

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"seer/data/augment"
)

// goldenImage is a file of testdata/images and PIL's pixels for it.
type goldenImage struct {
	Name           string
	Plain, Upright piece
	data           []byte
	blob           []byte
}

func (g goldenImage) pixels(p piece) []byte { return g.blob[p.At : p.At+p.W*p.H*3] }

func loadImages(t testing.TB) []goldenImage {
	t.Helper()
	text, err := os.ReadFile("testdata/images.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []goldenImage
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	blob := gunzip(t, "testdata/images.bin.gz")
	for i := range list {
		list[i].blob = blob
		if list[i].data, err = os.ReadFile(filepath.Join("testdata/images", list[i].Name)); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func gunzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestDecodesAsPIL(t *testing.T) {
	for _, orient := range []bool{false, true} {
		d := NewDecoder(DecodeOptions{Orient: orient})
		defer d.Close()
		for _, g := range loadImages(t) {
			want := g.Plain
			if orient {
				want = g.Upright
			}
			img, err := d.Decode(g.data)
			if err != nil {
				t.Errorf("%s: %v", g.Name, err)
				continue
			}
			if img.W != want.W || img.H != want.H || img.Channels != 3 {
				t.Errorf("%s: %d x %d x %d, want %d x %d x 3", g.Name, img.W, img.H, img.Channels, want.W, want.H)
				continue
			}
			largest, mean := compare(img.Pix, g.pixels(want))
			if largest > 0 {
				t.Errorf("%s, orient %v: differs from PIL by up to %d, %.3f on average", g.Name, orient, largest, mean)
			}
		}
	}
}

// A crop of everything must be the decoded image, for every format and
// orientation: both ways through the package agree.
func TestRendersWhatItDecodes(t *testing.T) {
	d := NewDecoder(DecodeOptions{Orient: true})
	defer d.Close()
	for _, g := range loadImages(t) {
		img, err := d.Decode(g.data)
		if err != nil {
			t.Fatal(err)
		}
		size := min(img.W, img.H)
		crop := augment.Crop{X: img.W - size, Y: img.H - size, W: size, H: size, ScaledW: size, ScaledH: size, Size: size}
		want, got := make([]byte, crop.Bytes()), make([]byte, crop.Bytes())
		if err := d.Render(*img, []augment.Crop{crop}, [][]byte{want}, nil); err != nil {
			t.Fatal(err)
		}
		draw := func(w, h int) []augment.Crop {
			if w != img.W || h != img.H {
				t.Errorf("%s: drawn for %d x %d, want %d x %d", g.Name, w, h, img.W, img.H)
			}
			return []augment.Crop{crop}
		}
		var tm Timing
		if err := d.DecodeAndRender(g.data, draw, [][]byte{got}, &tm); err != nil {
			t.Fatal(err)
		}
		if largest, _ := compare(got, want); largest > 0 {
			t.Errorf("%s: crop differs from the decoded image by up to %d", g.Name, largest)
		}
		if tm.Images != 1 || tm.Decode <= 0 || tm.Resize <= 0 {
			t.Errorf("%s: timing %+v; want one image with time in decode and resize", g.Name, tm)
		}
	}
}
