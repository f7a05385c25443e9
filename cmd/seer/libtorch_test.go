// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLibraryPathPutsTheChosenLibtorchFirst(t *testing.T) {
	libtorch := t.TempDir()
	lib := filepath.Join(libtorch, "lib")
	require.NoError(t, os.Mkdir(lib, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(lib, "libtorch_cpu.so"), nil, 0o644))
	for name, c := range map[string]struct {
		libtorch, path, want string
		restart              bool
	}{
		"not asked for":            {"", "/a:/b", "/a:/b", false},
		"no path yet":              {libtorch, "", lib, true},
		"before others":            {libtorch, "/a:/b", lib + ":/a:/b", true},
		"restarted already":        {libtorch, lib + ":/a", lib + ":/a", false},
		"there, but another first": {libtorch, "/a:" + lib, lib + ":/a:" + lib, true},
		"trailing slash":           {libtorch + "/", lib, lib, false},
	} {
		t.Run(name, func(t *testing.T) {
			path, restart, err := libraryPathFor(c.libtorch, c.path)
			require.NoError(t, err)
			assert.Equal(t, c.want, path)
			assert.Equal(t, c.restart, restart)
		})
	}
}

func TestLibraryPathRejectsAFolderWithoutLibtorch(t *testing.T) {
	dir := t.TempDir()
	_, _, err := libraryPathFor(dir, "")
	assert.ErrorContains(t, err, dir)
	assert.ErrorContains(t, err, "unset it")
}
