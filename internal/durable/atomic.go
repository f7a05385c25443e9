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

// defaultPerm of a new file, less what the umask takes.
const defaultPerm fs.FileMode = 0o644

// tempMark is part of every temporary name, see [IsTemp].
const tempMark = ".tmp-"

var tempCount atomic.Uint64

// TempName is a name beside path that no other writer uses: rename is atomic
// only inside one file system, so a temporary file cannot live in /tmp.
func TempName(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, "."+base+tempMark+strconv.Itoa(os.Getpid())+"-"+strconv.FormatUint(tempCount.Add(1), 10))
}

// IsTemp reports whether a file name is one of this package's temporary names,
// left behind by a process that was killed.
func IsTemp(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, tempMark)
}

// Pending is a file that is being written beside its name and takes it, in the
// place of an older file, when [Pending.Commit] is called.
type Pending struct {
	fs         FS
	path, temp string
	file       File // nil when it was closed
	buffer     *bufio.Writer
	finished   bool
	done       bool // committed or aborted
}

// Create begins to write a file on the disk. A symbolic link is followed; a
// device, FIFO or folder is refused. The permission bits are those of the file
// that is replaced.
func Create(path string) (*Pending, error) { return CreateOn(Disk, path, 0) }

// CreateOn is [Create] on another file system, with permission bits of its own
// unless perm is 0.
func CreateOn(disk FS, path string, perm fs.FileMode) (*Pending, error) {
	target, old, err := regularTarget(disk, path)
	if err != nil {
		return nil, err
	}
	keep := perm == 0 && old != nil
	switch {
	case keep:
		perm = old.Mode().Perm()
	case perm == 0:
		perm = defaultPerm
	}
	p := &Pending{fs: disk, path: target, temp: TempName(target)}
	if p.file, err = disk.Create(p.temp, perm); err != nil {
		return nil, err
	}
	p.buffer = bufio.NewWriterSize(p.file, bufferBytes)
	if keep {
		err = keepPerm(p.file, perm)
	}
	if err != nil {
		return nil, errors.Join(err, p.Abort())
	}
	return p, nil
}

// keepPerm sets the bits that the umask took. Where they are right already it asks
// for nothing: not every file system can change them.
func keepPerm(file File, perm fs.FileMode) error {
	info, err := file.Stat()
	if err != nil || info.Mode().Perm() == perm {
		return err
	}
	return file.Chmod(perm)
}

// Write implements io.Writer.
func (p *Pending) Write(data []byte) (int, error) { return p.buffer.Write(data) }

// WriteAt writes over what was written before.
func (p *Pending) WriteAt(data []byte, offset int64) (int, error) {
	if err := p.buffer.Flush(); err != nil {
		return 0, err
	}
	return p.file.WriteAt(data, offset)
}

// Finish makes the content durable; only Commit or Abort may follow. A full disk
// shows here at the latest, while the old file is untouched.
func (p *Pending) Finish() error {
	if p.finished || p.done {
		return nil
	}
	if err := p.buffer.Flush(); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	file := p.file
	p.file = nil
	// Close tells about delayed write errors on network file systems.
	if err := file.Close(); err != nil {
		return err
	}
	p.finished = true
	return nil
}

// Commit gives the file its name, durably. When it fails, a full disk included,
// the old file stays as it was and the new one is removed.
func (p *Pending) Commit() error {
	if p.done {
		return fs.ErrClosed
	}
	err := p.Finish()
	if err == nil {
		err = p.fs.Rename(p.temp, p.path)
	}
	if err != nil {
		return errors.Join(err, p.Abort())
	}
	p.done = true
	return p.fs.SyncDir(filepath.Dir(p.path))
}

// Abort removes the unfinished file; after Commit it does nothing.
func (p *Pending) Abort() error {
	if p.done {
		return nil
	}
	p.done = true
	var err error
	if p.file != nil {
		err = p.file.Close()
	}
	if e := p.fs.Remove(p.temp); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// WriteFile replaces a file on the disk with what write produces, as [Create]
// and [Pending.Commit] do.
func WriteFile(path string, write func(io.Writer) error) error {
	return WriteFileOn(Disk, path, 0, write)
}

// WriteFileOn is [WriteFile] on another file system, with permission bits of its
// own unless perm is 0.
func WriteFileOn(disk FS, path string, perm fs.FileMode, write func(io.Writer) error) error {
	p, err := CreateOn(disk, path, perm)
	if err != nil {
		return err
	}
	if err := write(p); err != nil {
		return errors.Join(err, p.Abort())
	}
	return p.Commit()
}

// WriteNew writes and fsyncs a file that does not exist yet. Its name is not
// durable before the folder is synced too.
func WriteNew(disk FS, path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	if perm == 0 {
		perm = defaultPerm
	}
	file, err := disk.Create(path, perm)
	if err != nil {
		return err
	}
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

// maxLinks is where Linux stops following links, too.
const maxLinks = 40

// regularTarget follows links to the file that would be replaced, so that a
// linked output stays a link, and refuses what is not a file: renaming over
// /dev/null would replace the device. old is nil where there is no file yet.
func regularTarget(disk FS, path string) (target string, old fs.FileInfo, err error) {
	target = path
	for range maxLinks {
		info, err := disk.Lstat(target)
		if errors.Is(err, fs.ErrNotExist) {
			return target, nil, nil
		}
		if err != nil {
			return "", nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return target, info, onlyRegular(path, info)
		}
		next, err := disk.Readlink(target)
		if err != nil {
			return "", nil, err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(target), next)
		}
		target = next
	}
	return "", nil, fmt.Errorf("%s is a link in a circle: name a file to write", path)
}

func onlyRegular(path string, info fs.FileInfo) error {
	what := "a special file"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	case mode&fs.ModeNamedPipe != 0:
		what = "a FIFO"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	}
	return fmt.Errorf("%s is not a regular file but %s: name a file to write", path, what)
}
