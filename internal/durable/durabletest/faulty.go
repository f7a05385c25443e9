// SPDX-License-Identifier: MIT

package durabletest

import (
	"io/fs"

	"seer/internal/durable"
)

// Op names one kind of operation on a file system.
type Op string

// The operations that [Faulty.Before] sees.
const (
	OpOpen    Op = "open"
	OpRead    Op = "read"
	OpStat    Op = "stat"
	OpReadDir Op = "readdir"
	OpMkdir   Op = "mkdir"
	OpCreate  Op = "create"
	OpAppend  Op = "append"
	OpWrite   Op = "write"
	OpChmod   Op = "chmod"
	OpSync    Op = "sync"
	OpClose   Op = "close"
	OpRename  Op = "rename"
	OpSyncDir Op = "syncdir"
	OpRemove  Op = "remove"
	OpSymlink Op = "symlink"
)

// Reads reports whether an operation changes nothing.
func (op Op) Reads() bool {
	return op == OpOpen || op == OpRead || op == OpStat || op == OpReadDir || op == OpClose
}

// Faulty is a file system that asks before every operation.
type Faulty struct {
	durable.FS
	// Before is called ahead of every operation with the path that it is about; an
	// error makes the operation fail with that error and without effect, but for a
	// write, of which half is done.
	Before func(op Op, path string) error
}

func (f *Faulty) before(op Op, path string) error {
	if err := f.Before(op, path); err != nil {
		return &fs.PathError{Op: string(op), Path: path, Err: err}
	}
	return nil
}

func (f *Faulty) file(op Op, path string, open func() (durable.File, error)) (durable.File, error) {
	if err := f.before(op, path); err != nil {
		return nil, err
	}
	file, err := open()
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

// Open implements durable.FS.
func (f *Faulty) Open(path string) (durable.File, error) {
	return f.file(OpOpen, path, func() (durable.File, error) { return f.FS.Open(path) })
}

// Create implements durable.FS.
func (f *Faulty) Create(path string, perm fs.FileMode) (durable.File, error) {
	return f.file(OpCreate, path, func() (durable.File, error) { return f.FS.Create(path, perm) })
}

// Append implements durable.FS.
func (f *Faulty) Append(path string, perm fs.FileMode) (durable.File, error) {
	return f.file(OpAppend, path, func() (durable.File, error) { return f.FS.Append(path, perm) })
}

// Lstat implements durable.FS.
func (f *Faulty) Lstat(path string) (fs.FileInfo, error) {
	if err := f.before(OpStat, path); err != nil {
		return nil, err
	}
	return f.FS.Lstat(path)
}

// Stat implements durable.FS.
func (f *Faulty) Stat(path string) (fs.FileInfo, error) {
	if err := f.before(OpStat, path); err != nil {
		return nil, err
	}
	return f.FS.Stat(path)
}

// ReadDir implements durable.FS.
func (f *Faulty) ReadDir(path string) ([]fs.DirEntry, error) {
	if err := f.before(OpReadDir, path); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(path)
}

// Mkdir implements durable.FS.
func (f *Faulty) Mkdir(path string) error {
	if err := f.before(OpMkdir, path); err != nil {
		return err
	}
	return f.FS.Mkdir(path)
}

// Rename implements durable.FS.
func (f *Faulty) Rename(from, to string) error {
	if err := f.before(OpRename, to); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

// Remove implements durable.FS.
func (f *Faulty) Remove(path string) error {
	if err := f.before(OpRemove, path); err != nil {
		return err
	}
	return f.FS.Remove(path)
}

// Symlink implements durable.FS.
func (f *Faulty) Symlink(target, link string) error {
	if err := f.before(OpSymlink, link); err != nil {
		return err
	}
	return f.FS.Symlink(target, link)
}

// SyncDir implements durable.FS.
func (f *Faulty) SyncDir(path string) error {
	if err := f.before(OpSyncDir, path); err != nil {
		return err
	}
	return f.FS.SyncDir(path)
}

type faultyFile struct {
	durable.File
	fs *Faulty
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.fs.before(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultyFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.fs.before(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, at)
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.before(OpWrite, f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.fs.before(OpWrite, f.Name()); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, at)
}

func (f *faultyFile) Chmod(mode fs.FileMode) error {
	if err := f.fs.before(OpChmod, f.Name()); err != nil {
		return err
	}
	return f.File.Chmod(mode)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.before(OpSync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Close() error {
	err := f.fs.before(OpClose, f.Name())
	if e := f.File.Close(); err == nil {
		err = e
	}
	return err
}
