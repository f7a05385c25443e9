// SPDX-License-Identifier: MIT

package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// A folder is what it holds: images before anything else, hidden names never.
func TestKindOfFolders(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"nothing":                         {"", "folder"},
		"images":                          {"a.jpg b.PNG", "folder"},
		"images and a shard":              {"a.jpg backup.tar", "folder"},
		"images and a table":              {"a.jpg t.parquet", "folder"},
		"images and an IDX file":          {"a.jpg x.idx", "folder"},
		"images and everything":           {"a.jpg x.idx t.parquet s.tar l.txt", "folder"},
		"shards":                          {"0.tar 1.tar README.md shards.json", "tar"},
		"shards in capitals":              {"0.TAR", "tar"},
		"shards and their indexes":        {"0.tar 0.tar.seeridx", "tar"},
		"shards and hidden images":        {"0.tar .a.jpg", "tar"},
		"shards and a hidden folder":      {"0.tar .cache/huggingface/download/0.tar.metadata", "tar"},
		"shards and hidden other kinds":   {"0.tar .x.idx .t.parquet", "tar"},
		"shards and a folder of text":     {"0.tar logs/a.txt logs/deep/b.txt", "tar"},
		"shards and a folder of images":   {"0.tar old/deep/a.jpg", "folder"},
		"tables and a hidden folder":      {"t.parquet .git/config", "urls"},
		"tables and a folder of images":   {"t.parquet a/b.jpg", "folder"},
		"IDX files and a hidden folder":   {"train-images-idx3-ubyte .ipynb_checkpoints/x", "idx"},
		"IDX in capitals":                 {"TRAIN-IMAGES-IDX3-UBYTE.GZ", "idx"},
		"folders of shards":               {"data/0.tar", "folder"},
		"shards and tables":               {"0.tar t.parquet", "1 tar shards, 1 parquet files and no images: set data.kind to one of tar, urls"},
		"shards and IDX files":            {"0.tar 1.tar x.idx", "2 tar shards, 1 IDX files and no images: set data.kind to one of tar, idx"},
		"shards, tables and more folders": {"0.tar t.parquet logs/x", "set data.kind to one of tar, urls"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			touch(t, dir, strings.Fields(c.files)...)
			kind, err := (&Location{Path: dir}).resolveKind()
			if strings.Contains(c.want, " ") {
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, dir)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, kind)
		})
	}
}

// What lies beside the files of a kind is said.
func TestWhatLiesBesideIsSaid(t *testing.T) {
	dir := datatest.Shards(t, 2, 3, 1)
	touch(t, dir, "README.md", ".cache/x", "logs/a.txt", "meta.json")
	require.NoError(t, os.Rename(filepath.Join(dir, "shard-001.tar"), filepath.Join(dir, "SHARD-000.TAR")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.tar"), 0o755))
	for range 2 { // the second time by the indexes beside the shards, which do not count
		s := open(t, Location{Path: dir, WriteIndex: true})
		require.EqualValues(t, 6, s.Len())
		require.Equal(t, "left out: 2 folders (folder.tar, …), 1 .json (meta.json), 1 .md (README.md), 1 hidden (.cache)", ListingOf(s).String())
	}
	images := t.TempDir()
	touch(t, images, "a.jpg", "b.jpg")
	datatest.Write(t, filepath.Join(images, "backup.tar"), datatest.Tar(file("old.jpg", "x")))
	s := open(t, Location{Path: images})
	require.EqualValues(t, 2, s.Len())
	require.Equal(t, "left out: 1 .tar (backup.tar)", ListingOf(s).String())
	require.EqualValues(t, 1, open(t, Location{Path: images, Kind: "tar"}).Len(), "what is said beats what it looks like")
}

func TestArchivesThatAreNotRead(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{"x.zip": "unpack it", "x.tgz": "compressed as a whole, with gzip", "x.tar.gz": "unpack it first"} {
		datatest.Write(t, filepath.Join(dir, name), datatest.Gzip([]byte("x")))
		_, err := Open(Location{Path: filepath.Join(dir, name)})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, name)
	}
}

// A pattern finds what it says, or is an error: a shard must not be missed without a word.
func TestPatternsThatFindNothing(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "a-0.tar", ".b-0.tar")
	_, _, err := expandFiles(filepath.Join(dir, "{a,b}-*.tar"), ".tar")
	require.ErrorContains(t, err, "no file matches "+filepath.Join(dir, "b-*.tar"))
	got, _, err := expandFiles(filepath.Join(dir, "*.tar"), ".tar")
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "a-0.tar")}, got, "hidden files are left out")
}
