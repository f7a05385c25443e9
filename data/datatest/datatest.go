// SPDX-License-Identifier: MIT

// Package datatest draws small synthetic data sets for tests: images of smooth
// shapes with a little noise, in folders by class, tar shards and IDX files.
//
// Every picture is a pure function of its seed, so tests can compare runs.
package datatest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Draw paints a w×h picture: a colour gradient, an ellipse and fine noise.
func Draw(w, h int, seed uint64) *image.RGBA {
	rng := rand.New(rand.NewPCG(seed, 0x5ee2))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	var from, to, shape [3]float64
	for i := range 3 {
		from[i], to[i], shape[i] = 255*rng.Float64(), 255*rng.Float64(), 255*rng.Float64()
	}
	cx, cy := rng.Float64(), rng.Float64()
	rx, ry := .1+.3*rng.Float64(), .1+.3*rng.Float64()
	for y := range h {
		for x := range w {
			u, v := (float64(x)+.5)/float64(w), (float64(y)+.5)/float64(h)
			inside := math.Hypot((u-cx)/rx, (v-cy)/ry) < 1
			var p [3]uint8
			for i := range 3 {
				c := from[i] + (to[i]-from[i])*(u+v)/2
				if inside {
					c = shape[i]
				}
				p[i] = uint8(min(max(c+8*rng.NormFloat64(), 0), 255))
			}
			img.SetRGBA(x, y, color.RGBA{p[0], p[1], p[2], 255})
		}
	}
	return img
}

// JPEG returns a drawn picture as a JPEG file of quality 90.
func JPEG(w, h int, seed uint64) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, Draw(w, h, seed), &jpeg.Options{Quality: 90}); err != nil {
		panic(err) // only for sides beyond 65535
	}
	return b.Bytes()
}

// PNG returns a drawn picture as a PNG file.
func PNG(w, h int, seed uint64) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, Draw(w, h, seed)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Folder writes n JPEG files of different sizes around 64×48 into a temporary
// folder and returns it. With classes they go into one folder each in turn:
// image 0 is the first of the first class.
func Folder(t testing.TB, n int, classes ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		name := fmt.Sprintf("%05d.jpg", i)
		if len(classes) > 0 {
			name = filepath.Join(classes[i%len(classes)], name)
		}
		Write(t, filepath.Join(dir, name), JPEG(56+i%17, 44+i%11, uint64(i)))
	}
	return dir
}

// Write writes a file and the folders above it.
func Write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Member is one file of a tar archive.
type Member struct {
	Name string
	Body []byte
}

// Tar returns an archive of regular files in the given order.
func Tar(members ...Member) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		err := w.WriteHeader(&tar.Header{Name: m.Name, Mode: 0o644, Size: int64(len(m.Body)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(m.Body)
		}
		if err != nil {
			panic(err) // a name or size that tar cannot hold
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Shards writes shard-000.tar, shard-001.tar, … of perShard images each, every
// image followed by a .cls file with its number modulo classes, and returns the
// folder.
func Shards(t testing.TB, shards, perShard, classes int) string {
	t.Helper()
	dir := t.TempDir()
	for s := range shards {
		var members []Member
		for k := range perShard {
			i := s*perShard + k
			members = append(members,
				Member{fmt.Sprintf("%06d.jpg", i), JPEG(40, 32, uint64(i))},
				Member{fmt.Sprintf("%06d.cls", i), fmt.Append(nil, i%classes)})
		}
		Write(t, filepath.Join(dir, fmt.Sprintf("shard-%03d.tar", s)), Tar(members...))
	}
	return dir
}

// IDX returns an IDX file of bytes with the given shape.
func IDX(data []byte, dims ...int) []byte {
	out := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		out = binary.BigEndian.AppendUint32(out, uint32(d))
	}
	return append(out, data...)
}

// Gzip packs a file.
func Gzip(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// MNIST writes n drawn grey images of 28×28 and their labels (i modulo 10) as
// the data sets of that name have them, gzipped or not, and returns the path
// of the images.
func MNIST(t testing.TB, n int, zipped bool) string {
	t.Helper()
	var pix, labels []byte
	for i := range n {
		img := Draw(28, 28, uint64(i))
		for k := range 28 * 28 {
			pix = append(pix, img.Pix[4*k])
		}
		labels = append(labels, byte(i%10))
	}
	path := filepath.Join(t.TempDir(), "train-images-idx3-ubyte")
	labelPath := strings.Replace(path, "images-idx3", "labels-idx1", 1)
	images, classes := IDX(pix, n, 28, 28), IDX(labels, n)
	if zipped {
		path, labelPath = path+".gz", labelPath+".gz"
		images, classes = Gzip(images), Gzip(classes)
	}
	Write(t, path, images)
	Write(t, labelPath, classes)
	return path
}

// Pictures are the files of a hundred small drawn images, every seventh a PNG and
// the others JPEG, made once for all tests of a package. They are shared: clone
// what is to be changed.
var Pictures = sync.OnceValue(func() [][]byte {
	var out [][]byte
	for i := range 100 {
		if i%7 == 3 {
			out = append(out, PNG(30+i%5, 28, uint64(i)))
		} else {
			out = append(out, JPEG(40+i%9, 36, uint64(i)))
		}
	}
	return out
})
