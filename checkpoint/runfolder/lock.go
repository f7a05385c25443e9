// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
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

// takeLock holds an advisory lock for as long as the returned file is open; the
// kernel releases it when the process dies in whatever way, so that no stale lock
// can stay behind.
func takeLock(path, dir string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run folder %s: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, inUse(path, dir)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := signLock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

// signLock writes who holds the lock, for the message of who finds it taken.
func signLock(file *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	data, err := json.Marshal(owner{PID: os.Getpid(), Host: host, Started: time.Now()})
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(append(data, '\n'), 0)
	return err
}

func inUse(path, dir string) error {
	var o owner
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		o = owner{} // the holder has not signed yet
	}
	return &InUseError{Dir: dir, PID: o.PID, Host: o.Host, Started: o.Started}
}
