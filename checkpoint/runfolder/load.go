// SPDX-License-Identifier: MIT

package runfolder

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"seer/checkpoint"
)

// Checkpoint is a complete checkpoint on disk.
type Checkpoint struct {
	Dir   string
	Step  int64
	Files []string // sorted, without the manifest
}

// ErrNoCheckpoint says that a run folder holds no complete checkpoint.
var ErrNoCheckpoint = errors.New("no complete checkpoint")

// Open opens one of the checkpoint's files of tensors.
func (c *Checkpoint) Open(name string) (*checkpoint.File, error) {
	return checkpoint.Open(filepath.Join(c.Dir, name))
}

// ReadJSON decodes one of the checkpoint's documents; unknown fields are an
// error, because they are state that would be lost.
func (c *Checkpoint) ReadJSON(name string, v any) error {
	path := filepath.Join(c.Dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// IncompleteError says that a checkpoint folder is proven not to hold what was
// written: a file is missing, short or changed. Other errors, such as one of the
// disk or of permissions, prove nothing.
type IncompleteError struct{ Problem string }

// Error implements error.
func (e *IncompleteError) Error() string { return e.Problem }

func incomplete(format string, args ...any) error {
	return &IncompleteError{fmt.Sprintf(format, args...)}
}

func isIncomplete(err error) bool {
	var e *IncompleteError
	return errors.As(err, &e)
}

// Newest finds the newest complete checkpoint of a run folder, reading it whole
// to compare its sums. What is passed over goes to warn. The error is
// [ErrNoCheckpoint] when there is none.
func Newest(dir string, warn func(message string)) (*Checkpoint, error) {
	return newest(dir, warn, func(string) {})
}

// Newest finds the newest complete checkpoint of the own folder. The error is
// [ErrNoCheckpoint] when there is none.
func (f *Folder) Newest() (*Checkpoint, error) {
	return newest(f.dir, f.opt.Warn, func(dir string) { f.spoiled[dir] = true })
}

func newest(dir string, warn, spoiled func(string)) (*Checkpoint, error) {
	dirs, err := list(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range slices.Backward(dirs) {
		c, err := Load(d.dir)
		if err == nil {
			return c, nil
		}
		if warn != nil {
			warn(fmt.Sprintf("passed over a checkpoint: %v", err))
		}
		if isIncomplete(err) {
			spoiled(d.dir)
		}
	}
	return nil, fmt.Errorf("%s: %w", filepath.Join(dir, CheckpointsDir), ErrNoCheckpoint)
}

// candidate is a folder with a checkpoint's name, complete or not.
type candidate struct {
	dir  string
	step int64
	old  bool
}

// list returns the candidates in the order of their steps; one that is being
// replaced comes before its successor.
func list(dir string) ([]candidate, error) {
	parent := filepath.Join(dir, CheckpointsDir)
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []candidate
	for _, e := range entries {
		name, old := strings.CutSuffix(e.Name(), oldSuffix)
		if step, ok := parseStep(name); ok {
			found = append(found, candidate{filepath.Join(parent, e.Name()), step, old})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.step, b.step), -cmp.Compare(len(a.dir), len(b.dir)))
	})
	return found, nil
}

// Summary is one checkpoint folder of a run, complete or not.
type Summary struct {
	Dir   string `json:"dir"`
	Step  int64  `json:"step"`
	Bytes int64  `json:"bytes"` // of all files in the manifest
	// Problem says why it is not complete, as far as names and sizes tell.
	Problem string `json:"problem,omitempty"`
}

// List describes all checkpoint folders of a run, oldest first, without reading
// their tensors.
func List(dir string) ([]Summary, error) {
	candidates, err := list(dir)
	if err != nil {
		return nil, err
	}
	summaries := make([]Summary, len(candidates))
	for i, c := range candidates {
		summaries[i] = Summary{Dir: c.dir, Step: c.step}
		m, err := readManifest(c.dir)
		if err != nil {
			summaries[i].Problem = err.Error()
		}
		for _, entry := range m.Files {
			summaries[i].Bytes += entry.Bytes
		}
	}
	return summaries, nil
}

func parseStep(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, "step-")
	if !ok {
		return 0, false
	}
	step, err := strconv.ParseInt(digits, 10, 64)
	return step, err == nil && step >= 0 && name == StepName(step)
}

// Load checks one checkpoint folder against its manifest, sums included.
func Load(dir string) (*Checkpoint, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Dir: dir, Step: m.Step}
	for name, entry := range m.Files {
		if err := verify(filepath.Join(dir, name), entry); err != nil {
			return nil, err
		}
		c.Files = append(c.Files, name)
	}
	slices.Sort(c.Files)
	return c, nil
}

// readManifest also compares the sizes, which costs nothing.
func readManifest(dir string) (manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{}, incomplete("%s has no %s: it is not a complete checkpoint", dir, ManifestFile)
	}
	if err != nil {
		return manifest{}, err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return manifest{}, incomplete("%s: %v", path, err)
	}
	for name, entry := range m.Files {
		if name != filepath.Base(name) {
			return manifest{}, incomplete("%s names %q, which is no plain file name", path, name)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return manifest{}, incomplete("%s is missing, its manifest names it", filepath.Join(dir, name))
		}
		if err != nil {
			return manifest{}, err
		}
		if info.Size() != entry.Bytes {
			return manifest{}, incomplete("%s has %d bytes, its manifest says %d", filepath.Join(dir, name), info.Size(), entry.Bytes)
		}
	}
	return m, nil
}

func verify(path string, entry fileEntry) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := crc32.New(castagnoli)
	if _, err := io.CopyBuffer(hash, file, make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if sum := fmt.Sprintf("%08x", hash.Sum32()); sum != entry.CRC32C {
		return incomplete("%s is corrupt: its CRC-32C is %s, its manifest says %s", path, sum, entry.CRC32C)
	}
	return nil
}

// Resolve finds the file of weights that a path on the command line means: a
// file itself, a checkpoint's folder, a run folder or its "latest".
func Resolve(path string, warn func(message string)) (string, error) {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	switch {
	case filepath.Base(path) == LatestName && IsRunFolder(filepath.Dir(path)):
		// The link may be missing or older than the newest checkpoint.
		path = filepath.Dir(path)
	case err != nil:
		return "", err
	case !info.IsDir():
		return path, nil
	case !IsRunFolder(path):
		c, err := Load(path)
		if err != nil {
			return "", fmt.Errorf("%w; a run folder, a checkpoint folder or a file is needed", err)
		}
		return filepath.Join(c.Dir, ModelFile), nil
	}
	c, err := Newest(path, warn)
	if err != nil {
		return "", err
	}
	return filepath.Join(c.Dir, ModelFile), nil
}

// IsRunFolder tells a run folder by its folder of checkpoints.
func IsRunFolder(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, CheckpointsDir))
	return err == nil && info.IsDir()
}
