// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"seer/internal/durable"
)

// Names inside a run folder.
const (
	CheckpointsDir = "checkpoints"
	LatestName     = "latest"
	lockName       = "lock"
)

// Options say how a run folder is kept.
type Options struct {
	// Keep is how many of the newest checkpoints stay; at least 1. 0 means 2: one
	// to resume from and one in case a disk spoils it.
	Keep int
	// KeepEvery also keeps checkpoints whose step is a multiple of it; 0 keeps none.
	KeepEvery int64
	// Warn is told about what was repaired or passed over; nil drops it.
	Warn func(message string)
	// FS lets tests interrupt the protocol; nil is the real one.
	FS *durable.FS
}

// Folder is a run folder that this process owns.
type Folder struct {
	dir  string
	opt  Options
	lock *os.File
	logs []*Log
	// spoiled are checkpoints whose content is not what their manifest says.
	spoiled map[string]bool
}

// Open makes or opens a run folder, takes its lock and clears what a killed
// process left half-written.
func Open(dir string, opt Options) (*Folder, error) {
	if opt.Keep <= 0 {
		opt.Keep = 2
	}
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	if err := os.MkdirAll(filepath.Join(dir, CheckpointsDir), 0o755); err != nil {
		return nil, fmt.Errorf("run folder %s: %w", dir, err)
	}
	lock, err := takeLock(filepath.Join(dir, lockName), dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, opt: opt, lock: lock, spoiled: map[string]bool{}}
	if err := f.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("run folder %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// Dir is the folder's path.
func (f *Folder) Dir() string { return f.dir }

// Path joins names to the folder's path.
func (f *Folder) Path(names ...string) string {
	return filepath.Join(append([]string{f.dir}, names...)...)
}

// Close closes the logs and gives the lock back.
func (f *Folder) Close() error {
	var errs []error
	for _, l := range f.logs {
		errs = append(errs, l.Close())
	}
	// Closing the descriptor releases the lock. The file stays: removing it could
	// take it from a process that has just opened it.
	return errors.Join(append(errs, f.lock.Close())...)
}

// WriteFile replaces one file at the top of the folder atomically.
func (f *Folder) WriteFile(name string, data []byte) error {
	return f.opt.FS.WriteFile(f.Path(name), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteJSON replaces one file at the top of the folder with an indented JSON
// document.
func (f *Folder) WriteJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path(name), err)
	}
	return f.WriteFile(name, append(data, '\n'))
}

// recover finishes or undoes what an interrupted process began. Only the owner
// of the lock may: another's temporary folder may be in use.
func (f *Folder) recover() error {
	parent := f.Path(CheckpointsDir)
	if err := f.clearTemporary(f.dir); err != nil {
		return err
	}
	if err := f.clearTemporary(parent); err != nil {
		return err
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		final, replaced := strings.CutSuffix(e.Name(), oldSuffix)
		if !replaced {
			continue
		}
		if err := f.recoverReplaced(filepath.Join(parent, final)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) clearTemporary(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !durable.IsTemp(e.Name()) && !strings.HasSuffix(e.Name(), tempSuffix) {
			continue
		}
		f.warn("removed %s, left by an interrupted process", filepath.Join(dir, e.Name()))
		if err := f.opt.FS.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// recoverReplaced: a checkpoint was being replaced by a newer one of the same
// step. Whichever of the two has the final name wins.
func (f *Folder) recoverReplaced(final string) error {
	if _, err := os.Stat(final); err == nil {
		return f.opt.FS.RemoveAll(final + oldSuffix)
	}
	if err := f.opt.FS.Rename(final+oldSuffix, final); err != nil {
		return err
	}
	return f.opt.FS.SyncDir(filepath.Dir(final))
}

func (f *Folder) warn(format string, args ...any) { f.opt.Warn(fmt.Sprintf(format, args...)) }

// owner is what the lock file tells about its holder.
type owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
}
