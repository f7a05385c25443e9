// SPDX-License-Identifier: MIT

package npy_test

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/npy"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// numpyHeader is what numpy.save of NumPy 2.4.6 writes before a float32 array of
// shape (3, 2): numpy.save("x.npy", numpy.zeros((3, 2), "f4")).
const numpyHeader = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"

func TestBytesAreNumPys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	w, err := npy.Create(path, 3, 2)
	require.NoError(t, err)
	require.NoError(t, w.Write([]float32{1, 2}))
	require.NoError(t, w.Write(nil))
	require.NoError(t, w.Write([]float32{3, 4, 5, float32(math.Inf(-1))}))
	assert.NoFileExists(t, path, "it appears when it is complete")
	require.NoError(t, w.Close())
	require.NoError(t, w.Abort(), "nothing happens after Close")

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	want := numpyHeader + strings.Repeat(" ", 128-len(numpyHeader)-1) + "\n"
	require.Len(t, data, 128+24)
	assert.Equal(t, want, string(data[:128]))
	for i, v := range []float32{1, 2, 3, 4, 5, float32(math.Inf(-1))} {
		assert.Equal(t, math.Float32bits(v), binary.LittleEndian.Uint32(data[128+4*i:]))
	}
	assert.Equal(t, []string{"x.npy"}, names(t, filepath.Dir(path)))
}

func TestHeaderLengthFitsAnyShape(t *testing.T) {
	for _, width := range []int64{1, 440, 28280, math.MaxInt32} {
		path := filepath.Join(t.TempDir(), "x.npy")
		w, err := npy.Create(path, 0, width)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Zero(t, len(data)%64)
		assert.Equal(t, len(data)-10, int(binary.LittleEndian.Uint16(data[8:])))
		assert.Contains(t, string(data), fmt.Sprintf("'shape': (0, %d), }", width))
		assert.Equal(t, byte('\n'), data[len(data)-1])
	}
}

func TestMistakesLeaveNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	w, err := npy.Create(path, 2, 3)
	require.NoError(t, err)
	require.ErrorContains(t, w.Write(make([]float32, 4)), "4 values at row 0: whole rows of 3 are needed, 2 rows in all")
	require.NoError(t, w.Write(make([]float32, 3)))
	require.ErrorContains(t, w.Write(make([]float32, 6)), "6 values at row 1")
	require.ErrorContains(t, w.Close(), "1 rows were written, 2 are needed")
	require.ErrorIs(t, w.Close(), fs.ErrClosed)
	assert.Empty(t, names(t, filepath.Dir(path)))

	for _, shape := range [][2]int64{{-1, 2}, {1, 0}, {1, -5}, {1, math.MaxInt64}} {
		_, err = npy.Create(path, shape[0], shape[1])
		require.ErrorContains(t, err, path)
	}
	_, err = npy.Create(filepath.Join(t.TempDir(), "absent", "x.npy"), 1, 1)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What is not a file is never replaced.
func TestSpecialFilesAreRefused(t *testing.T) {
	_, err := npy.Create("/dev/null", 1, 1)
	require.ErrorContains(t, err, "a device")
	_, err = npy.Create(t.TempDir(), 1, 1)
	require.ErrorContains(t, err, "a folder")
}

func TestAbort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	w, err := npy.Create(path, 1, 1)
	require.NoError(t, err)
	require.NoError(t, w.Abort())
	require.NoError(t, w.Abort())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(data))
	assert.Equal(t, []string{"x.npy"}, names(t, filepath.Dir(path)))
}

func BenchmarkWrite(b *testing.B) {
	const width = 3024
	w, err := npy.Create(filepath.Join(b.TempDir(), "x.npy"), math.MaxInt32, width)
	require.NoError(b, err)
	defer func() { require.NoError(b, w.Abort()) }()
	rows := make([]float32, 16*width)
	b.SetBytes(4 * int64(len(rows)))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, w.Write(rows))
	}
}
