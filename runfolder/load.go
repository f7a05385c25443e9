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
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"seer/checkpoint"
	"seer/internal/durable"
)

// Checkpoint is a complete checkpoint on disk.
type Checkpoint struct {
	Dir   string
	Step  int64
	Files []string // sorted, without the manifest

	disk durable.FS
}

// ErrNoCheckpoint says that a run folder holds no checkpoint at all.
var ErrNoCheckpoint = errors.New("no complete checkpoint")

// maxDocument bounds what is read whole into memory: manifests, states and
// configurations have kilobytes.
const maxDocument = 64 << 20

// Open opens one of the checkpoint's files of tensors.
func (c *Checkpoint) Open(name string) (*checkpoint.File, error) {
	return checkpoint.Open(filepath.Join(c.Dir, name))
}

// Read returns the content of one of the checkpoint's documents.
func (c *Checkpoint) Read(name string) ([]byte, error) {
	return readDocument(c.disk, filepath.Join(c.Dir, name))
}

// ReadJSON decodes one of the checkpoint's documents; unknown fields are an
// error, because they are state that would be lost.
func (c *Checkpoint) ReadJSON(name string, v any) error {
	data, err := c.Read(name)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.Dir, name), err)
	}
	return nil
}

// ReadConfig reads the configuration of a run folder, whether or not there are checkpoints in it.
func ReadConfig(dir string) ([]byte, error) {
	return readDocument(durable.Disk, filepath.Join(dir, ConfigFile))
}

// readDocument reads a file whose size was judged first.
func readDocument(disk durable.FS, path string) ([]byte, error) {
	info, err := disk.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, incomplete("%s is not a regular file (%s)", path, info.Mode().Type())
	case info.Size() > maxDocument:
		return nil, incomplete("%s has %d bytes, and such a file at most %d", path, info.Size(), maxDocument)
	}
	file, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
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

// absent reports errors that prove that there is no such file.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// UnusableError says that a run folder holds checkpoints, and that its run cannot
// continue from any: all are damaged, or one could not be read and may be sound.
type UnusableError struct {
	Dir      string
	Problems []Problem // the newest checkpoint first
	// Start says that a run was to continue, and not only to be read.
	Start bool
}

// Problem is a checkpoint and why it cannot be used; a nil Err is one that is
// complete, but older than one that could not be read.
type Problem struct {
	Dir string
	Err error
}

// Error names every checkpoint, its reason, and what can be done.
func (e *UnusableError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "run folder %s holds checkpoints, and none can be used:", e.Dir)
	unread := false
	for _, p := range e.Problems {
		switch {
		case p.Err == nil:
			fmt.Fprintf(&b, "\n  %s is complete, but older than one that could not be read", p.Dir)
		case isIncomplete(p.Err):
			fmt.Fprintf(&b, "\n  %s is damaged: %v", p.Dir, p.Err)
		default:
			unread = true
			fmt.Fprintf(&b, "\n  %s could not be read and may be sound: %v", p.Dir, p.Err)
		}
	}
	b.WriteString("\n")
	b.WriteString(e.advice(unread))
	return b.String()
}

func (e *UnusableError) advice(unread bool) string {
	const beside = "To begin anew beside it, choose another folder: --set run.dir=…"
	switch {
	case !e.Start:
		return "Mend the cause, or name the folder of one checkpoint to use that."
	case unread:
		return "Nothing was changed. Mend the cause (permissions, disk, mount) and start again. To do without a checkpoint, move its folder away. " + beside
	}
	return "Nothing was changed. Bring a checkpoint back from a copy, or move the damaged ones away, which begins the run anew. " + beside
}

// Unwrap gives the reasons to errors.Is.
func (e *UnusableError) Unwrap() []error {
	var errs []error
	for _, p := range e.Problems {
		if p.Err != nil {
			errs = append(errs, p.Err)
		}
	}
	return errs
}

// Newest finds the newest complete checkpoint of a run folder, reading it whole to
// compare its sums, while a training may be writing there. What is damaged is
// passed over and goes to warn. The error is [ErrNoCheckpoint] where there are
// none, and an [UnusableError] where none can be used.
func Newest(dir string, warn func(message string)) (*Checkpoint, error) {
	for {
		before, err := list(durable.Disk, dir)
		if err != nil {
			return nil, err
		}
		c, damaged, err := newest(durable.Disk, dir, before, nil)
		if err != nil {
			// Pruned while they were read? Then there are newer ones.
			if now, e := list(durable.Disk, dir); e == nil && !slices.Equal(before, now) {
				continue
			}
			return nil, err
		}
		for _, p := range damaged {
			if warn != nil {
				warn(fmt.Sprintf("passed over a checkpoint: %v", p.Err))
			}
		}
		return c, nil
	}
}

// Newest finds the newest complete checkpoint of the own folder, as the function
// does. Begin will set aside the damaged ones that it passes over.
func (f *Folder) Newest() (*Checkpoint, error) {
	dirs, err := list(f.disk, f.dir)
	if err != nil {
		return nil, err
	}
	return f.newestOf(dirs)
}

// At is the checkpoint of a step: where a run goes back to. Begin will set aside
// those of later steps.
func (f *Folder) At(step int64) (*Checkpoint, error) {
	dirs, err := list(f.disk, f.dir)
	if err != nil {
		return nil, err
	}
	end := slices.IndexFunc(dirs, func(c candidate) bool { return c.step > step })
	if end < 0 {
		end = len(dirs)
	}
	if end == 0 || dirs[end-1].step != step {
		return nil, fmt.Errorf("%s has no checkpoint of step %d: it has those of steps %v", f.Path(CheckpointsDir), step, stepsOf(dirs))
	}
	begin := slices.IndexFunc(dirs, func(c candidate) bool { return c.step == step })
	c, err := f.newestOf(dirs[begin:end])
	if err != nil {
		return nil, err
	}
	for _, later := range dirs[end:] {
		f.aside = append(f.aside, move{later.dir, leftSuffix, fmt.Sprintf("the run goes back to step %d", step)})
	}
	return c, nil
}

func stepsOf(dirs []candidate) []int64 {
	steps := make([]int64, len(dirs))
	for i, c := range dirs {
		steps[i] = c.step
	}
	return slices.Compact(steps)
}

func (f *Folder) newestOf(dirs []candidate) (*Checkpoint, error) {
	c, damaged, err := newest(f.disk, f.dir, dirs, f.opt.Needs)
	var unusable *UnusableError
	if errors.As(err, &unusable) {
		unusable.Start = true
	}
	if err != nil {
		return nil, err
	}
	f.aside = nil
	for _, p := range damaged {
		f.aside = append(f.aside, move{p.Dir, damagedSuffix, p.Err.Error()})
		f.warn("passed over a damaged checkpoint: %v", p.Err)
	}
	f.sound[c.Dir] = true
	f.newest = c
	return c, nil
}

// newest passes over what is proven to be damaged, and only that.
func newest(disk durable.FS, dir string, dirs []candidate, needs []string) (c *Checkpoint, damaged []Problem, err error) {
	for i, d := range slices.Backward(dirs) {
		c, err := load(disk, d.dir, needs)
		if err == nil {
			return c, damaged, nil
		}
		damaged = append(damaged, Problem{d.dir, err})
		if !isIncomplete(err) {
			for _, older := range slices.Backward(dirs[:i]) {
				_, err := load(disk, older.dir, needs)
				damaged = append(damaged, Problem{older.dir, err})
			}
			break
		}
	}
	if len(damaged) > 0 {
		return nil, nil, &UnusableError{Dir: dir, Problems: damaged}
	}
	return nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, CheckpointsDir), ErrNoCheckpoint)
}

// candidate is a folder with a checkpoint's name, complete or not.
type candidate struct {
	dir  string
	step int64
	old  bool
}

// list returns the candidates in the order of their steps; one that is being
// replaced comes before its successor.
func list(disk durable.FS, dir string) ([]candidate, error) {
	parent := filepath.Join(dir, CheckpointsDir)
	if exists, err := isFolder(disk, parent); err != nil || !exists {
		return nil, err
	}
	entries, err := disk.ReadDir(parent)
	if err != nil {
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
	candidates, err := list(durable.Disk, dir)
	if err != nil {
		return nil, err
	}
	summaries := make([]Summary, len(candidates))
	for i, c := range candidates {
		summaries[i] = Summary{Dir: c.dir, Step: c.step}
		m, err := readManifest(durable.Disk, c.dir)
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
func Load(dir string) (*Checkpoint, error) { return load(durable.Disk, dir, nil) }

func load(disk durable.FS, dir string, needs []string) (*Checkpoint, error) {
	m, err := readManifest(disk, dir)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Dir: dir, Step: m.Step, disk: disk}
	for name := range m.Files {
		c.Files = append(c.Files, name)
	}
	slices.Sort(c.Files)
	if name := missing(c.Files, needs); name != "" {
		return nil, incomplete("%s names no %s", filepath.Join(dir, ManifestFile), name)
	}
	for _, name := range c.Files {
		if err := verify(disk, dir, name, m.Files[name]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// readManifest also compares the sizes, which costs nothing.
func readManifest(disk durable.FS, dir string) (manifest, error) {
	m, err := decodeManifest(disk, dir)
	if err != nil {
		return manifest{}, err
	}
	for name, entry := range m.Files {
		if err := sizeIs(disk, dir, name, entry.Bytes); err != nil {
			return manifest{}, err
		}
	}
	return m, nil
}

func decodeManifest(disk durable.FS, dir string) (manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	data, err := readDocument(disk, path)
	if absent(err) {
		if err := linked(disk, dir); err != nil {
			return manifest{}, err
		}
		return manifest{}, incomplete("%s has no %s: it is not a complete checkpoint", dir, ManifestFile)
	}
	if err != nil {
		return manifest{}, err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return manifest{}, incomplete("%s: %v", path, err)
	}
	step, named := parseStep(strings.TrimSuffix(filepath.Base(dir), oldSuffix))
	switch {
	case len(m.Files) == 0:
		return manifest{}, incomplete("%s names no files", path)
	case named && step != m.Step:
		return manifest{}, incomplete("%s is of step %d", path, m.Step)
	}
	for name := range m.Files {
		if name != filepath.Base(name) {
			return manifest{}, incomplete("%s names %q, which is no plain file name", path, name)
		}
	}
	return m, nil
}

// linked is the error of a folder that is a link to nothing: the disk that it is
// on may not be mounted, which proves nothing.
func linked(disk durable.FS, dir string) error {
	if _, err := disk.Readlink(dir); err != nil {
		return nil
	}
	_, err := disk.Stat(dir)
	return err
}

func sizeIs(disk durable.FS, dir, name string, bytes int64) error {
	path := filepath.Join(dir, name)
	info, err := disk.Stat(path)
	switch {
	case absent(err):
		return incomplete("%s is missing, its manifest names it", path)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return incomplete("%s is not a regular file (%s)", path, info.Mode().Type())
	case info.Size() != bytes:
		return incomplete("%s has %d bytes, its manifest says %d", path, info.Size(), bytes)
	}
	return nil
}

// verify compares a file with its entry: the size, then the sum.
func verify(disk durable.FS, dir, name string, entry fileEntry) error {
	if err := sizeIs(disk, dir, name, entry.Bytes); err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	file, err := disk.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := crc32.New(castagnoli)
	if _, err := io.CopyBuffer(hash, file, make([]byte, min(entry.Bytes+1, 1<<20))); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if sum := fmt.Sprintf("%08x", hash.Sum32()); sum != entry.CRC32C {
		return incomplete("%s is corrupt: its CRC-32C is %s, its manifest says %s", path, sum, entry.CRC32C)
	}
	return nil
}
