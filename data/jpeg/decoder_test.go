// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"seer/data/augment"
	"seer/data/formats"
)

// whole is a crop of everything, unchanged, for a square part of w x h.
func whole(w, h int) []augment.Crop {
	n := min(w, h)
	return []augment.Crop{{W: n, H: n, ScaledW: n, ScaledH: n, Size: n}}
}

func TestErrorsNameTheReason(t *testing.T) {
	good := encode(t, drawPhoto(64, 48))
	bomb := bytes.Clone(good)
	at := bytes.Index(bomb, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(bomb[at+5:], 65000)
	binary.BigEndian.PutUint16(bomb[at+7:], 65000)
	twelve := bytes.Clone(good)
	twelve[at+4] = 12
	zero := bytes.Clone(good)
	binary.BigEndian.PutUint16(zero[at+5:], 0)
	noTables := append([]byte("\xff\xd8"), good[at:]...)
	png, err := os.ReadFile("testdata/images/png-rgb.png")
	if err != nil {
		t.Fatal(err)
	}
	brokenPNG := bytes.Clone(png)
	brokenPNG[bytes.Index(png, []byte("IDAT"))+4] ^= 0xff
	for _, c := range []struct {
		name string
		data []byte
		want formats.Reason
		text string
	}{
		{"empty", nil, formats.Empty, "0 bytes"},
		{"text", []byte("<html>not found</html>"), formats.Unknown, "known are JPEG"},
		{"one byte", []byte{0xff}, formats.Unknown, "ff"},
		{"only a start", []byte("\xff\xd8\xff"), formats.Truncated, "3 bytes"},
		{"most of a jpeg", good[:len(good)*3/4], formats.Truncated, "end-of-image"},
		{"no end marker", good[:len(good)-2], formats.Truncated, "end-of-image"},
		{"bomb", bomb, formats.TooLarge, "65000 x 65000"},
		{"12 bits", twelve, formats.Unsupported, "12 bits"},
		{"no rows", zero, formats.Corrupt, "64 x 0"},
		{"no frame", []byte("\xff\xd8\xff\xda\x00\x02\xff\xd9"), formats.Corrupt, "no frame header"},
		{"no quantisation tables", noTables, formats.Corrupt, "Quantization"},
		{"half a png", png[:len(png)/2], formats.Truncated, "png"},
		{"broken png", brokenPNG, formats.Corrupt, "png"},
		{"png bomb", pngBomb(), formats.TooLarge, "60000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(DecodeOptions{})
			defer d.Close()
			_, err := d.Decode(c.data)
			if formats.ReasonOf(err) != c.want || err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("Decode: %v (%q), want %q with %q", err, formats.ReasonOf(err), c.want, c.text)
			}
			err = d.DecodeAndRender(c.data, whole, [][]byte{make([]byte, 3<<20)}, nil)
			if formats.ReasonOf(err) != c.want {
				t.Errorf("DecodeAndRender: %v, want reason %q", err, c.want)
			}
			// A bad image leaves the decoder in order.
			if err := d.DecodeAndRender(good, whole, [][]byte{make([]byte, 3<<20)}, nil); err != nil {
				t.Errorf("a good image after it: %v", err)
			}
		})
	}
}

// pngBomb is a valid header of an enormous image with a chunk of no pixels.
func pngBomb() []byte {
	header := []byte("IHDR\x00\x00\xea\x60\x00\x00\xea\x60\x08\x02\x00\x00\x00")
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\r"), header...)
	return append(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(header)), "\x00\x00\x00\x00IDAT\x00\x00\x00\x00"...)
}

func TestMisuseIsReported(t *testing.T) {
	d := NewDecoder(DecodeOptions{})
	img := formats.Image{W: 4, H: 3, Channels: 3, Pix: make([]byte, 36)}
	ok := augment.Crop{W: 4, H: 3, ScaledW: 2, ScaledH: 2, Size: 2}
	change := func(f func(*augment.Crop)) augment.Crop {
		c := ok
		f(&c)
		return c
	}
	for _, c := range []struct {
		want string
		img  formats.Image
		crop augment.Crop
		dst  int
	}{
		{"", img, ok, 12},
		{"12 are needed", img, ok, 11},
		{"channels; allowed", formats.Image{W: 4, H: 3, Channels: 2, Pix: make([]byte, 24)}, ok, 12},
		{"36 are needed", formats.Image{W: 4, H: 3, Channels: 3, Pix: make([]byte, 35)}, ok, 12},
		{"pixels in all", formats.Image{W: 0, H: 3, Channels: 3}, ok, 12},
		{"outside the image", img, change(func(c *augment.Crop) { c.X = 1 }), 12},
		{"outside the image", img, change(func(c *augment.Crop) { c.H = 1 << 30 }), 12},
		{"outside the image", img, change(func(c *augment.Crop) { c.W = 0 }), 12},
		{"size is 0", img, change(func(c *augment.Crop) { c.Size = 0 }), 12},
		{"scaled size", img, change(func(c *augment.Crop) { c.ScaledH = 0 }), 12},
		{"offset", img, change(func(c *augment.Crop) { c.OffsetX = -1 << 20 }), 12},
		{"jitter operations", img, change(func(c *augment.Crop) { c.Ops = 5 }), 12},
		{"blur radius", img, change(func(c *augment.Crop) { c.Blur = -1 }), 12},
	} {
		err := d.Render(c.img, []augment.Crop{c.crop}, [][]byte{make([]byte, c.dst)}, nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.crop, err, c.want)
		}
	}
	if err := d.Render(img, []augment.Crop{ok}, nil, nil); err == nil || !strings.Contains(err.Error(), "one for each") {
		t.Errorf("a crop without destination: %v", err)
	}
	d.Close()
	d.Close()
	if _, err := d.Decode(encode(t, drawPhoto(8, 8))); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed decoder: %v", err)
	}
}

// Both entropy decoders agree on every kind of block: without and with all 63
// coefficients (which have no end of block), with codes and values that are
// longer than the fast one's tables. It must not need libjpeg's for any of them.
func TestEntropyDecodersAgree(t *testing.T) {
	plain, fast := NewDecoder(DecodeOptions{PlainHuffman: true}), NewDecoder(DecodeOptions{})
	defer plain.Close()
	defer fast.Close()
	files := map[string][]byte{}
	for _, quality := range []int{1, 30, 75, 95, 100} {
		for name, m := range map[string]image.Image{"photo": drawPhoto(203, 151), "noise": drawNoise(120, 90), "flat": image.NewGray(image.Rect(0, 0, 50, 70))} {
			var b bytes.Buffer
			if err := stdjpeg.Encode(&b, m, &stdjpeg.Options{Quality: quality}); err != nil {
				t.Fatal(err)
			}
			files[fmt.Sprintf("%s, quality %d", name, quality)] = b.Bytes()
		}
	}
	for _, g := range loadImages(t) {
		if strings.HasPrefix(g.Name, "jpeg") && g.Name != "jpeg-progressive.jpg" {
			files[g.Name] = g.data
		}
	}
	for name, data := range files {
		want, err := plain.Decode(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := fast.Decode(data)
		if err != nil || fast.gaveUp() {
			t.Fatalf("%s: error %v, gave up: %v", name, err, fast.gaveUp())
		}
		if !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%s: the decoders differ", name)
		}
	}
}

// drawNoise draws pixels that have nothing to do with each other.
func drawNoise(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	rand.NewChaCha8([32]byte{7}).Read(m.Pix)
	return m
}

// Stopping at the lowest row, rotating, and both entropy decoders must not show.
func TestDecodingWaysAgree(t *testing.T) {
	data := encode(t, drawPhoto(203, 151))
	rng := rand.New(rand.NewPCG(3, 4))
	full := NewDecoder(DecodeOptions{PlainHuffman: true})
	defer full.Close()
	fast := NewDecoder(DecodeOptions{})
	defer fast.Close()
	img, err := full.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		c := randomCrop(rng, img.W, img.H)
		want, got := make([]byte, c.Bytes()), make([]byte, c.Bytes())
		if err := full.Render(*img, []augment.Crop{c}, [][]byte{want}, nil); err != nil {
			t.Fatal(err)
		}
		draw := func(w, h int) []augment.Crop { return []augment.Crop{c} }
		if err := fast.DecodeAndRender(data, draw, [][]byte{got}, nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%+v: differs from the crop of the whole image", c)
		}
	}
}

// Damaged data: the fast entropy decoder must give up wherever libjpeg would not
// agree with it, so that errors and pixels are libjpeg's.
func TestDamagedDataAgree(t *testing.T) {
	plain := NewDecoder(DecodeOptions{PlainHuffman: true})
	defer plain.Close()
	fast := NewDecoder(DecodeOptions{})
	defer fast.Close()
	rng := rand.New(rand.NewPCG(5, 6))
	decoded := 0
	for _, g := range loadImages(t) {
		if !strings.HasPrefix(g.Name, "jpeg") {
			continue
		}
		start := max(bytes.LastIndex(g.data, []byte{0xff, 0xda}), 0)
		for range 300 {
			data := bytes.Clone(g.data)
			for range 1 + rng.IntN(3) {
				data[start+rng.IntN(len(data)-start)] = byte(rng.UintN(256))
			}
			a, errA := plain.Decode(data)
			b, errB := fast.Decode(data)
			if formats.ReasonOf(errA) != formats.ReasonOf(errB) {
				t.Fatalf("%s: libjpeg says %v, the fast decoder %v", g.Name, errA, errB)
			}
			if errA != nil {
				continue
			}
			decoded++
			if !bytes.Equal(a.Pix, b.Pix) {
				t.Fatalf("%s: damaged data decode differently", g.Name)
			}
		}
	}
	if decoded < 500 {
		t.Errorf("only %d damaged files were decoded; the test is meant to compare pixels", decoded)
	}
}

func TestScaledDecoding(t *testing.T) {
	data := encode(t, drawPhoto(640, 480))
	exact := NewDecoder(DecodeOptions{})
	defer exact.Close()
	scaled := NewDecoder(DecodeOptions{Scale: true})
	defer scaled.Close()
	for _, c := range []struct {
		name  string
		crop  augment.Crop
		equal bool
	}{
		{"no room", augment.Crop{X: 3, Y: 5, W: 127, H: 200, ScaledW: 64, ScaledH: 64, Size: 64}, true},
		{"half", augment.Crop{X: 3, Y: 5, W: 128, H: 200, ScaledW: 64, ScaledH: 64, Size: 64}, false},
		{"eighth", augment.Crop{W: 640, H: 480, ScaledW: 40, ScaledH: 40, Size: 40}, false},
		{"corner", augment.Crop{X: 509, Y: 349, W: 131, H: 131, ScaledW: 32, ScaledH: 32, Size: 32}, false},
	} {
		draw := func(int, int) []augment.Crop { return []augment.Crop{c.crop} }
		want, got := make([]byte, c.crop.Bytes()), make([]byte, c.crop.Bytes())
		if err := exact.DecodeAndRender(data, draw, [][]byte{want}, nil); err != nil {
			t.Fatal(err)
		}
		if err := scaled.DecodeAndRender(data, draw, [][]byte{got}, nil); err != nil {
			t.Fatal(err)
		}
		_, mean := compare(got, want)
		if bytes.Equal(got, want) != c.equal || mean > 6 {
			t.Errorf("%s: equal %v, mean difference %.2f; want equal %v, and under 6", c.name, bytes.Equal(got, want), mean, c.equal)
		}
	}
}

func TestNoAllocationsForAJPEG(t *testing.T) {
	data := encode(t, drawPhoto(300, 200))
	d := NewDecoder(DecodeOptions{})
	defer d.Close()
	spec := augment.SEER()
	dsts := destinations(spec)
	var crops []augment.Crop
	var tm Timing
	draw := func(w, h int) []augment.Crop {
		crops = spec.Append(crops[:0], 1, 2, 3, w, h)
		return crops
	}
	n := testing.AllocsPerRun(20, func() {
		if err := d.DecodeAndRender(data, draw, dsts, &tm); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations an image, want none", n)
	}
}

func TestHeader(t *testing.T) {
	for _, g := range loadImages(t) {
		h, err := ReadHeader(g.data)
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
			continue
		}
		if !strings.HasPrefix(g.Name, h.Format) {
			t.Errorf("%s: recognised as %s", g.Name, h.Format)
		}
		if w, hh := h.Upright(); w != g.Upright.W || hh != g.Upright.H {
			t.Errorf("%s: upright size %d x %d, want %d x %d", g.Name, w, hh, g.Upright.W, g.Upright.H)
		}
		for n := range g.data { // no prefix may crash or hang
			if _, err := ReadHeader(g.data[:n]); err == nil && h.Format == "jpeg" && n < len(g.data)-2 {
				t.Errorf("%s: the first %d bytes pass for a whole file", g.Name, n)
			}
		}
	}
}
