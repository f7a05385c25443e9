// SPDX-License-Identifier: MIT

package formats_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The C files of GIF, WebP, AVIF and HEIC are compiled once more with the
// sanitizers and run by testdata/sanitize_web.c on the archives: as they are, and
// damaged for some seconds. More of them, by hand: the program takes seconds, seed
// and files.
func TestWebFormatsUnderSanitizers(t *testing.T) {
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "gcc"
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "sanitize")
	args := []string{"-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
		"-I../../third_party/images/include", "-L../../third_party/images/lib", "-Wl,-rpath,../../third_party/images/lib",
		"-o", bin, "testdata/sanitize_web.c", "fm_common.c", "fm_gif.c", "fm_webp.c", "fm_avif.c", "fm_yuv.c", "fm_dav1d.c", "fm_heif.c",
		"fm_de265.c", "-lwebpdemux", "-lwebp", "-lavif", "-lheif", "-lde265", "-ldl", "-lm"}
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", compiler, args, err, out)
	}
	for _, format := range []string{"gif", "webp", "avif", "heic"} {
		args := append([]string{"2", "1"}, unpacked(t, format, filepath.Join(dir, format))...)
		out, err := exec.Command(bin, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), " decoded") || strings.Contains(string(out), " 0 decoded") {
			t.Errorf("%s: %v\n%s", format, err, out)
		}
	}
}

// unpacked writes the small files of an archive and returns their names.
func unpacked(t *testing.T, format, dir string) []string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, data := range unzip(t, "testdata/"+format+".zip") {
		if strings.HasSuffix(name, ".rgb") || len(data) > 1<<14 {
			continue
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}
