// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"seer/internal/durable"
)

// Start is what a start writes into the run folder, once it is certain.
type Start struct {
	Files []File
	// Logs are the logs to be continued, each behind a step: a run that resumes at
	// step n does n+1 again, and would otherwise report it twice. Lines without a
	// "step" stay, torn lines go. A run that begins without a checkpoint gives -1,
	// which keeps no step of an earlier attempt.
	Logs map[string]int64
}

// File is a file at the top of a run folder.
type File struct {
	Name string
	Data []byte
	// Perm are the permission bits; 0 keeps those of the file that is replaced.
	Perm fs.FileMode
}

// JSONFile is a file with an indented JSON document.
func JSONFile(name string, v any) (File, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	return File{Name: name, Data: append(data, '\n')}, nil
}

// Begin makes a start take effect: it makes the folder where there is none, clears
// what a killed process left half-written, sets damaged checkpoints aside, writes
// the files and opens the logs. Everything that needs room on the disk is written
// before the first old file is replaced.
func (f *Folder) Begin(s Start) error {
	if err := f.Make(); err != nil {
		return err
	}
	if err := f.begin(s); err != nil {
		return f.named(err)
	}
	f.begun = true
	if f.lock != nil {
		if err := f.lock.sign(); err != nil { // it only serves a message
			f.warn("could not sign %s: %v", f.Path(lockName), err)
		}
	}
	return nil
}

func (f *Folder) begin(s Start) error {
	if err := f.clearTemporaries(); err != nil {
		return err
	}
	if err := f.tryCheckpoints(); err != nil {
		return err
	}
	pending, err := f.stage(s)
	if err == nil {
		err = f.recover()
	}
	for _, p := range pending {
		if err == nil {
			err = p.Commit()
		}
		err = errors.Join(err, p.Abort())
	}
	if err == nil {
		err = f.openLogs(s.Logs)
	}
	return err
}

// tryCheckpoints makes a folder among the checkpoints and removes it, so that a place where none can be made is told
// before anything is replaced, and not at the first checkpoint.
func (f *Folder) tryCheckpoints() error {
	probe := f.Path(CheckpointsDir, "probe"+tempSuffix)
	// One that a crash has left serves as well.
	if err := f.disk.Mkdir(probe); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("no checkpoint can be made: %w", err)
	}
	return f.disk.Remove(probe)
}

// stage writes the new files beside the old ones.
func (f *Folder) stage(s Start) (pending []*durable.Pending, err error) {
	for _, file := range s.Files {
		p, err := durable.CreateOn(f.disk, f.Path(file.Name), file.Perm)
		if err != nil {
			return pending, err
		}
		pending = append(pending, p)
		if _, err := p.Write(file.Data); err != nil {
			return pending, err
		}
	}
	for name, step := range s.Logs {
		p, err := f.cutLog(f.Path(name), step)
		if p != nil {
			pending = append(pending, p)
		}
		if err != nil {
			return pending, fmt.Errorf("continue %s after step %d: %w", f.Path(name), step, err)
		}
	}
	for _, p := range pending {
		if err := p.Finish(); err != nil {
			return pending, err
		}
	}
	return pending, nil
}

func (f *Folder) openLogs(logs map[string]int64) error {
	for name := range logs {
		file, err := f.disk.Append(f.Path(name), logPerm)
		if err != nil {
			return err
		}
		f.logs[name] = &Log{file: file}
	}
	return f.disk.SyncDir(f.dir)
}

// clearTemporaries removes what an interrupted process left. Only the owner of the
// lock may: another's temporary folder may be in use.
func (f *Folder) clearTemporaries() error {
	for _, dir := range []string{f.dir, f.Path(CheckpointsDir)} {
		entries, err := f.disk.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			step, unfinished := strings.CutSuffix(e.Name(), tempSuffix)
			_, isStep := parseStep(strings.TrimSuffix(step, oldSuffix))
			path := filepath.Join(dir, e.Name())
			if !durable.IsTemp(e.Name()) && !(unfinished && isStep) || slices.Contains(f.staging, path) {
				continue
			}
			f.warn("removing %s, left by an interrupted process", path)
			if err := durable.RemoveAll(f.disk, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// recover finishes or undoes what an interrupted process began, and sets aside
// what must not be taken for a checkpoint.
func (f *Folder) recover() error {
	for _, m := range f.aside {
		if err := f.setAside(m); err != nil {
			return err
		}
	}
	f.aside = nil
	dirs, err := list(f.disk, f.dir)
	if err != nil {
		return err
	}
	for _, c := range dirs {
		if !c.old {
			continue
		}
		if err := f.recoverReplaced(c.dir, strings.TrimSuffix(c.dir, oldSuffix)); err != nil {
			return err
		}
	}
	return nil // the next checkpoint's sync makes the names durable; until then they may come back
}

// recoverReplaced: a checkpoint was being replaced by a newer one of the same
// step. The newer one is complete if it has the name, but only if this process has
// read it is the old one certainly not needed.
func (f *Folder) recoverReplaced(old, final string) error {
	_, err := f.disk.Lstat(final)
	switch {
	case err == nil && f.sound[final]:
		return durable.RemoveAll(f.disk, old)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := f.disk.Rename(old, final); err != nil {
		return err
	}
	f.renamed(old, final)
	return nil
}

// renamed follows a checkpoint to its new name.
func (f *Folder) renamed(from, to string) {
	f.sound[to] = f.sound[from]
	delete(f.sound, from)
	if f.newest != nil && f.newest.Dir == from {
		f.newest.Dir = to
	}
}

// Suffixes of checkpoints that are set aside: nothing loads or deletes them.
const (
	damagedSuffix = ".damaged"
	leftSuffix    = ".left" // of a run that went back behind them
)

// setAside renames a checkpoint, so that it is neither loaded nor counted, and
// leaves its deletion to the user.
func (f *Folder) setAside(m move) error {
	to := m.dir + m.suffix
	for n := 2; ; n++ {
		_, err := f.disk.Lstat(to)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		to = fmt.Sprintf("%s%s-%d", m.dir, m.suffix, n)
	}
	if err := f.disk.Rename(m.dir, to); err != nil {
		return err
	}
	delete(f.sound, m.dir)
	f.warn("%s is set aside as %s: %s", m.dir, filepath.Base(to), m.why)
	return nil
}

// Log is a log that Begin has opened.
func (f *Folder) Log(name string) *Log { return f.logs[name] }

// writeAll is the body of a file that is in memory.
func writeAll(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// missing is the first of want that have lacks.
func missing(have, want []string) string {
	for _, name := range want {
		if !slices.Contains(have, name) {
			return name
		}
	}
	return ""
}
