// SPDX-License-Identifier: MIT

package runfolder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"seer/internal/durable"
)

// Weights is what a path on the command line leads to.
type Weights struct {
	File string // of tensors, or a folder that another program has written
	// Checkpoint is the folder that the file belongs to, and Run the run folder
	// around that; empty where there is none.
	Checkpoint, Run string
	// Config is the file with the experiment that made the weights: the checkpoint's
	// own, and for one without, the run's. Empty where there is none.
	Config string
}

// Find finds the weights that a path means: a run folder, its "latest" or its
// "checkpoints", a checkpoint's folder (of a run, copied elsewhere, the working
// directory), a file in one, or any file or folder by itself. What belongs to a
// checkpoint is compared with its manifest. Damaged checkpoints of a run are passed
// over, and go to warn.
func Find(path string, warn func(message string)) (*Weights, error) {
	path = filepath.Clean(path)
	if run, ok := runIn(path); ok {
		return newestWeights(run, ModelFile, warn)
	}
	// The link may be missing or older than the newest checkpoint.
	dir := filepath.Dir(path)
	if filepath.Base(dir) == LatestName && IsRunFolder(filepath.Dir(dir)) {
		return newestWeights(filepath.Dir(dir), filepath.Base(path), warn)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir() && !IsCheckpoint(path):
		return &Weights{File: path}, nil // which another program may have written
	case info.IsDir():
		w, err := weightsIn(path, ModelFile)
		if err != nil {
			return nil, fmt.Errorf("%w; a run folder, a checkpoint folder or a file is needed", err)
		}
		return w, nil
	}
	if hasManifest(dir) {
		return weightsIn(dir, filepath.Base(path))
	}
	// A link may lead into a checkpoint.
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path && hasManifest(filepath.Dir(real)) {
		return weightsIn(filepath.Dir(real), filepath.Base(real))
	}
	return &Weights{File: path}, nil
}

// hasManifest tells a folder whose files are to be compared with their manifest. A
// file beside another program's manifest, or without one, stands for itself.
func hasManifest(dir string) bool {
	if !exists(filepath.Join(dir, ManifestFile)) {
		return false
	}
	_, err := decodeManifest(durable.Disk, dir)
	return err == nil || exists(filepath.Join(dir, StateFile))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// runIn tells a run folder, its link to the newest checkpoint and its folder of
// checkpoints.
func runIn(path string) (run string, ok bool) {
	if IsRunFolder(path) {
		return path, true
	}
	if base := filepath.Base(path); base == LatestName || base == CheckpointsDir {
		return filepath.Dir(path), IsRunFolder(filepath.Dir(path))
	}
	absolute, err := filepath.Abs(path) // such as ".." within a checkpoint
	if err != nil || filepath.Base(absolute) != CheckpointsDir {
		return "", false
	}
	return filepath.Dir(absolute), IsRunFolder(filepath.Dir(absolute))
}

// IsCheckpoint tells a checkpoint's folder, complete or not.
func IsCheckpoint(dir string) bool {
	for _, name := range []string{ManifestFile, StateFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	_, named := parseStep(filepath.Base(dir))
	return named
}

// IsRunFolder tells a run folder by its folder of checkpoints.
func IsRunFolder(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, CheckpointsDir))
	return err == nil && info.IsDir()
}

func newestWeights(run, name string, warn func(string)) (*Weights, error) {
	c, err := Newest(run, warn)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.Files, name) {
		return nil, fmt.Errorf("%s has no %s: it has %v", c.Dir, name, c.Files)
	}
	return &Weights{
		File: filepath.Join(c.Dir, name), Checkpoint: c.Dir, Run: run,
		Config: configOf(c.Dir, run, slices.Contains(c.Files, ConfigFile)),
	}, nil
}

// weightsIn finds a file of a checkpoint's folder. Only what is needed is read: a
// copy without the optimizer will do.
func weightsIn(dir, name string) (*Weights, error) {
	m, err := decodeManifest(durable.Disk, dir)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, name)
	if _, named := m.Files[name]; !named {
		if name == ModelFile {
			return nil, incomplete("%s names no %s", filepath.Join(dir, ManifestFile), name)
		}
		return &Weights{File: file}, nil // something that was put there
	}
	_, own := m.Files[ConfigFile]
	for _, part := range []string{name, ConfigFile} {
		if entry, ok := m.Files[part]; ok {
			if err := verify(durable.Disk, dir, part, entry); err != nil {
				return nil, err
			}
		}
	}
	run := runAround(dir)
	return &Weights{File: file, Checkpoint: dir, Run: run, Config: configOf(dir, run, own)}, nil
}

// Experiment finds the experiment file of a run, given its folder or anything in it
// that leads to weights, and the folder to keep results in: the run's, or that of a
// checkpoint which was copied elsewhere. file is empty where there is none.
func Experiment(path string) (file, dir string, err error) {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if run, ok := runIn(path); ok { // the link may be missing
		return configOf("", run, false), run, nil
	}
	if err != nil {
		return "", "", err
	}
	if !info.IsDir() {
		path = filepath.Dir(path)
	}
	if run := runAround(path); run != "" {
		return configOf("", run, false), run, nil
	}
	return configOf(path, "", exists(filepath.Join(path, ConfigFile))), path, nil
}

// configOf prefers the checkpoint's own experiment.
func configOf(checkpoint, run string, own bool) string {
	if own {
		return filepath.Join(checkpoint, ConfigFile)
	}
	if file := filepath.Join(run, ConfigFile); run != "" && exists(file) {
		return file
	}
	return ""
}

// runAround finds the run folder of a checkpoint, which may be named by a link or
// from within.
func runAround(dir string) string {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	candidates := []string{dir, absolute}
	if real, err := filepath.EvalSymlinks(absolute); err == nil {
		candidates = append(candidates, real)
	}
	for _, c := range candidates {
		if parent := filepath.Dir(c); filepath.Base(parent) == CheckpointsDir && IsRunFolder(filepath.Dir(parent)) {
			return filepath.Dir(parent)
		}
	}
	return ""
}
