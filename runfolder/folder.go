// SPDX-License-Identifier: MIT

package runfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"seer/internal/durable"
)

// Names inside a run folder.
const (
	CheckpointsDir = "checkpoints"
	LatestName     = "latest"
	BestName       = "best"
	lockName       = "lock"
)

// KeepOptions say how a run folder is kept.
type KeepOptions struct {
	// Keep is how many of the newest checkpoints stay; at least 1. 0 means 2: one
	// to resume from and one in case a disk spoils it.
	Keep int
	// KeepEvery also keeps checkpoints whose step is a multiple of it; 0 keeps none.
	KeepEvery int64
	// Needs are the files without which a checkpoint is not complete.
	Needs []string
	// Warn is told about what was repaired or passed over; nil drops it.
	Warn func(message string)
	// FS is the file system; nil is the disk. Only the disk knows locks.
	FS durable.FS
}

// Folder is a run folder that no other process writes to.
//
// [Open] and [Folder.Newest] change nothing. [Folder.Begin] is the one step by
// which a start takes effect: a start that is refused before it closes the folder
// and leaves it as it was.
type Folder struct {
	dir  string
	opt  KeepOptions
	disk durable.FS
	lock *lock // nil: the folder does not exist, or cannot be locked

	made    []string // folders that this process made, the outermost first
	staging []string
	begun   bool
	logs    map[string]*Log

	sound  map[string]bool // checkpoints that this process wrote or read whole
	warned map[string]bool // checkpoints that could not be read
	aside  []move          // what Begin renames
	newest *Checkpoint     // as Newest gave it away
	best   int64           // a step whose checkpoint stays; 0: none
	writes *writing        // in the background; nil: nothing is
}

// move is a checkpoint folder that is set aside under another name.
type move struct{ dir, suffix, why string }

// Open looks at a run folder, which need not exist yet, and takes its lock.
func Open(dir string, opt KeepOptions) (*Folder, error) {
	if opt.Keep <= 0 {
		opt.Keep = 2
	}
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	if opt.FS == nil {
		opt.FS = durable.Disk
	}
	f := &Folder{dir: dir, opt: opt, disk: opt.FS, logs: map[string]*Log{}, sound: map[string]bool{}, warned: map[string]bool{}}
	exists, err := isFolder(f.disk, dir)
	if err == nil && exists {
		err = f.takeLock()
	}
	if err != nil {
		return nil, f.named(err)
	}
	return f, nil
}

// isFolder tells a folder from nothing; a file or a link to nothing is an error.
func isFolder(disk durable.FS, path string) (bool, error) {
	info, err := disk.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return true, nil
	case err == nil:
		return false, fmt.Errorf("%s is a file: a folder is needed, or a name that is free", path)
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if _, err := disk.Lstat(path); err == nil {
		return false, fmt.Errorf("%s is a link to a folder that does not exist: is a disk not mounted?", path)
	}
	return false, nil
}

func (f *Folder) named(err error) error {
	var inUse *InUseError
	if errors.As(err, &inUse) { // says it itself
		return err
	}
	return fmt.Errorf("run folder %s: %w", f.dir, err)
}

// Dir is the folder's path.
func (f *Folder) Dir() string { return f.dir }

// Path joins names to the folder's path.
func (f *Folder) Path(names ...string) string {
	return filepath.Join(append([]string{f.dir}, names...)...)
}

// Make makes the folder and takes its lock, for what has to be put there before
// the start is certain. Close undoes it, unless Begin was called.
func (f *Folder) Make() error {
	made, err := durable.MkdirAll(f.disk, f.Path(CheckpointsDir))
	f.made = append(f.made, made...)
	if err != nil {
		return f.named(err)
	}
	if f.lock != nil || f.disk != durable.Disk {
		return nil
	}
	if err := f.takeLock(); err != nil {
		return f.named(err)
	}
	if !slices.Contains(f.made, filepath.Clean(f.dir)) {
		return f.named(errors.New("another process has begun a run here meanwhile: start again"))
	}
	return nil
}

// Staging makes a folder inside for what takes its place after Begin, which leaves
// it alone. Close removes it with what is still in it.
func (f *Folder) Staging(name string) (string, error) {
	dir := durable.TempName(f.Path(name))
	if err := f.disk.Mkdir(dir); err != nil {
		return "", f.named(err)
	}
	f.staging = append(f.staging, dir)
	return dir, nil
}

// Close closes the logs and gives the lock back. Of a start that was refused
// nothing stays.
func (f *Folder) Close() error {
	errs := []error{f.Written()}
	for _, l := range f.logs {
		errs = append(errs, l.Close())
	}
	for _, dir := range f.staging {
		errs = append(errs, durable.RemoveAll(f.disk, dir))
	}
	if !f.begun {
		errs = append(errs, f.undo())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.release(f.begun))
		f.lock = nil
	}
	return errors.Join(errs...)
}

// undo removes what Make has made. The parents of the run folder may be in use by
// others: they go only if they are empty.
func (f *Folder) undo() error {
	var err error
	for _, dir := range slices.Backward(f.made) {
		switch dir {
		case filepath.Clean(f.dir):
			err = durable.RemoveAll(f.disk, dir)
		default:
			_ = f.disk.Remove(dir)
		}
	}
	f.made = nil
	return err
}

// warn tells what was repaired or passed over; of a checkpoint that is written in the
// background, once it is.
func (f *Folder) warn(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if f.writes != nil {
		f.writes.warnings = append(f.writes.warnings, message)
		return
	}
	f.opt.Warn(message)
}
