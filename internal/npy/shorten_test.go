// SPDX-License-Identifier: MIT

package npy_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/npy"
)

// A shortened file is the one that would have been written for the rows that there are.
func TestShorten(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, rows int64, shorten bool) []byte {
		path := filepath.Join(dir, name)
		w, err := npy.Create(path, rows, 2)
		require.NoError(t, err)
		require.NoError(t, w.Write([]float32{1, 2, 3, 4}))
		assert.EqualValues(t, 2, w.Rows())
		if shorten {
			require.NoError(t, w.Shorten())
			assert.Error(t, w.Write([]float32{5, 6}), "no row may follow")
		}
		require.NoError(t, w.Close())
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return data
	}
	want := write("exact.npy", 2, false)
	for _, rows := range []int64{2, 3, 1_000_000_000, math.MaxInt64} {
		assert.Equal(t, want, write("short.npy", rows, true), rows)
	}
}
