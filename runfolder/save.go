// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"seer/checkpoint"
	"seer/internal/durable"
)

// Names of a checkpoint's files and folders.
const (
	ModelFile     = "model.safetensors"    // the weights to use
	TrainingFile  = "training.safetensors" // the weights that training goes on with, where ModelFile has an average of them
	OptimizerFile = "optimizer.safetensors"
	StateFile     = "state.json"
	ManifestFile  = "MANIFEST.json"

	tempSuffix = ".tmp" // being written or deleted
	oldSuffix  = ".old" // being replaced by a checkpoint of the same step
)

// castagnoli is CRC-32C, for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// manifest lists a checkpoint's files.
type manifest struct {
	Step  int64                `json:"step"`
	Files map[string]fileEntry `json:"files"`
}

type fileEntry struct {
	Bytes  int64  `json:"bytes"`
	CRC32C string `json:"crc32c"` // eight hexadecimal digits
}

// Writer writes the files of one checkpoint. Each is on the device when its call
// returns.
type Writer struct {
	disk     durable.FS
	dir      string
	manifest manifest
}

// File writes one file from a stream.
func (w *Writer) File(name string, write func(io.Writer) error) error {
	return w.file(name, 0, write)
}

// Text writes one document with the permission bits it needs; 0 means those of
// every file.
func (w *Writer) Text(name string, perm fs.FileMode, text []byte) error {
	return w.file(name, perm, writeAll(text))
}

func (w *Writer) file(name string, perm fs.FileMode, write func(io.Writer) error) error {
	if name != filepath.Base(name) || name == ManifestFile || name == "." {
		return fmt.Errorf("checkpoint file %q: a plain name other than %s is needed", name, ManifestFile)
	}
	sum := &summer{hash: crc32.New(castagnoli)}
	err := durable.WriteNew(w.disk, filepath.Join(w.dir, name), perm, func(out io.Writer) error {
		return write(io.MultiWriter(out, sum))
	})
	if err != nil {
		return err
	}
	w.manifest.Files[name] = fileEntry{Bytes: sum.bytes, CRC32C: fmt.Sprintf("%08x", sum.hash.Sum32())}
	return nil
}

// Safetensors writes one file of tensors from the tensors' own memory.
func (w *Writer) Safetensors(name string, tensors []checkpoint.Tensor, metadata map[string]string) error {
	return w.File(name, func(out io.Writer) error {
		return checkpoint.EncodeSafetensors(out, tensors, metadata)
	})
}

// JSON writes one document.
func (w *Writer) JSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("checkpoint file %s: %w", name, err)
	}
	return w.File(name, writeAll(append(data, '\n')))
}

// summer counts and sums what passes through it.
type summer struct {
	hash  hashSum
	bytes int64
}

type hashSum interface {
	io.Writer
	Sum32() uint32
}

func (s *summer) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return s.hash.Write(p)
}

// StepName is the folder name of a checkpoint; the digits sort like the steps.
func StepName(step int64) string { return fmt.Sprintf("step-%09d", step) }

// Save writes the checkpoint of a step, makes it the newest and prunes older
// ones. The logs are synced first, so that a checkpoint never knows of steps that
// its logs have lost. When it fails, the older checkpoints are as they were; what
// fails once the checkpoint is durable is a warning.
func (f *Folder) Save(step int64, write func(*Writer) error) error {
	if err := f.save(step, write); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", step, err)
	}
	target := filepath.Join(CheckpointsDir, StepName(step))
	// Loading does not need the link, and there are file systems without.
	if err := durable.ReplaceSymlink(f.disk, target, f.Path(LatestName)); err != nil {
		f.warn("could not update %s: %v", f.Path(LatestName), err)
	}
	if f.best == step {
		if err := durable.ReplaceSymlink(f.disk, target, f.Path(BestName)); err != nil {
			f.warn("could not update %s: %v", f.Path(BestName), err)
		}
	}
	if err := f.prune(step); err != nil {
		f.warn("older checkpoints stay for now: %v", err)
	}
	return nil
}

func (f *Folder) save(step int64, write func(*Writer) error) error {
	switch {
	case !f.begun:
		return errors.New("the start has not taken effect: call Begin first")
	case step < 0:
		return errors.New("steps count from 0")
	}
	for _, l := range f.logs {
		if err := l.Sync(); err != nil {
			return err
		}
	}
	final := f.Path(CheckpointsDir, StepName(step))
	err := f.writeTemporary(final+tempSuffix, step, write)
	if err == nil {
		err = f.commit(final)
	}
	if err != nil {
		return errors.Join(err, durable.RemoveAll(f.disk, final+tempSuffix))
	}
	return nil
}

func (f *Folder) writeTemporary(dir string, step int64, write func(*Writer) error) error {
	// A failed Save may have left one when even the removal failed.
	if err := durable.RemoveAll(f.disk, dir); err != nil {
		return err
	}
	if err := f.disk.Mkdir(dir); err != nil {
		return err
	}
	w := &Writer{disk: f.disk, dir: dir, manifest: manifest{Step: step, Files: map[string]fileEntry{}}}
	if err := write(w); err != nil {
		return err
	}
	if name := missing(w.names(), f.opt.Needs); name != "" {
		return fmt.Errorf("%s was not written", name)
	}
	data, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteNew(f.disk, filepath.Join(dir, ManifestFile), 0, writeAll(append(data, '\n'))); err != nil {
		return err
	}
	return f.disk.SyncDir(dir)
}

func (w *Writer) names() []string {
	var names []string
	for name := range w.manifest.Files {
		names = append(names, name)
	}
	return names
}

// commit gives the temporary folder its final name. A folder cannot be renamed
// over another, so a checkpoint of the same step steps aside under a name that
// loading knows too: at no instant are both gone.
func (f *Folder) commit(final string) error {
	old := final + oldSuffix
	_, err := f.disk.Lstat(final)
	replacing := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if replacing {
		if replacing, err = f.stepAside(final, old); err != nil {
			return err
		}
	}
	if err := f.disk.Rename(final+tempSuffix, final); err != nil {
		if replacing {
			err = errors.Join(err, f.disk.Rename(old, final))
		}
		return err
	}
	delete(f.sound, final)
	if err := f.disk.SyncDir(filepath.Dir(final)); err != nil {
		return err
	}
	f.sound[final] = true
	if err := durable.RemoveAll(f.disk, old); err != nil {
		f.warn("could not remove what the checkpoint has replaced: %v", err)
	}
	return nil
}

// stepAside makes room for a checkpoint of the same step, and reports whether the
// one that was there waits under its old name to be deleted. One that cannot be
// read stays, and the new one is not written: it may be sound.
func (f *Folder) stepAside(final, old string) (waits bool, err error) {
	sound, err := f.prove(final)
	if err != nil || !sound {
		return false, err // set aside as damaged
	}
	if err := durable.RemoveAll(f.disk, old); err != nil {
		return false, err
	}
	return true, f.disk.Rename(final, old)
}

// prove reads a checkpoint that this process has not yet read or written. A
// damaged one is set aside; the error is that of one that cannot be read.
func (f *Folder) prove(dir string) (sound bool, err error) {
	if f.sound[dir] {
		return true, nil
	}
	_, err = load(f.disk, dir, f.opt.Needs)
	switch {
	case err == nil:
		f.sound[dir] = true
		return true, nil
	case isIncomplete(err):
		return false, f.setAside(move{dir, damagedSuffix, err.Error()})
	}
	return false, err
}

// prune deletes all but the newest checkpoints, those kept by KeepEvery, the best
// and the one just saved. What it deletes and what it counts, this process has written or
// read whole.
func (f *Folder) prune(saved int64) error {
	dirs, err := list(f.disk, f.dir)
	if err != nil || len(dirs) <= f.opt.Keep {
		return err
	}
	var errs []error
	kept := 0
	for _, c := range slices.Backward(dirs) {
		if c.old {
			errs = append(errs, f.removeReplaced(c.dir))
			continue
		}
		beyond := kept >= f.opt.Keep && c.step != saved
		if beyond && (c.step == f.best || f.opt.KeepEvery > 0 && c.step%f.opt.KeepEvery == 0) {
			continue
		}
		sound, err := f.prove(c.dir)
		switch {
		case err != nil:
			f.warnOnce(c.dir, err)
		case sound && beyond:
			errs = append(errs, f.remove(c.dir))
		case sound:
			kept++
		}
	}
	return errors.Join(errs...)
}

func (f *Folder) warnOnce(dir string, err error) {
	if !f.warned[dir] {
		f.warned[dir] = true
		f.warn("%s could not be read and stays: %v", dir, err)
	}
}

// removeReplaced removes what a failed Save has left, once its successor is there.
func (f *Folder) removeReplaced(old string) error {
	if !f.sound[strings.TrimSuffix(old, oldSuffix)] {
		return nil
	}
	return durable.RemoveAll(f.disk, old)
}

// remove renames first, durably: deleting file by file could be interrupted and
// leave an incomplete checkpoint under a final name.
func (f *Folder) remove(dir string) error {
	if err := f.disk.Rename(dir, dir+tempSuffix); err != nil {
		return err
	}
	delete(f.sound, dir)
	if err := f.disk.SyncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return durable.RemoveAll(f.disk, dir+tempSuffix)
}
