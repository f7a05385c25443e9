// SPDX-License-Identifier: MIT

package durable_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/durable"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := make([]string, 0, len(list))
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteFileReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weights")
	var fs *durable.FS
	for _, want := range []string{"first", "second, longer", ""} {
		require.NoError(t, fs.WriteFile(path, text(want)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	assert.Equal(t, []string{"weights"}, entries(t, filepath.Dir(path)))
}

// A failure of any single operation, as a full disk or a failing device gives
// it, must leave the old file and nothing beside it.
func TestWriteFileKeepsOldContentOnError(t *testing.T) {
	for _, op := range []durable.Op{durable.OpCreate, durable.OpWrite, durable.OpSync, durable.OpRename} {
		t.Run(string(op), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "weights")
			require.NoError(t, (*durable.FS)(nil).WriteFile(path, text("old")))

			full := &durable.FS{Before: func(o durable.Op, _, _ string) error {
				if o == op {
					return syscall.ENOSPC
				}
				return nil
			}}
			err := full.WriteFile(path, text("new"))
			require.ErrorIs(t, err, syscall.ENOSPC)
			assert.Contains(t, err.Error(), dir, "the message must name the file")

			got, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			assert.Equal(t, "old", string(got))
			assert.Equal(t, []string{"weights"}, entries(t, dir))
		})
	}
}

func TestWriteFilePassesWriterError(t *testing.T) {
	dir := t.TempDir()
	bad := errors.New("no such tensor")
	err := (*durable.FS)(nil).WriteFile(filepath.Join(dir, "x"), func(io.Writer) error { return bad })
	require.ErrorIs(t, err, bad)
	assert.Empty(t, entries(t, dir))
}

// The content must be on the device before its name is, and the name before
// WriteFile returns.
func TestWriteFileOrder(t *testing.T) {
	dir := t.TempDir()
	var ops []string
	fs := &durable.FS{Before: func(op durable.Op, _, _ string) error {
		ops = append(ops, string(op))
		return nil
	}}
	require.NoError(t, fs.WriteFile(filepath.Join(dir, "x"), text("abc")))
	assert.Equal(t, "create write sync rename syncdir", strings.Join(ops, " "))
}

func TestWriteFileTargets(t *testing.T) {
	dir := t.TempDir()
	var fs *durable.FS
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, fs.WriteFile(target, text("old")))
	require.NoError(t, os.Symlink("target", link))

	require.NoError(t, fs.WriteFile(link, text("new")))
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got), "a link is followed")
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink, "the link stays a link")

	require.ErrorContains(t, fs.WriteFile(dir, text("x")), "not a regular file")
	require.ErrorContains(t, fs.WriteFile("/dev/null", text("x")), "not a regular file")
	require.Error(t, fs.WriteFile(filepath.Join(dir, "absent", "x"), text("x")))
}

func TestReplaceSymlink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "latest")
	var fs *durable.FS
	for i := range 3 {
		want := fmt.Sprintf("step-%d", i)
		require.NoError(t, fs.ReplaceSymlink(want, link))
		got, err := os.Readlink(link)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	assert.Equal(t, []string{"latest"}, entries(t, dir))

	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	require.Error(t, fs.ReplaceSymlink("x", filepath.Join(dir, "folder")), "a folder is not replaced")
	assert.Equal(t, []string{"folder", "latest"}, entries(t, dir))
}

func TestFolderOperations(t *testing.T) {
	dir := t.TempDir()
	var fs *durable.FS
	sub := filepath.Join(dir, "sub")
	require.NoError(t, fs.Mkdir(sub))
	require.Error(t, fs.Mkdir(sub), "an existing folder is an error")
	require.NoError(t, fs.WriteNew(filepath.Join(sub, "a"), text("a")))
	require.Error(t, fs.WriteNew(filepath.Join(sub, "a"), text("b")), "an existing file is an error")
	require.NoError(t, fs.SyncDir(sub))
	require.NoError(t, fs.Rename(sub, filepath.Join(dir, "moved")))
	require.NoError(t, fs.RemoveAll(filepath.Join(dir, "moved")))
	assert.Empty(t, entries(t, dir))
	require.Error(t, fs.SyncDir(sub))
}

func TestIsTemp(t *testing.T) {
	for name, want := range map[string]bool{
		".model.safetensors.tmp-12-1": true,
		"model.safetensors":           false,
		".hidden":                     false,
		"a.tmp-1":                     false,
	} {
		assert.Equal(t, want, durable.IsTemp(name), name)
	}
}
