// SPDX-License-Identifier: MIT

package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"seer/internal/durable"
)

// deadEndFile says where a run ended and cannot get on: the same start would end
// there again, on a queue that starts jobs anew for ever. It goes when another
// start takes effect.
const deadEndFile = "dead_end.json"

// DeadEnd is where a start has ended.
type DeadEnd struct {
	Step int64 `json:"step"` // that could not be done, from 0
	From int64 `json:"from"` // steps of the newest checkpoint at that time, 0: none
	// Why, in a few words.
	Why string `json:"why"`
	// Start tells one start from another, besides the experiment: data and version.
	Start string `json:"start"`
}

// KeepDeadEnd notes where this start has ended.
func (f *Folder) KeepDeadEnd(end DeadEnd) error {
	file, err := JSONFile(deadEndFile, end)
	if err != nil {
		return err
	}
	return durable.WriteFile(f.Path(file.Name), writeAll(file.Data))
}

// DeadEnd is where the last start ended; none where there is nothing to be read.
func (f *Folder) DeadEnd() (end DeadEnd, ok bool) {
	data, err := readDocument(f.disk, f.Path(deadEndFile))
	if err != nil {
		return end, false
	}
	return end, json.Unmarshal(data, &end) == nil
}

// ForgetDeadEnd is for a start that takes effect.
func (f *Folder) ForgetDeadEnd() error {
	if err := f.disk.Remove(f.Path(deadEndFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Choices of [Folder.Choose] besides the number of a step.
const (
	FromLatest   = "latest"
	FromPrevious = "previous"
)

// Choose finds the checkpoint to continue from: the newest for "" and [FromLatest],
// the one before it for [FromPrevious], or the one whose step is named.
func (f *Folder) Choose(from string) (*Checkpoint, error) {
	switch from {
	case "", FromLatest:
		return f.Newest()
	case FromPrevious:
		steps := f.Steps()
		if len(steps) < 2 {
			return nil, fmt.Errorf("--from-checkpoint %s: %s holds checkpoints of steps %v, and none before the newest", from, f.dir, steps)
		}
		return f.At(steps[len(steps)-2])
	}
	step, err := strconv.ParseInt(strings.TrimPrefix(from, "step-"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("--from-checkpoint %q: allowed are %s, %s and the number of a step; there are %v", from, FromLatest, FromPrevious, f.Steps())
	}
	return f.At(step)
}

// Steps are those that there are checkpoints of, oldest first, as far as names and
// sizes tell.
func (f *Folder) Steps() (steps []int64) {
	list, err := List(f.dir)
	if err != nil {
		return nil
	}
	for _, c := range list {
		if c.Problem == "" {
			steps = append(steps, c.Step)
		}
	}
	return steps
}

// Document decodes a document at the top of the run folder, and reports whether
// there is one that can be decoded. One that cannot be read is an error.
func (f *Folder) Document(name string, v any) (known bool, err error) {
	data, err := readDocument(f.disk, f.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return json.Unmarshal(data, v) == nil, nil
}
