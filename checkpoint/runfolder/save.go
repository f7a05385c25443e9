// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"seer/checkpoint"
	"seer/internal/durable"
)

// Names of a checkpoint's files and folders.
const (
	ModelFile     = "model.safetensors"
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
	fs       *durable.FS
	dir      string
	manifest manifest
}

// File writes one file from a stream.
func (w *Writer) File(name string, write func(io.Writer) error) error {
	if name != filepath.Base(name) || name == ManifestFile || name == "." {
		return fmt.Errorf("checkpoint file %q: a plain name other than %s is needed", name, ManifestFile)
	}
	sum := &summer{hash: crc32.New(castagnoli)}
	err := w.fs.WriteNew(filepath.Join(w.dir, name), func(out io.Writer) error {
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
	return w.File(name, func(out io.Writer) error {
		_, err := out.Write(append(data, '\n'))
		return err
	})
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
// its logs have lost. When it fails, the older checkpoints are as they were.
func (f *Folder) Save(step int64, write func(*Writer) error) error {
	if step < 0 {
		return fmt.Errorf("checkpoint of step %d: steps count from 0", step)
	}
	for _, l := range f.logs {
		if err := l.Sync(); err != nil {
			return fmt.Errorf("checkpoint of step %d: %w", step, err)
		}
	}
	final := f.Path(CheckpointsDir, StepName(step))
	if err := f.writeTemporary(final+tempSuffix, step, write); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", step, errors.Join(err, f.opt.FS.RemoveAll(final+tempSuffix)))
	}
	if err := f.commit(final); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", step, err)
	}
	delete(f.spoiled, final)
	f.link(step)
	if err := f.prune(step); err != nil {
		return fmt.Errorf("prune after checkpoint of step %d: %w", step, err)
	}
	return nil
}

func (f *Folder) writeTemporary(dir string, step int64, write func(*Writer) error) error {
	// A failed Save may have left one when even the removal failed.
	if err := f.opt.FS.RemoveAll(dir); err != nil {
		return err
	}
	if err := f.opt.FS.Mkdir(dir); err != nil {
		return err
	}
	w := &Writer{fs: f.opt.FS, dir: dir, manifest: manifest{Step: step, Files: map[string]fileEntry{}}}
	if err := write(w); err != nil {
		return err
	}
	data, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return err
	}
	err = f.opt.FS.WriteNew(filepath.Join(dir, ManifestFile), func(out io.Writer) error {
		_, err := out.Write(append(data, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return f.opt.FS.SyncDir(dir)
}

// commit gives the temporary folder its final name. A folder cannot be renamed
// over another, so a checkpoint of the same step steps aside under a name that
// loading knows too: at no instant are both gone.
func (f *Folder) commit(final string) error {
	_, err := os.Stat(final)
	replacing := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if replacing {
		if err := f.opt.FS.RemoveAll(final + oldSuffix); err != nil {
			return err
		}
		if err := f.opt.FS.Rename(final, final+oldSuffix); err != nil {
			return err
		}
	}
	if err := f.opt.FS.Rename(final+tempSuffix, final); err != nil {
		return err
	}
	if err := f.opt.FS.SyncDir(filepath.Dir(final)); err != nil {
		return err
	}
	if replacing {
		return f.opt.FS.RemoveAll(final + oldSuffix)
	}
	return nil
}

// link points "latest" to the step. Loading does not need it, so a file system
// without links costs no more than a warning.
func (f *Folder) link(step int64) {
	target := filepath.Join(CheckpointsDir, StepName(step))
	if err := f.opt.FS.ReplaceSymlink(target, f.Path(LatestName)); err != nil {
		f.warn("could not update %s: %v", f.Path(LatestName), err)
	}
}

// prune deletes all but the newest checkpoints, those kept by KeepEvery and the
// one just saved, which is known to be complete. Spoiled ones go first: they
// cannot be loaded, and must not count.
func (f *Folder) prune(saved int64) error {
	dirs, err := list(f.dir)
	if err != nil {
		return err
	}
	kept := 0
	for _, c := range slices.Backward(dirs) {
		_, broken := readManifest(c.dir)
		switch {
		case c.step == saved && !c.old:
			kept++
		case isIncomplete(broken) || f.spoiled[c.dir] || c.old:
			f.warn("removed %s, which was not complete", c.dir)
			err = f.remove(c.dir)
		case kept < f.opt.Keep:
			kept++
		case f.opt.KeepEvery > 0 && c.step%f.opt.KeepEvery == 0:
		default:
			err = f.remove(c.dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remove renames first: deleting file by file could be interrupted and leave an
// incomplete checkpoint under a final name.
func (f *Folder) remove(dir string) error {
	if err := f.opt.FS.Rename(dir, dir+tempSuffix); err != nil {
		return err
	}
	return f.opt.FS.RemoveAll(dir + tempSuffix)
}
