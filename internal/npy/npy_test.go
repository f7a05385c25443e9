// SPDX-License-Identifier: MIT

package npy_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/npy"
)

func write(t *testing.T, path string, width int64, pieces ...[]float32) {
	t.Helper()
	w, err := npy.Create(path, width)
	require.NoError(t, err)
	for _, p := range pieces {
		require.NoError(t, w.Append(p))
	}
	require.NoError(t, w.Close())
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// The bytes are those of numpy.save(numpy.array([[1, 2, 3], [4, 5, 6]], dtype="<f4")): magic, version, a dictionary
// that ends in a line feed at a multiple of 64, then the values.
func TestFileFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	write(t, path, 3, []float32{1, 2, 3}, nil, []float32{4, 5, 6})
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, got, 128+24)
	assert.Equal(t, []byte("\x93NUMPY\x01\x00"), got[:8])
	assert.EqualValues(t, 118, binary.LittleEndian.Uint16(got[8:]))
	dict := "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
	assert.Equal(t, dict, string(bytes.TrimRight(got[10:128], " \n")))
	assert.EqualValues(t, '\n', got[127])
	values := make([]float32, 6)
	require.NoError(t, binary.Read(bytes.NewReader(got[128:]), binary.LittleEndian, values))
	assert.Equal(t, []float32{1, 2, 3, 4, 5, 6}, values)
}

func TestReplacesOnlyWhenComplete(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npy")
	write(t, path, 1, []float32{1})
	old, err := os.ReadFile(path)
	require.NoError(t, err)

	w, err := npy.Create(path, 2)
	require.NoError(t, err)
	require.NoError(t, w.Append([]float32{1, 2, 3, 4}))
	assert.EqualValues(t, 2, w.Rows())
	require.NoError(t, w.Abort())
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, old, got)
	assert.Equal(t, []string{"a.npy"}, names(t, dir))

	write(t, path, 2, []float32{1, 2})
	assert.Equal(t, []string{"a.npy"}, names(t, dir))
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := npy.Create(filepath.Join(dir, "x"), 0)
	assert.ErrorContains(t, err, "width 0")
	_, err = npy.Create(dir, 3)
	assert.ErrorContains(t, err, "not a regular file")
	_, err = npy.Create(filepath.Join(dir, "absent", "x"), 3)
	assert.ErrorIs(t, err, os.ErrNotExist)
	w, err := npy.Create(filepath.Join(dir, "x"), 3)
	require.NoError(t, err)
	assert.ErrorContains(t, w.Append([]float32{1, 2}), "2 values are no whole rows of 3")
	require.NoError(t, w.Abort())
}
