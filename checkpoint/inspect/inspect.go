// SPDX-License-Identifier: MIT

package inspect

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/checkpoint/weights"
	"seer/models/arch"
	"seer/models/sketch"
	"seer/runfolder"
)

// Report is what was found below a path.
type Report struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // "file", "checkpoint" or "run folder"
	// Checkpoints are those of a run folder, oldest first.
	Checkpoints []runfolder.Summary `json:"checkpoints,omitempty"`
	Warnings    []string            `json:"warnings,omitempty"`
	// Step is that of the checkpoint that Files belong to.
	Step  int64  `json:"step,omitempty"`
	Files []File `json:"files"`
}

// File is one file of tensors.
type File struct {
	Path    string            `json:"path"`
	Format  string            `json:"format"`
	Bytes   int64             `json:"bytes"` // of the whole file
	Tensors []checkpoint.Info `json:"tensors"`
	// TensorBytes and Elements are totals over the tensors; Parameters counts the
	// elements that train, which leaves out batch norm's running statistics.
	TensorBytes int64             `json:"tensor_bytes"`
	Elements    int64             `json:"elements"`
	Parameters  int64             `json:"parameters"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Texts       map[string]string `json:"texts,omitempty"` // beside a pickle's tensors
	Notes       []string          `json:"notes,omitempty"`
	// NotFinite counts the values of each tensor that are NaN or infinite, where
	// there are any.
	NotFinite map[string]int64 `json:"not_finite,omitempty"`
	// Style, Keys and the fields below describe a trunk, when there is one; all but Architectures a RegNet's.
	Style         names.Style `json:"style,omitempty"`
	Keys          string      `json:"keys"`
	Geometry      string      `json:"geometry,omitempty"`
	Architectures []string    `json:"architectures,omitempty"`
	// Trunks are those of a file with several, the one that is taken first.
	Trunks []weights.Trunk `json:"trunks,omitempty"`
	// Unknown says why a trunk has no known architecture.
	Unknown string `json:"unknown,omitempty"`
}

// Inspect describes a file, its shards by their index or folder, a checkpoint folder
// or a run folder.
func Inspect(path string) (*Report, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case runfolder.IsRunFolder(path):
		return inspectRun(path)
	case info.IsDir() && runfolder.IsCheckpoint(path):
		return inspectCheckpoint(path)
	}
	r := &Report{Path: path, Kind: "file"}
	return r, r.add(path)
}

func inspectRun(path string) (*Report, error) {
	r := &Report{Path: path, Kind: "run folder"}
	var err error
	if r.Checkpoints, err = runfolder.List(path); err != nil {
		return nil, err
	}
	newest, err := runfolder.Newest(path, func(message string) { r.Warnings = append(r.Warnings, message) })
	var unusable *runfolder.UnusableError
	if errors.Is(err, runfolder.ErrNoCheckpoint) || errors.As(err, &unusable) {
		r.Warnings = append(r.Warnings, err.Error())
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, r.addCheckpoint(newest)
}

func inspectCheckpoint(path string) (*Report, error) {
	c, err := runfolder.Load(path)
	if err != nil {
		return nil, err
	}
	r := &Report{Path: path, Kind: "checkpoint"}
	return r, r.addCheckpoint(c)
}

func (r *Report) addCheckpoint(c *runfolder.Checkpoint) error {
	r.Step = c.Step
	for _, name := range c.Files {
		if filepath.Ext(name) != ".safetensors" {
			continue
		}
		if err := r.add(filepath.Join(c.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) add(path string) error {
	file, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	f := File{
		Path: file.Path(), Format: file.Format(), Bytes: file.Size(), Tensors: file.Infos(),
		Metadata: file.Metadata(), Texts: file.Texts(), Notes: file.Notes(),
	}
	f.describe()
	f.recognise(file)
	if err := f.examine(file); err != nil {
		return err
	}
	r.Files = append(r.Files, f)
	return nil
}

// examine reads the tensors and counts what is not finite in them.
func (f *File) examine(file *checkpoint.File) error {
	f.NotFinite = map[string]int64{}
	for _, t := range f.Tensors {
		if !t.DType.HasFloats() {
			continue
		}
		n, err := file.NotFinite(t.Name)
		if err != nil {
			return err
		}
		if n > 0 {
			f.NotFinite[t.Name] = n
		}
	}
	return nil
}

// describe fills in totals, style and architecture.
func (f *File) describe() {
	keys := make([]string, len(f.Tensors))
	for i, t := range f.Tensors {
		keys[i] = t.Name
		f.TensorBytes += t.Bytes()
		f.Elements += t.Elements()
	}
	d := names.Detect(keys)
	f.Style, f.Keys = d.Style, d.Explanation
	for i, t := range f.Tensors {
		if d.Keys[i].Part != names.Other && !isStatistic(t.Name) {
			f.Parameters += t.Elements()
		}
	}
	trunks := weights.Trunks(f.Tensors, "")
	if len(trunks) == 0 {
		return
	}
	f.Geometry, f.Architectures = trunks[0].Geometry.String(), trunks[0].Architectures
	if !trunks[0].Geometry.Squeeze && len(f.Architectures) == 0 {
		f.Unknown = trunks[0].Geometry.Unknown()
	}
	if len(trunks) > 1 {
		f.Trunks = trunks
	}
}

// recognise names the trunk of a file without a RegNet's keys.
func (f *File) recognise(file *checkpoint.File) {
	if f.Geometry != "" {
		return
	}
	f.Architectures = weights.Recognise(file, "")
	for _, name := range f.Architectures[:min(1, len(f.Architectures))] {
		if network, err := arch.Lookup(name); err == nil {
			f.Parameters += sketch.Parameters(sketch.Manifest(network))
		}
	}
}

var statistics = []string{".running_mean", ".running_var", ".num_batches_tracked"}

func isStatistic(name string) bool {
	return slices.Contains(statistics, filepath.Ext(name))
}
