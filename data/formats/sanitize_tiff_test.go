// SPDX-License-Identifier: MIT

package formats_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The C files of TIFF are compiled once more with the sanitizers and run by
// testdata/sanitize_tiff.c on a part of the archive.
func TestTIFFUnderSanitizers(t *testing.T) {
	sources, err := filepath.Glob("fm_tiff*.c")
	if err != nil {
		t.Fatal(err)
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "gcc"
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "sanitize")
	args := append([]string{"-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
		"-I../../third_party/images/include", "-L../../third_party/images/lib", "-o", bin, "testdata/sanitize_tiff.c", "fm_common.c"}, sources...)
	args = append(args, "-Wl,--as-needed", "-ltiff", "-lwebp", "-lzstd", "-llzma", "-lLerc", "-ljbig", "-ljpeg", "-ldeflate", "-lz", "-lstdc++", "-lpthread", "-lm")
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", compiler, args, err, out)
	}
	var files []string
	for i, data := range tiffArchive(t).sorted() {
		if i%5 == 0 {
			name := filepath.Join(dir, strconv.Itoa(i))
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
	}
	out, err := exec.Command(bin, files...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n, _ := strconv.Atoi(strings.TrimSpace(string(out))); n < 1000 {
		t.Errorf("it ran only %q combinations", out)
	}
}
