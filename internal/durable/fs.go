// SPDX-License-Identifier: MIT

package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FS is what a durable protocol asks of a file system. Errors are those of
// package os. Names are durable only after SyncDir of their folder, contents only
// after Sync of their file.
type FS interface {
	// Open opens a file for reading.
	Open(path string) (File, error)
	// Create makes a new file for reading and writing; an existing one is an error,
	// because two writers of one temporary file would interleave.
	Create(path string, perm fs.FileMode) (File, error)
	// Append opens a file for writing at its end, and makes it where there is none.
	Append(path string, perm fs.FileMode) (File, error)
	// Lstat describes a name, and a link as a link.
	Lstat(path string) (fs.FileInfo, error)
	// Stat describes what a name leads to.
	Stat(path string) (fs.FileInfo, error)
	ReadDir(path string) ([]fs.DirEntry, error)
	Readlink(path string) (string, error)
	// Mkdir makes one folder whose parent exists.
	Mkdir(path string) error
	// Rename gives a file or folder a new name, replacing a file of that name.
	Rename(from, to string) error
	// Remove deletes a file, a link or an empty folder.
	Remove(path string) error
	Symlink(target, link string) error
	// SyncDir makes the names inside a folder durable.
	SyncDir(path string) error
}

// File is an open file of an FS.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Name() string
	Stat() (fs.FileInfo, error)
	Chmod(mode fs.FileMode) error
	// Sync flushes the content to the device.
	Sync() error
}

// Disk is the real file system.
var Disk FS = disk{}

type disk struct{}

// opened keeps a nil *os.File out of the interface.
func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (disk) Open(path string) (File, error) { return opened(os.Open(path)) }

func (disk) Create(path string, perm fs.FileMode) (File, error) {
	return opened(os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm))
}

func (disk) Append(path string, perm fs.FileMode) (File, error) {
	return opened(os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, perm))
}

func (disk) Lstat(path string) (fs.FileInfo, error)     { return os.Lstat(path) }
func (disk) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (disk) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (disk) Readlink(path string) (string, error)       { return os.Readlink(path) }
func (disk) Mkdir(path string) error                    { return os.Mkdir(path, 0o755) }
func (disk) Rename(from, to string) error               { return os.Rename(from, to) }
func (disk) Remove(path string) error                   { return os.Remove(path) }
func (disk) Symlink(target, link string) error          { return os.Symlink(target, link) }

func (disk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some network and FUSE file systems cannot sync a folder and say EINVAL or
	// ENOTSUP; there the rename is as durable as that file system makes it.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
