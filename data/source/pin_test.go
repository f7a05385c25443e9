// SPDX-License-Identifier: MIT

package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// A list on a file system that has no second names is copied.
func TestPinnedCopiesAreWhole(t *testing.T) {
	idx := filepath.Join(t.TempDir(), "x.seeridx")
	_, err := BuildIndex(t.Context(), Location{Path: datatest.Folder(t, 5)}, idx, IndexOptions{})
	require.NoError(t, err)
	var copied strings.Builder
	require.NoError(t, copyFile(&copied, idx))
	content, err := os.ReadFile(idx)
	require.NoError(t, err)
	require.Equal(t, string(content), copied.String())
}
