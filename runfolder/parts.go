// SPDX-License-Identifier: MIT

package runfolder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"seer/checkpoint"
)

// Part is something of a run that must survive a restart: the method's weights,
// the optimizer, the clock, random states, the sampler, a hook that counts. It
// saves and loads itself.
type Part interface {
	// Name is unique in a run and does not change: it is the key of the part's
	// document in the checkpoint.
	Name() string
	Save(s *Shard) error
	// Load restores what Save has put into s. A part that a checkpoint does not have
	// yet finds nothing there and begins anew.
	Load(s *Shard) error
}

// Shard is what one process keeps in a checkpoint, as one of its parts sees it.
type Shard struct {
	part      string
	documents map[string]json.RawMessage
	tensors   map[string][]checkpoint.Tensor
	from      *Checkpoint // nil while it is written
}

// Put keeps the part's document, which must be one for JSON.
func (s *Shard) Put(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("part %s: %w", s.part, err)
	}
	s.documents[s.part] = text
	return nil
}

// Get decodes the part's document and reports whether there is one. Unknown fields
// are an error, because they are state that would be lost.
func (s *Shard) Get(v any) (found bool, err error) {
	text, found := s.documents[s.part]
	if !found {
		return false, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return true, fmt.Errorf("%s, %s: %w", filepath.Join(s.from.Dir, StateFile), s.part, err)
	}
	return true, nil
}

// PutTensors adds tensors to one of the checkpoint's files of tensors.
func (s *Shard) PutTensors(file string, tensors []checkpoint.Tensor) {
	s.tensors[file] = append(s.tensors[file], tensors...)
}

// OpenTensors opens one of the checkpoint's files of tensors; the caller closes it.
func (s *Shard) OpenTensors(file string) (*checkpoint.File, error) { return s.from.Open(file) }

// HasTensors tells whether the checkpoint has a file of tensors of that name.
func (s *Shard) HasTensors(file string) bool { return slices.Contains(s.from.Files, file) }

// LoadParts has every part load itself.
func (c *Checkpoint) LoadParts(parts []Part) error {
	s, err := c.shard()
	if err != nil {
		return err
	}
	for _, p := range parts {
		s.part = p.Name()
		if err := p.Load(s); err != nil {
			return err
		}
	}
	return nil
}

// Document decodes what one part has put, without the part; found tells whether it
// is there.
func (c *Checkpoint) Document(part string, v any) (found bool, err error) {
	s, err := c.shard()
	if err != nil {
		return false, err
	}
	s.part = part
	return s.Get(v)
}

func (c *Checkpoint) shard() (*Shard, error) {
	s := &Shard{from: c}
	return s, c.ReadJSON(StateFile, &s.documents)
}

// Saved is the newest checkpoint that this process has found or written; nil where
// there is none.
func (f *Folder) Saved() *Checkpoint { return f.newest }

// SavedStep is the number of steps in it, 0 without one.
func (f *Folder) SavedStep() int64 {
	if f.newest == nil {
		return 0
	}
	return f.newest.Step
}

// SavedDir is its folder, for people.
func (f *Folder) SavedDir() string {
	if f.newest == nil {
		return "(none)"
	}
	return f.newest.Dir
}
