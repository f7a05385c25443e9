// SPDX-License-Identifier: MIT

package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Op names one kind of operation on the file system.
type Op string

// The operations that [FS.Before] sees.
const (
	OpMkdir   Op = "mkdir"
	OpCreate  Op = "create"
	OpWrite   Op = "write"
	OpSync    Op = "sync"
	OpRename  Op = "rename"
	OpSyncDir Op = "syncdir"
	OpRemove  Op = "remove"
	OpSymlink Op = "symlink"
)

// FS performs the operations of a durable protocol on the real file system. A
// nil *FS is ready for use.
type FS struct {
	// Before is called ahead of every operation with the path that it changes, and
	// for a rename with the path it comes from; an error makes the operation fail
	// with that error and without effect.
	Before func(op Op, path, from string) error
}

func (f *FS) before(op Op, path, from string) error {
	if f == nil || f.Before == nil {
		return nil
	}
	if err := f.Before(op, path, from); err != nil {
		return &fs.PathError{Op: string(op), Path: path, Err: err}
	}
	return nil
}

// File is a file being written; its writes and syncs go through the FS.
type File struct {
	fs *FS
	f  *os.File
}

// Create makes a new file for writing; an existing one is an error, because two
// writers of one temporary file would interleave.
func (f *FS) Create(path string) (*File, error) {
	if err := f.before(OpCreate, path, ""); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &File{fs: f, f: file}, nil
}

// Write implements io.Writer.
func (w *File) Write(p []byte) (int, error) {
	if err := w.fs.before(OpWrite, w.f.Name(), ""); err != nil {
		return 0, err
	}
	return w.f.Write(p)
}

// Sync flushes the content to the device.
func (w *File) Sync() error {
	if err := w.fs.before(OpSync, w.f.Name(), ""); err != nil {
		return err
	}
	return w.f.Sync()
}

// Close closes the file without syncing it.
func (w *File) Close() error { return w.f.Close() }

// Mkdir makes one folder whose parent exists.
func (f *FS) Mkdir(path string) error {
	if err := f.before(OpMkdir, path, ""); err != nil {
		return err
	}
	return os.Mkdir(path, 0o755)
}

// Rename gives a file or folder a new name, replacing a file of that name.
func (f *FS) Rename(from, to string) error {
	if err := f.before(OpRename, to, from); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// RemoveAll deletes a file or a folder with all it holds.
func (f *FS) RemoveAll(path string) error {
	if err := f.before(OpRemove, path, ""); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// SyncDir makes the names inside a folder durable.
func (f *FS) SyncDir(path string) error {
	if err := f.before(OpSyncDir, path, ""); err != nil {
		return err
	}
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

// ReplaceSymlink makes link point to target, atomically over an older link.
func (f *FS) ReplaceSymlink(target, link string) error {
	if err := f.before(OpSymlink, link, ""); err != nil {
		return err
	}
	temp := tempName(link)
	if err := os.Symlink(target, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, link); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return f.SyncDir(filepath.Dir(link))
}
