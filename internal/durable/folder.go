// SPDX-License-Identifier: MIT

package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// MkdirAll makes a folder and the parents it lacks, and makes their names
// durable. It returns those that it made, the outermost first, also with an error.
func MkdirAll(disk FS, path string) (made []string, err error) {
	path = filepath.Clean(path)
	info, err := disk.Stat(path)
	if err == nil && info.IsDir() {
		return nil, nil
	}
	if err == nil {
		return nil, &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("a file of that name exists")}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	parent := filepath.Dir(path)
	if parent != path {
		if made, err = MkdirAll(disk, parent); err != nil {
			return made, err
		}
	}
	if err := disk.Mkdir(path); err != nil {
		return made, err
	}
	return append(made, path), disk.SyncDir(parent)
}

// RemoveAll deletes a file or a folder with all it holds; nothing there is fine.
func RemoveAll(disk FS, path string) error {
	info, err := disk.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := disk.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := RemoveAll(disk, filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := disk.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReplaceSymlink makes link point to target, atomically over an older link.
func ReplaceSymlink(disk FS, target, link string) error {
	temp := TempName(link)
	if err := disk.Symlink(target, temp); err != nil {
		return err
	}
	if err := disk.Rename(temp, link); err != nil {
		return errors.Join(err, disk.Remove(temp))
	}
	return disk.SyncDir(filepath.Dir(link))
}
