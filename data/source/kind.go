// SPDX-License-Identifier: MIT

package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"seer/data/remote"
)

// resolveKind turns "auto" into the kind that the path looks like.
func (spec *Location) resolveKind() (string, error) {
	if spec.Path == "" {
		return "", fmt.Errorf("data: the source is empty; give a folder, a list, tar shards, an IDX file or a list of URLs")
	}
	if remote.Is(spec.Path) {
		return spec.remoteKind()
	}
	if spec.Kind != "" && spec.Kind != "auto" {
		if !slices.Contains(Kinds, spec.Kind) {
			return "", fmt.Errorf("data: %s: unknown kind %q; allowed are %s", spec.Path, spec.Kind, strings.Join(Kinds, ", "))
		}
		return spec.Kind, nil
	}
	st, err := os.Stat(spec.Path)
	switch {
	case err == nil && st.IsDir():
		return kindOfFolder(spec.Path)
	case err == nil:
		return kindOfFile(spec.Path)
	case isTarName(spec.Path):
		return "tar", nil // a pattern; expanding it reports what is missing
	case isParquetName(spec.Path):
		return "urls", nil
	}
	return "", fmt.Errorf("data: source %s: %w", spec.Path, err)
}

// remoteKind allows what can be read by ranges: tar shards.
func (spec *Location) remoteKind() (string, error) {
	if spec.Kind == "tar" || spec.Kind == "" || spec.Kind == "auto" {
		path, _, _ := strings.Cut(spec.Path, "?")
		if spec.Kind == "tar" || isTarName(path) {
			return "tar", nil
		}
	}
	return "", fmt.Errorf("data: %s: only tar shards are read from URLs, s3://bucket/shard-{000..127}.tar; copy or mount other sources", remote.Name(spec.Path))
}

// contents counts what the kind of a folder is told from. Hidden names never count.
type contents struct {
	images, tars, idxs, parquets int
	folders                      []string
}

func contentsOf(path string) (c contents, err error) {
	entries, err := readFolder(path)
	if err != nil {
		return c, fmt.Errorf("data: source: %w", err)
	}
	for _, e := range entries {
		switch {
		case e.why != "":
		case e.dir:
			c.folders = append(c.folders, e.name)
		case isTarName(e.name):
			c.tars++
		case isIDXName(strings.ToLower(e.name)):
			c.idxs++
		case isParquetName(e.name):
			c.parquets++
		case isImage(e.name, DefaultExtensions):
			c.images++
		}
	}
	return c, nil
}

// kindOfFolder takes a folder for one of images if it holds any, in itself or in a
// folder below, else for the one other kind of files that it holds.
func kindOfFolder(path string) (string, error) {
	c, err := contentsOf(path)
	if err != nil {
		return "", err
	}
	var kinds, found []string
	for _, k := range []struct {
		kind, what string
		n          int
	}{{"tar", "tar shards", c.tars}, {"idx", "IDX files", c.idxs}, {"urls", "parquet files", c.parquets}} {
		if k.n > 0 {
			kinds, found = append(kinds, k.kind), append(found, fmt.Sprintf("%d %s", k.n, k.what))
		}
	}
	switch {
	case c.images > 0 || len(kinds) == 0 || anyImageBelow(path, c.folders):
		return "folder", nil
	case len(kinds) > 1:
		return "", fmt.Errorf("data: the folder %s holds %s and no images: set data.kind to one of %s", path, strings.Join(found, ", "), strings.Join(kinds, ", "))
	}
	return kinds[0], nil
}

// searched is how many entries below a folder of shards are looked at for images:
// where that many hold none, what the folder itself holds is what is meant.
const searched = 10_000

// anyImageBelow looks for an image in folders, those of a level before those below.
func anyImageBelow(root string, folders []string) bool {
	left := searched
	for len(folders) > 0 && left > 0 {
		folder := folders[0]
		folders = folders[1:]
		entries, err := readFolder(filepath.Join(root, folder))
		if err != nil {
			continue // listing says what is wrong
		}
		left -= 1 + len(entries)
		for _, e := range entries {
			switch {
			case e.why != "":
			case e.dir:
				folders = append(folders, filepath.Join(folder, e.name))
			case isImage(e.name, DefaultExtensions):
				return true
			}
		}
	}
	return false
}

func kindOfFile(path string) (string, error) {
	name := strings.ToLower(filepath.Base(path))
	switch filepath.Ext(strings.TrimSuffix(name, ".gz")) {
	case ".tar", ".tgz", ".txz", ".tbz2", ".zst", ".xz", ".bz2":
		return "tar", nil // which says what it thinks of archives that are packed as a whole
	case ".zip", ".7z", ".rar":
		return "", fmt.Errorf("data: source %s: archives of this kind are not read; unpack it into a folder, or into a .tar", path)
	case ".txt", ".lst", ".list", ".tsv":
		return listKind(path), nil
	case ".parquet":
		return "urls", nil
	case sideEnding:
		return "index", nil
	}
	if isIDXName(name) {
		return "idx", nil
	}
	return "", fmt.Errorf("data: source %s: its kind does not show from its name; set the kind to one of %s", path, strings.Join(Kinds[1:], ", "))
}

// isTarName also holds for brace and glob patterns of tar files.
func isTarName(path string) bool { return hasEnding(path, ".tar") }

func hasEnding(path, ending string) bool { return strings.HasSuffix(strings.ToLower(path), ending) }

func isIDXName(name string) bool {
	return strings.Contains(name, "idx3-ubyte") || strings.Contains(name, "idx4-ubyte") ||
		strings.HasSuffix(name, ".idx") || strings.HasSuffix(name, ".idx.gz")
}
