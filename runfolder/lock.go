// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"seer/internal/durable"
)

// InUseError says that another process writes to the run folder.
type InUseError struct {
	Dir     string
	PID     int       // 0 when the holder did not say
	Host    string    // where it runs
	Started time.Time // when it took the lock
}

// Error implements error.
func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("run folder %s is in use by another process: wait for it, or choose another folder with --set run.dir=…", e.Dir)
	}
	return fmt.Sprintf("run folder %s is in use by process %d on %s since %s: stop it, or choose another folder with --set run.dir=…",
		e.Dir, e.PID, e.Host, e.Started.Format(time.DateTime))
}

// owner is what the lock file tells about its holder.
type owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
}

// lock is an advisory lock for as long as its file is open; the kernel releases it
// when the process dies in whatever way, so that no stale lock can stay behind.
type lock struct {
	file *os.File
	made bool // by this process
}

// takeLock locks the folder, if it is on the disk.
func (f *Folder) takeLock() (err error) {
	if f.disk != durable.Disk {
		return nil
	}
	path := f.Path(lockName)
	for f.lock == nil && err == nil {
		f.lock, err = tryLock(path, f.dir)
	}
	return err
}

// tryLock returns nil and no error where the file was removed by a holder that let
// go of it in the same moment.
func tryLock(path, dir string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	made := err == nil
	if errors.Is(err, os.ErrExist) {
		file, err = os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, inUse(file, dir)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !stillNamed(file, path) {
		return nil, file.Close()
	}
	return &lock{file, made}, nil
}

// stillNamed reports whether the open file is the one that has the name.
func stillNamed(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}

// sign writes who holds the lock, for the message of who finds it taken.
func (l *lock) sign() error {
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	data, err := json.Marshal(owner{PID: os.Getpid(), Host: host, Started: time.Now()})
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(data, '\n'), 0)
	return err
}

// release gives the lock back. The file of a run stays, without the signature; one
// that was only made to look at the folder goes.
func (l *lock) release(begun bool) error {
	var err error
	switch {
	case begun:
		err = l.file.Truncate(0)
	case l.made:
		if err = os.Remove(l.file.Name()); errors.Is(err, os.ErrNotExist) {
			err = nil // with the whole folder
		}
	}
	return errors.Join(err, l.file.Close())
}

// ownerBytes bounds what is read of a lock file, which may be anything.
const ownerBytes = 4096

// inUse tells who holds the lock. A holder that is still looking at the folder has
// not signed: then there may be the signature of a process that was killed.
func inUse(file *os.File, dir string) error {
	var o owner
	data, err := io.ReadAll(io.LimitReader(file, ownerBytes))
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if host, e := os.Hostname(); err != nil || e == nil && host == o.Host && !alive(o.PID) {
		o = owner{}
	}
	return &InUseError{Dir: dir, PID: o.PID, Host: o.Host, Started: o.Started}
}

func alive(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
