// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"

	"seer/checkpoint"
)

// Snapshot is what all parts of a run have put into a checkpoint that is not written
// yet: copies, which later steps do not change.
type Snapshot struct {
	step     int64
	shard    *Shard
	metadata map[string]string
	more     []File
}

// Snap has all parts save themselves in memory: their documents are for state.json,
// their tensors for the files that they ask for, with metadata. Each of more is a
// file of the checkpoint, too.
func Snap(step int64, parts []Part, metadata map[string]string, more ...File) (*Snapshot, error) {
	s := &Shard{documents: map[string]json.RawMessage{}, tensors: map[string][]checkpoint.Tensor{}}
	for _, p := range parts {
		s.part = p.Name()
		if err := p.Save(s); err != nil {
			return nil, fmt.Errorf("checkpoint of step %d: %w", step, err)
		}
	}
	return &Snapshot{step, s, metadata, more}, nil
}

func (s *Snapshot) write(w *Writer) error {
	errs := []error{w.JSON(StateFile, s.shard.documents)}
	for name, tensors := range s.shard.tensors {
		errs = append(errs, w.Safetensors(name, tensors, s.metadata))
	}
	for _, file := range s.more {
		errs = append(errs, w.Text(file.Name, file.Perm, file.Data))
	}
	return errors.Join(errs...)
}

// writing is a checkpoint that is written while training goes on.
type writing struct {
	step     int64
	done     chan struct{}
	err      error    // once it is done
	warnings []string // that are said then
}

// Write begins to write a checkpoint, as [Folder.Save] does, while the caller goes on:
// of the folder's functions it may call none meanwhile but Dir, Path and Log, until
// [Folder.Written]. One that is being written already is waited for first, and its
// error is that of this call.
func (f *Folder) Write(s *Snapshot) error {
	if err := f.Written(); err != nil {
		return err
	}
	w := &writing{step: s.step, done: make(chan struct{})}
	f.writes = w
	go func() {
		defer close(w.done)
		w.err = f.Save(s.step, s.write)
	}()
	return nil
}

// Writing tells whether a checkpoint is still being written.
func (f *Folder) Writing() bool {
	if f.writes == nil {
		return false
	}
	select {
	case <-f.writes.done:
		return false
	default:
		return true
	}
}

// Written waits for the checkpoint that is being written, and says how that went; nil
// where there is none.
func (f *Folder) Written() error {
	w := f.writes
	if w == nil {
		return nil
	}
	<-w.done
	f.writes = nil
	for _, message := range w.warnings {
		f.opt.Warn(message)
	}
	if w.err != nil {
		return w.err
	}
	f.newest = &Checkpoint{Dir: f.Path(CheckpointsDir, StepName(w.step)), Step: w.step, disk: f.disk}
	return nil
}

// Retain says which checkpoints stay besides the newest: those whose step is a multiple
// of every, 0 for none, and that of the step best, 0 for none, which a link names.
func (f *Folder) Retain(every, best int64) { f.opt.KeepEvery, f.best = every, best }
