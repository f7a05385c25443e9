// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// writers are the command lines that write a file, without its name, and an ending that the file may have.
func writers(t *testing.T) map[string][]string {
	t.Helper()
	images := coloured(t, 9)
	experiment, run := pretrained(t, images)
	return map[string][]string{
		".safetensors": {"export", run, "--out"},
		".npy":         {"features", "--weights", run, "--images", images, "--size", "32", "--out"},
		".json":        {"knn", run, "--out"},
		".jsonl":       {"data", "verify", images, "--list"},
		".svg":         {"data", "stats", images, "--svg"},
		".png":         {"data", "show", experiment, "--out"},
		".seeridx":     {"data", "index", images, "--out"},
		".html":        {"report", run, "--out"},
	}
}

// Every kind of thing that must not be replaced, and every kind of name that must not be given, in every command.
func TestOutputsAreRefused(t *testing.T) {
	commands := writers(t)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sealed"), 0o555))
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(dir, "null")))
	for ending, args := range commands {
		fifo, folder := filepath.Join(dir, "fifo"+ending), filepath.Join(dir, "folder"+ending)
		require.NoError(t, syscall.Mkfifo(fifo, 0o600))
		require.NoError(t, os.Mkdir(folder, 0o755))
		for path, want := range map[string]string{
			"":                                     "empty",
			"-":                                    "to files only",
			fifo:                                   "is not a regular file",
			folder:                                 "is a folder",
			folder + "/":                           "is a folder",
			filepath.Join(dir, "null"):             "is not a regular file",
			"/dev/null":                            "is the system's",
			"/dev/stdout":                          "is the system's",
			"/proc/self/fd/1":                      "is the system's",
			filepath.Join(dir, "none", "x"+ending): "make the folder first",
			filepath.Join(dir, "x.pth"):            "name it " + filepath.Join(dir, "x"),
			filepath.Join(dir, "x.NPZ"):            "name it " + filepath.Join(dir, "x"),
			filepath.Join(dir, "x.onnx"):           "name it " + filepath.Join(dir, "x"),
			filepath.Join(dir, "x"+ending+".gz"):   "name it " + filepath.Join(dir, "x"+ending),
			filepath.Join(dir, "fifo"+ending, "more"): "not a directory",
		} {
			_, _, err := invoke(t, append(args, path)...)
			assert.ErrorContains(t, err, want, "%v %q", args[:2], path)
		}
		info, err := os.Lstat(fifo)
		require.NoError(t, err)
		assert.Equal(t, os.ModeNamedPipe, info.Mode().Type(), "the pipe is still one")
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2+2*len(commands), "nothing was written, temporary or not")
}

// A name without an ending, or with one that says nothing about a format, is the user's choice; a file of an earlier
// command is replaced.
func TestOutputsTakeOtherNames(t *testing.T) {
	for ending, args := range writers(t) {
		dir := t.TempDir()
		for _, name := range []string{"plain", "model.v2", "out" + ending, "OUT" + strings.ToUpper(ending)} {
			for range 2 {
				_, messages, err := invoke(t, append(args, filepath.Join(dir, name))...)
				require.NoError(t, err, "%v: %s", args, messages)
			}
			assert.FileExists(t, filepath.Join(dir, name))
		}
	}
}

// What a command reads is found behind links and under other names, and stays as it is.
func TestNoCommandReplacesItsInput(t *testing.T) {
	images := coloured(t, 9)
	experiment, run := pretrained(t, images)
	dir := t.TempDir()
	t.Chdir(dir)
	mustInvoke(t, "export", run, "--out", "trunk.safetensors")
	picture := filepath.Join(images, "red", "000.png")
	mustInvoke(t, "data", "index", images, "--out", "all.seeridx")
	datatest.Write(t, "photos.txt", []byte(picture+"\n"))
	datatest.Write(t, "list.lst", []byte(picture+"\n"))
	datatest.Write(t, filepath.Join(dir, "captions", "a.txt"), []byte("a caption\n"))
	require.NoError(t, os.Link("trunk.safetensors", "hard.safetensors"))
	require.NoError(t, os.Symlink("trunk.safetensors", "soft"))
	require.NoError(t, os.Symlink(dir, filepath.Join(t.TempDir(), "elsewhere")))
	require.NoError(t, os.Symlink(picture, "linked.png"))
	require.NoError(t, os.Symlink("photos.txt", "photos-link"))
	model := filepath.Join(run, "checkpoints", "step-000000003", "model.safetensors")
	features := []string{"features", "--size", "32", "--weights", run}
	before := contents(t, images, run, dir)
	for _, args := range [][]string{
		{"export", "trunk.safetensors", "--out", "trunk.safetensors"},
		{"export", "trunk.safetensors", "--out", "./../" + filepath.Base(dir) + "/trunk.safetensors"},
		{"export", "trunk.safetensors", "--out", "hard.safetensors"},
		{"export", "hard.safetensors", "--out", "soft"},
		{"export", "soft", "--out", "trunk.safetensors"},
		{"export", run, "--out", model},
		{"export", "trunk.safetensors", "--out", model},
		{"export", filepath.Join(run, "latest"), "--out", filepath.Join(run, "latest", "model.safetensors")},
		append(features, "--images", "photos.txt", "--out", "photos.npy"), // the names go to photos.txt
		append(features, "--images", "photos-link", "--out", "photos.npy"),
		append(features, "--images", "captions", "--out", "captions/a.npy"),
		{"features", "--size", "32", "--weights", "soft", "--images", images, "--out", "soft"},
		{"data", "index", "all.seeridx", "--out", "all.seeridx"},
		{"data", "verify", "photos.txt", "--list", "photos.txt"},
		{"data", "verify", "photos.tx?", "--kind", "list", "--list", "photos.txt"},
		{"data", "show", experiment, "--out", picture},
		{"data", "show", experiment, "--out", "linked.png"},
		{"data", "show", experiment, "--set", "data.source=list.lst", "--out", picture},
		{"knn", run, "--out", filepath.Join(run, "layout.json")},
		{"knn", run, "--out", filepath.Join(run, "results.jsonl")},
		{"knn", run, "--out", filepath.Join(run, "metrics.jsonl")},
		{"knn", experiment, "--random-init", "--out", experiment},
	} {
		_, _, err := invoke(t, args...)
		assert.Error(t, err, "%v", args)
	}
	assert.Equal(t, before, contents(t, images, run, dir))
	mustInvoke(t, "export", run, "--out", filepath.Join(run, "trunk.safetensors"))
	mustInvoke(t, "export", run, "--out", filepath.Join(run, "trunk.safetensors"))
	mustInvoke(t, "report", run)
	mustInvoke(t, "report", run)
}

// contents are all regular files below some folders.
func contents(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, dir := range dirs {
		require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err == nil && info.Mode().IsRegular() {
				text, err := os.ReadFile(path)
				files[path] = string(text)
				return err
			}
			return err
		}))
	}
	return files
}

func TestOutputsNeedAFolderThatCanBeWritten(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "sealed")
	require.NoError(t, os.Mkdir(dir, 0o555))
	_, _, err := invoke(t, "data", "index", coloured(t, 3), "--out", filepath.Join(dir, "x.seeridx"))
	assert.ErrorContains(t, err, "nothing can be written into the folder "+dir)
}
