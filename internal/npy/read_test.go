// SPDX-License-Identifier: MIT

package npy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/internal/npy"
)

func TestFilesReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	const rows, width = 3000, 700 // more than a chunk
	w, err := npy.Create(path, rows, width)
	require.NoError(t, err)
	var want []float32
	for i := range rows * width {
		want = append(want, float32(i)/3)
	}
	require.NoError(t, w.Write(want))
	require.NoError(t, w.Close())
	f, err := npy.Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.EqualValues(t, rows, f.Rows)
	require.EqualValues(t, width, f.Width)
	var got []float32
	require.NoError(t, f.Each(func(values []float32) error { got = append(got, values...); return nil }))
	require.Equal(t, want, got)
}

// Files of other kinds, and damaged ones, are refused by their name.
func TestFilesThatAreNoMatrix(t *testing.T) {
	header := func(dict string) string {
		return "\x93NUMPY\x01\x00" + string([]byte{byte(len(dict) + 1), 0}) + dict + "\n"
	}
	for content, want := range map[string]string{
		"":      "no .npy file",
		"hello": "no .npy file",
		header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }") + strings.Repeat("x", 16): "a matrix of float32 in C order is needed",
		header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }") + strings.Repeat("x", 16):  "a matrix of float32 in C order is needed",
		header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }") + strings.Repeat("x", 16):   "a matrix of float32 in C order is needed",
		header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }") + strings.Repeat("x", 12): "it is cut off",
		header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }"):                           "it is cut off",
		"\x93NUMPY\x01\x00\xff\x00{'descr'": "its header is cut off",
		"\x93NUMPY\x02\x00\xff\xff\xff\x7f": "its header has 2147483647 bytes",
	} {
		path := filepath.Join(t.TempDir(), "x.npy")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		_, err := npy.Open(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("\x93NUMPY\x01\x00\x3c\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }\nxxxx"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := npy.Open(path)
		if err != nil {
			return
		}
		defer file.Close()
		n := int64(0)
		if err := file.Each(func(values []float32) error { n += int64(len(values)); return nil }); err != nil || n != file.Rows*file.Width {
			t.Fatal(n, err)
		}
	})
}
