// SPDX-License-Identifier: MIT

package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// bufferBytes batches the many small tensors of a network into large writes;
// a tensor above this size passes through without a copy.
const bufferBytes = 1 << 20

// tempMark is part of every temporary name, see [IsTemp].
const tempMark = ".tmp-"

var tempCount atomic.Uint64

// tempName is a name beside path that no other writer uses: rename is atomic
// only inside one file system, so the temporary file cannot live in /tmp.
func tempName(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, "."+base+tempMark+strconv.Itoa(os.Getpid())+"-"+strconv.FormatUint(tempCount.Add(1), 10))
}

// IsTemp reports whether a file name is one of this package's temporary names,
// left behind by a process that was killed.
func IsTemp(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, tempMark)
}

// WriteFile replaces path with what write produces. When anything fails,
// a full disk included, the old file stays as it was and the temporary one is
// removed. A symbolic link is followed; a device or folder is refused.
func (f *FS) WriteFile(path string, write func(io.Writer) error) (err error) {
	path, err = regularTarget(path)
	if err != nil {
		return err
	}
	temp := tempName(path)
	defer func() {
		if err != nil {
			err = errors.Join(err, removeTemp(temp))
		}
	}()
	if err := f.WriteNew(temp, write); err != nil {
		return err
	}
	if err := f.Rename(temp, path); err != nil {
		return err
	}
	return f.SyncDir(filepath.Dir(path))
}

// WriteNew writes and fsyncs a file that does not exist yet. Its name is not
// durable before the folder is synced too.
func (f *FS) WriteNew(path string, write func(io.Writer) error) (err error) {
	file, err := f.Create(path)
	if err != nil {
		return err
	}
	// Close tells about delayed write errors on network file systems.
	defer func() { err = errors.Join(err, file.Close()) }()
	buffer := bufio.NewWriterSize(file, bufferBytes)
	if err := write(buffer); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

// regularTarget follows links to the file that would be replaced, so that a
// linked output stays a link, and refuses what is not a file: renaming over
// /dev/null would replace the device.
func regularTarget(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file (%s): name a file to write", path, info.Mode().Type())
	}
	return real, nil
}

func removeTemp(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
