// SPDX-License-Identifier: MIT

package jpeg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The C files are compiled once more with the sanitizers and run on whole,
// damaged and random input by testdata/sanitize.c.
func TestUnderSanitizers(t *testing.T) {
	sources, err := filepath.Glob("sj_*.c")
	if err != nil {
		t.Fatal(err)
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "gcc"
	}
	bin := filepath.Join(t.TempDir(), "sanitize")
	args := append([]string{"-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
		"-o", bin, "testdata/sanitize.c"}, sources...)
	if out, err := exec.Command(compiler, append(args, "-ljpeg", "-lm")...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", compiler, args, err, out)
	}
	files, err := filepath.Glob("testdata/images/*.jpg")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, append([]string{"8"}, files...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "portable") {
		t.Errorf("it ran no kernels:\n%s", out)
	}
}
