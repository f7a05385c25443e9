// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"seer/data/source"
	"seer/internal/redact"
	"seer/runfolder"
)

// output is a file that a command is asked to write. It is checked before any work: a name that cannot be written, or
// must not be, would else show after hours.
type output struct {
	flag    string   // that names it
	path    string   // as given
	what    string   // the format, in words
	endings []string // of its names; the first one is suggested
	inputs  []string // files, folders and patterns that the command reads; URLs and empty ones do no harm
}

// promises are the endings that tell a reader, or a program, which format to expect.
var promises = strings.Fields(".safetensors .pth .pt .torch .ckpt .bin .pkl .pickle .onnx .gguf .h5 .hdf5 .keras .pb .tflite .msgpack " +
	".npy .npz .mat .csv .tsv .parquet .arrow .feather .json .jsonl .ndjson .toml .yaml .yml .xml .txt .lst .list .log .md .html .htm .pdf .svg " +
	".png .jpg .jpeg .jpe .jfif .gif .webp .bmp .tif .tiff .avif .heic .seeridx .idx .tar .zip .gz .xz .zst .bz2 .7z .py .go .sh")

// runFiles are the names in a run folder that the run itself keeps.
var runFiles = []string{
	runfolder.ConfigFile, "layout.json", "lock", runfolder.LatestName, runfolder.BestName, runfolder.CheckpointsDir, "snapshots",
	runfolder.VersionsFile, runfolder.MetricsLog, runfolder.BadImagesLog, resultsFile, recipeFile,
}

// check says why the file cannot be written.
func (o output) check() error {
	if err := o.checkName(); err != nil {
		return fmt.Errorf("--%s %s: %w", o.flag, o.path, err)
	}
	if err := o.checkPlace(); err != nil {
		return fmt.Errorf("--%s %s: %w", o.flag, o.path, err)
	}
	return nil
}

// checkPlace looks at the folder, and at what has the name now.
func (o output) checkPlace() error {
	info, err := os.Stat(o.path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	there := err == nil
	real := o.path
	if there {
		if err := o.checkReplaced(info); err != nil {
			return err
		}
		if real, err = filepath.EvalSymlinks(o.path); err != nil {
			return err
		}
	}
	folder := filepath.Dir(real)
	if err := checkFolder(folder); err != nil {
		return err
	}
	if folder, err = realFolder(folder); err != nil {
		return err
	}
	if run := runAround(folder, filepath.Base(real)); run != "" {
		return fmt.Errorf("is a file that the run %s keeps: choose another name", run)
	}
	if !there {
		return nil
	}
	for _, input := range o.inputs {
		if isInput(input, filepath.Join(folder, filepath.Base(real)), info) {
			return fmt.Errorf("belongs to what the command reads (%s), and would be replaced: choose another name", redact.URL(input))
		}
	}
	return nil
}

// realFolder is the absolute name of a folder without links.
func realFolder(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// runAround is the run folder that keeps files of this name in this folder, "" where there is none.
func runAround(folder, name string) string {
	for {
		if slices.Contains(runFiles, name) {
			if _, err := os.Stat(filepath.Join(folder, runfolder.ConfigFile)); err == nil {
				return folder
			}
		}
		if folder == filepath.Dir(folder) {
			return ""
		}
		folder, name = filepath.Dir(folder), filepath.Base(folder)
	}
}

func (o output) checkName() error {
	switch absolute, err := filepath.Abs(o.path); {
	case o.path == "":
		return fmt.Errorf("is empty: name a file, such as out%s", o.endings[0])
	case o.path == "-":
		return fmt.Errorf("this program writes %s to files only: name one, such as out%s", o.what, o.endings[0])
	case err != nil:
		return err
	case under(absolute, "/dev") && !under(absolute, "/dev/shm"), under(absolute, "/proc"), under(absolute, "/sys"):
		return fmt.Errorf("is the system's: name a file to write, such as out%s", o.endings[0])
	}
	ending := strings.ToLower(filepath.Ext(o.path))
	if slices.Contains(promises, ending) && !slices.Contains(o.endings, ending) {
		return fmt.Errorf("the file will be %s, and the name says %s: name it %s", o.what, ending, o.suggestion())
	}
	return nil
}

// suggestion is the name with an ending of its own format.
func (o output) suggestion() string {
	return strings.TrimSuffix(o.path, filepath.Ext(o.path)) + o.endings[0]
}

// checkReplaced looks at what has the name now.
func (o output) checkReplaced(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return fmt.Errorf("is a folder: name a file in it, such as %s", filepath.Join(o.path, "out"+o.endings[0]))
	case !mode.IsRegular():
		return fmt.Errorf("is not a regular file (%s): name a file to write", mode.Type())
	}
	return nil
}

// checkGiven is check where the flag was given: such an output is optional.
func (o output) checkGiven(c *cli.Context) error {
	if !c.IsSet(o.flag) {
		return nil
	}
	return o.check()
}

// checkImages looks whether the file is one of the images of a source, which may lie anywhere.
func (o output) checkImages(src source.Source, source string) error {
	info, err := os.Stat(o.path)
	if err != nil {
		return nil // there is none to be replaced
	}
	root := source
	if st, err := os.Stat(source); err != nil || !st.IsDir() {
		root = filepath.Dir(source)
	}
	for i := range src.Len() {
		name := src.Name(i)
		if filepath.Base(name) != info.Name() {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(root, name)
		}
		if sameFile(name, info) {
			return fmt.Errorf("--%s %s: is one of the images of %s, and would be replaced: choose another name", o.flag, o.path, redact.URL(source))
		}
	}
	return nil
}

// isInput tells whether a file is the input, through whatever links, or one of those that it stands for.
func isInput(input, real string, info fs.FileInfo) bool {
	if input == "" {
		return false
	}
	st, err := os.Stat(input)
	if err != nil {
		// A pattern of files; of a URL nothing is here.
		found, _ := filepath.Glob(input)
		return slices.ContainsFunc(found, func(name string) bool { return sameFile(name, info) })
	}
	if !st.IsDir() {
		return os.SameFile(st, info)
	}
	folder, err := realFolder(input)
	return err == nil && under(real, folder) && holdsImages(real)
}

// holdsImages tells by its name whether a command that reads a folder looks at a file in it.
func holdsImages(file string) bool {
	endings := append([]string{".tar", ".parquet", ".idx", ".seeridx"}, source.DefaultExtensions...)
	return slices.Contains(endings, strings.ToLower(filepath.Ext(file)))
}

func sameFile(name string, info fs.FileInfo) bool {
	st, err := os.Stat(name)
	return err == nil && os.SameFile(st, info)
}

// checkFolder wants a folder that can be written.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%w: make the folder first", err)
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("nothing can be written into the folder %s: %w", dir, err)
	}
	return nil
}

// under tells whether a clean absolute path lies in a folder, or is it.
func under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}
