// SPDX-License-Identifier: MIT

package formats_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seer/data/formats"
	"seer/data/jpeg"
)

// verdict is what Pillow made of a file; tools/golden/make_formats.py writes it.
type verdict struct {
	picture
	Upright   *picture // where exif_transpose differs
	Refused   string   // Pillow's message
	Reason    formats.Reason
	Tolerance int // of a lossy format, whose pixels are in NAME.rgb
}

type picture struct {
	W, H   int
	SHA256 string
}

// archive holds the files of one format.
type archive struct {
	name  string
	files map[string][]byte
	want  map[string]verdict
}

func archives(t testing.TB) []archive {
	t.Helper()
	names, err := filepath.Glob("testdata/*.zip")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives in testdata (%v)", err)
	}
	var all []archive
	for _, name := range names {
		a := archive{name: strings.TrimSuffix(filepath.Base(name), ".zip"), files: unzip(t, name)}
		text, err := os.ReadFile(strings.TrimSuffix(name, ".zip") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &a.want); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

func unzip(t testing.TB, name string) map[string][]byte {
	t.Helper()
	r, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string][]byte{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		in.Close()
	}
	return files
}

// Every file of the archives decodes to Pillow's pixels, or is refused where
// Pillow refuses it, in both ways through a decoder: as stored and upright.
func TestDecodesAsPillow(t *testing.T) {
	plain, turned := jpeg.NewDecoder(jpeg.DecodeOptions{}), jpeg.NewDecoder(jpeg.DecodeOptions{Orient: true})
	defer plain.Close()
	defer turned.Close()
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			for name, want := range a.want {
				data, ok := a.files[name]
				if !ok {
					t.Errorf("%s: not in the archive", name)
					continue
				}
				img, err := plain.Decode(data)
				if want.Refused != "" {
					checkRefusal(t, name, want, err)
					continue
				}
				checkPixels(t, name, want.picture, want.Tolerance, a.files[name+".rgb"], img, err)
				upright := want.picture
				if want.Upright != nil {
					upright = *want.Upright
				}
				img, err = turned.Decode(data)
				checkPixels(t, name+", upright", upright, want.Tolerance, nil, img, err)
			}
		})
	}
}

func checkRefusal(t *testing.T, name string, want verdict, err error) {
	t.Helper()
	got := formats.ReasonOf(err)
	if err == nil || got == "" || want.Reason != "" && got != want.Reason {
		t.Errorf("%s: error %v (%q); want it refused (%q), Pillow says %q", name, err, got, want.Reason, want.Refused)
	}
}

// checkPixels compares digests; with a tolerance, and where the pixels are at
// hand, the pixels.
func checkPixels(t *testing.T, name string, want picture, tolerance int, pixels []byte, img *formats.Image, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v; Pillow reads it", name, err)
		return
	}
	if img.W != want.W || img.H != want.H || img.Channels != 3 || len(img.Pix) != 3*img.W*img.H {
		t.Errorf("%s: %d x %d x %d with %d bytes; want %d x %d x 3", name, img.W, img.H, img.Channels, len(img.Pix), want.W, want.H)
		return
	}
	if tolerance == 0 {
		if sum := sha256.Sum256(img.Pix); hex.EncodeToString(sum[:]) != want.SHA256 {
			t.Errorf("%s: other pixels than Pillow's", name)
		}
		return
	}
	for i := range pixels {
		if d := int(pixels[i]) - int(img.Pix[i]); d > tolerance || d < -tolerance {
			t.Errorf("%s: byte %d is %d; Pillow's is %d, the tolerance %d", name, i, img.Pix[i], pixels[i], tolerance)
			return
		}
	}
}
