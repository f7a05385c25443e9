// SPDX-License-Identifier: MIT

package source

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCacheIsOneAProcess(t *testing.T) {
	dir := t.TempDir()
	a, err := Cache{Dir: dir, Bytes: 64 << 20}.open()
	require.NoError(t, err)
	b, err := Cache{Dir: dir + "/.", Bytes: 65 << 20}.open()
	require.NoError(t, err)
	require.Same(t, a, b)
	require.Zero(t, Cache{}.Stats())
	_, err = Cache{Dir: dir, Bytes: 1 << 60}.open()
	require.ErrorContains(t, err, "give at most")
	require.NoError(t, os.RemoveAll(dir))
	_, err = Cache{Dir: dir, Bytes: 65 << 20}.open()
	require.NoError(t, err, "a folder that goes away in mid-run is no error of the next source")
}
