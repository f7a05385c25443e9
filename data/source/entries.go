// SPDX-License-Identifier: MIT

package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// entry is what lies in a folder, with links resolved.
type entry struct {
	name string
	dir  bool
	why  string // it never counts: what it is; "" for files and folders
}

// readFolder lists a folder, sorted by name.
func readFolder(path string) ([]entry, error) {
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	out := make([]entry, len(list))
	for i, d := range list {
		out[i] = resolve(path, d)
	}
	return out, nil
}

func resolve(folder string, d fs.DirEntry) entry {
	e := entry{name: d.Name()}
	mode := d.Type()
	switch {
	case strings.HasPrefix(e.name, "."):
		e.why = isHidden
		return e
	case mode&fs.ModeSymlink != 0:
		st, err := os.Stat(filepath.Join(folder, e.name))
		if err != nil {
			e.why = linkTrouble(err)
			return e
		}
		mode = st.Mode().Type()
	}
	e.dir = mode.IsDir()
	if !e.dir && mode != 0 {
		e.why = "pipes, sockets and devices" // opening a pipe would wait for ever
	}
	return e
}

func linkTrouble(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "links that may not be followed (permission denied)"
	}
	return "dangling links"
}

// folderTrouble says why a folder below the source is passed over, "" where its
// error is one of the disk or the network, which must not make a data set smaller.
func folderTrouble(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "folders that may not be read (permission denied)"
	case errors.Is(err, fs.ErrNotExist):
		return "folders that vanished while they were listed"
	}
	return ""
}

// ending is what a file is counted as that is no image.
func ending(name string) string {
	if ext := filepath.Ext(name); ext != "" {
		return cut(ext, longestEnding)
	}
	return noEnding
}
