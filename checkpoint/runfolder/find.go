// SPDX-License-Identifier: MIT

package runfolder

import (
	"fmt"
	"os"
	"path/filepath"
)

// Resolve finds the file of weights that a path on the command line means: a
// file itself, a checkpoint's folder, a run folder or its "latest". A folder that is
// none of these stands for itself.
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
	case !IsRunFolder(path) && !IsCheckpoint(path):
		return path, nil // a folder of weights, which another program may have written
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
