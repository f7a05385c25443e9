// SPDX-License-Identifier: MIT

package durable_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/durable"
	"seer/internal/durable/durabletest"
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
	for _, want := range []string{"first", "second, longer", ""} {
		require.NoError(t, durable.WriteFile(path, text(want)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	assert.Equal(t, []string{"weights"}, entries(t, filepath.Dir(path)))
}

// A failure of any single operation, as a full disk or a failing device gives
// it, must leave the old file and nothing beside it.
func TestWriteFileKeepsOldContentOnError(t *testing.T) {
	for _, op := range []durabletest.Op{
		durabletest.OpStat, durabletest.OpCreate, durabletest.OpWrite, durabletest.OpSync, durabletest.OpClose, durabletest.OpRename,
	} {
		t.Run(string(op), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "weights")
			require.NoError(t, durable.WriteFile(path, text("old")))

			full := &durabletest.Faulty{FS: durable.Disk, Before: func(o durabletest.Op, _ string) error {
				if o == op {
					return syscall.ENOSPC
				}
				return nil
			}}
			err := durable.WriteFileOn(full, path, 0, text("new"))
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
	err := durable.WriteFile(filepath.Join(dir, "x"), func(io.Writer) error { return bad })
	require.ErrorIs(t, err, bad)
	assert.Empty(t, entries(t, dir))
}

// The content must be on the device before its name is, and the name before
// WriteFile returns.
func TestWriteFileOrder(t *testing.T) {
	dir := t.TempDir()
	var ops []string
	traced := &durabletest.Faulty{FS: durable.Disk, Before: func(op durabletest.Op, _ string) error {
		if !op.Reads() {
			ops = append(ops, string(op))
		}
		return nil
	}}
	require.NoError(t, durable.WriteFileOn(traced, filepath.Join(dir, "x"), 0, text("abc")))
	assert.Equal(t, "create write sync rename syncdir", strings.Join(ops, " "))
}

// After a power cut at any instant the file has the old content or the new one,
// and the new one if WriteFile had returned.
func TestWriteFileSurvivesPowerCuts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for at := 0; ; at++ {
		memory := durabletest.NewMemory()
		require.NoError(t, durable.WriteFileOn(memory, "/weights", 0, text("old")))
		count := 0
		dying := &durabletest.Faulty{FS: memory, Before: func(durabletest.Op, string) error {
			if count++; count > at {
				return syscall.EIO
			}
			return nil
		}}
		err := durable.WriteFileOn(dying, "/weights", 0, text("new, and longer"))
		for range 20 {
			after := memory.Crash(random, random.Float64())
			got := content(t, after, "/weights")
			if err == nil {
				require.Equal(t, "new, and longer", got)
			}
			require.Contains(t, []string{"old", "new, and longer"}, got, "power cut before operation %d", at)
		}
		if err == nil {
			require.Greater(t, at, 5)
			return
		}
	}
}

func content(t *testing.T, disk durable.FS, path string) string {
	t.Helper()
	f, err := disk.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(data)
}

func TestWriteFileKeepsPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	for _, mode := range []os.FileMode{0o600, 0o664, 0o777} {
		require.NoError(t, durable.WriteFile(path, text("x")))
		require.NoError(t, os.Chmod(path, mode))
		require.NoError(t, durable.WriteFile(path, text("y")))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm())
	}
	require.NoError(t, durable.WriteFileOn(durable.Disk, path, 0o600, text("secret")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "bits that were asked for")
}

// A writer that streams and goes back, as for a header whose sums come last.
func TestPending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	p, err := durable.Create(path)
	require.NoError(t, err)
	_, err = io.WriteString(p, "????body")
	require.NoError(t, err)
	_, err = p.WriteAt([]byte("head"), 0)
	require.NoError(t, err)
	require.NoError(t, p.Finish())
	assert.NoFileExists(t, path, "it has its name when it is complete")
	require.NoError(t, p.Commit())
	require.NoError(t, p.Abort(), "nothing happens after Commit")
	require.Error(t, p.Commit())
	assert.Equal(t, "headbody", content(t, durable.Disk, path))

	p, err = durable.Create(path)
	require.NoError(t, err)
	require.NoError(t, p.Abort())
	assert.Equal(t, "headbody", content(t, durable.Disk, path))
	assert.Equal(t, []string{"x"}, entries(t, filepath.Dir(path)))
}

func TestWriteFileTargets(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, durable.WriteFile(target, text("old")))
	require.NoError(t, os.Symlink("target", link))

	require.NoError(t, durable.WriteFile(link, text("new")))
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got), "a link is followed")
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink, "the link stays a link")

	require.ErrorContains(t, durable.WriteFile(dir, text("x")), "not a regular file")
	require.ErrorContains(t, durable.WriteFile("/dev/null", text("x")), "not a regular file but a device")
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o644))
	require.ErrorContains(t, durable.WriteFile(fifo, text("x")), "not a regular file but a FIFO")
	circle := filepath.Join(dir, "circle")
	require.NoError(t, os.Symlink("circle", circle))
	require.ErrorContains(t, durable.WriteFile(circle, text("x")), "circle")

	require.NoError(t, os.Symlink("later", filepath.Join(dir, "dangling")))
	require.NoError(t, durable.WriteFile(filepath.Join(dir, "dangling"), text("here")))
	assert.Equal(t, "here", content(t, durable.Disk, filepath.Join(dir, "later")), "a link to a name that is free")
	require.Error(t, durable.WriteFile(filepath.Join(dir, "absent", "x"), text("x")))
}

func TestReplaceSymlink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "latest")
	for i := range 3 {
		want := fmt.Sprintf("step-%d", i)
		require.NoError(t, durable.ReplaceSymlink(durable.Disk, want, link))
		got, err := os.Readlink(link)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	assert.Equal(t, []string{"latest"}, entries(t, dir))

	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	require.Error(t, durable.ReplaceSymlink(durable.Disk, "x", filepath.Join(dir, "folder")), "a folder is not replaced")
	assert.Equal(t, []string{"folder", "latest"}, entries(t, dir))
}

func TestFolderOperations(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	require.NoError(t, durable.Disk.Mkdir(sub))
	require.Error(t, durable.Disk.Mkdir(sub), "an existing folder is an error")
	require.NoError(t, durable.WriteNew(durable.Disk, filepath.Join(sub, "a"), 0, text("a")))
	require.Error(t, durable.WriteNew(durable.Disk, filepath.Join(sub, "a"), 0, text("b")), "an existing file is an error")
	require.NoError(t, durable.Disk.SyncDir(sub))
	require.NoError(t, durable.Disk.Rename(sub, filepath.Join(dir, "moved")))
	require.NoError(t, durable.RemoveAll(durable.Disk, filepath.Join(dir, "moved")))
	assert.Empty(t, entries(t, dir))
	require.Error(t, durable.Disk.SyncDir(sub))

	deep := filepath.Join(dir, "a", "b", "c")
	made, err := durable.MkdirAll(durable.Disk, deep)
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "a"), filepath.Join(dir, "a", "b"), deep}, made)
	made, err = durable.MkdirAll(durable.Disk, deep)
	require.NoError(t, err)
	assert.Empty(t, made)
	require.NoError(t, durable.RemoveAll(durable.Disk, filepath.Join(dir, "a")))
	require.NoError(t, durable.RemoveAll(durable.Disk, deep), "nothing there is fine")
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
