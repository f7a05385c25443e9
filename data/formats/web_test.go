// SPDX-License-Identifier: MIT

package formats_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"seer/data/formats"
)

// decodeFile returns what tells pixels apart, or the error.
func decodeFile(data []byte) string {
	h, err := formats.ReadHeader(data)
	if err != nil {
		return err.Error()
	}
	img, err := formats.Decode(data, h, formats.Limits{})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(img.W, img.H, img.Channels, h.Orientation, sha256.Sum256(img.Pix))
}

// Bounds of the libraries' decoders belong to the thread that decodes: files that
// are decoded side by side do not see each other's.
func TestWebFormatsSideBySide(t *testing.T) {
	files, want := map[string][]byte{}, map[string]string{}
	for _, format := range []string{"gif", "webp", "avif", "heic"} {
		for name, data := range unzip(t, "testdata/"+format+".zip") {
			if !strings.HasSuffix(name, ".rgb") && len(data) < 1<<14 {
				files[name], want[name] = data, decodeFile(data)
			}
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for name, data := range files {
				if got := decodeFile(data); got != want[name] {
					t.Errorf("%s: it came out differently", name)
				}
			}
		})
	}
	wg.Wait()
}

// dav1d writes about damaged files on standard error unless it is told not to,
// and libavif offers no way to.
func TestDamagedAVIFIsReportedOnlyByItsError(t *testing.T) {
	const key = "SEER_TEST_DECODES_DAMAGED_AVIF"
	if os.Getenv(key) != "" {
		data := unzip(t, "testdata/avif.zip")["pillow-420-full.avif"]
		for at := range data {
			damaged := bytes.Clone(data)
			damaged[at] ^= 0xff
			decodeFile(damaged)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), key+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() != 0 {
		t.Errorf("%v, and on standard error:\n%s", err, stderr.String())
	}
}

// A file of boxes is known by its brands; of others the message names them.
func TestBoxesAreKnownByTheirBrands(t *testing.T) {
	file := func(major string, compatible ...string) []byte {
		body := major + "\x00\x00\x00\x00" + strings.Join(compatible, "")
		return append([]byte{0, 0, 0, byte(8 + len(body))}, "ftyp"+body+"\x00\x00\x00\x08free"...)
	}
	for _, test := range []struct {
		data []byte
		want string
	}{
		{file("avif", "mif1"), "avif"}, {file("avis", "msf1"), "avif"}, {file("mif1", "miaf", "avif"), "avif"},
		{file("heic", "mif1"), "heic"}, {file("heix", "mif1"), "heic"}, {file("mif1", "heic"), "heic"}, {file("msf1", "hevc"), "heic"},
		{file("mif1", "miaf"), ""}, {file("mp42", "isom", "avif"), ""}, {file("crx ", "isom"), ""}, {file("mif1"), ""},
		{file("heic")[:11], ""}, {file("mif1", "avif")[:12], ""},
	} {
		if got := formats.Sniff(test.data); got != test.want {
			t.Errorf("%q is %q; want %q", test.data, got, test.want)
		}
	}
	_, err := formats.ReadHeader(file("crx ", "isom"))
	if formats.ReasonOf(err) != formats.Unsupported || !strings.Contains(err.Error(), "crx  isom") {
		t.Errorf("a camera's raw file: %v; want it unsupported, with its brands", err)
	}
}

func FuzzGIF(f *testing.F) {
	addFiles(f, "gif")
	f.Fuzz(tryDecode)
}

func FuzzWebP(f *testing.F) {
	addFiles(f, "webp")
	f.Fuzz(tryDecode)
}

func FuzzAVIF(f *testing.F) {
	addFiles(f, "avif")
	f.Fuzz(tryDecode)
}

func FuzzHEIC(f *testing.F) {
	addFiles(f, "heic")
	f.Fuzz(tryDecode)
}
