// SPDX-License-Identifier: MIT

package labelled

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

const (
	devkitName  = "ILSVRC2012_devkit_t12"
	truthName   = "ILSVRC2012_validation_ground_truth.txt"
	synsetsName = "meta.mat"
	// maxDevkitFile bounds the files that are read of it: meta.mat has 0.2 MB, the ground truth as much.
	maxDevkitFile = 64 << 20
)

// devkit is what ILSVRC's development kit says about classes and about the labels of val.
type devkit struct {
	synsets []synset // those that are classes, in the order of their WordNet numbers
	truth   []int32  // places in synsets
}

// synset is a row of the table in meta.mat.
type synset struct {
	number       int // that the ground truth uses
	class, title string
}

// readDevkit reads the development kit: its folder, its data folder or its archive.
func readDevkit(path string) (devkit, error) {
	files, err := devkitFiles(path)
	if err != nil {
		return devkit{}, err
	}
	for _, name := range []string{synsetsName, truthName} {
		if files[name] == nil {
			return devkit{}, fmt.Errorf("labelled: %s has no data/%s; give the development kit of ILSVRC 2012, tasks 1 and 2 (%s)", path, name, devkitName)
		}
	}
	var kit devkit
	if kit.synsets, err = readSynsets(files[synsetsName]); err != nil {
		return kit, fmt.Errorf("labelled: %s: %s: %w", path, synsetsName, err)
	}
	kit.truth, err = readTruth(filepath.Join(path, truthName), files[truthName], kit.synsets)
	return kit, err
}

func devkitFiles(path string) (map[string][]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("labelled: the development kit: %w", err)
	}
	if !st.IsDir() {
		return devkitArchive(path)
	}
	files := map[string][]byte{}
	for _, dir := range []string{"data", ".", filepath.Join(devkitName, "data")} {
		for _, name := range []string{synsetsName, truthName} {
			content, err := readBounded(filepath.Join(path, dir, name), maxDevkitFile)
			switch {
			case err == nil && files[name] == nil:
				files[name] = content
			case err != nil && !errors.Is(err, os.ErrNotExist):
				return nil, err
			}
		}
	}
	return files, nil
}

func devkitArchive(name string) (map[string][]byte, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("labelled: %s: %w; the development kit is a folder or a .tar.gz", name, err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, fmt.Errorf("labelled: %s: %w", name, err)
		}
		if base := path.Base(h.Name); base == synsetsName || base == truthName {
			if files[base], err = readAll(name+": "+h.Name, archive, maxDevkitFile); err != nil {
				return nil, err
			}
		}
	}
}

// readSynsets returns the rows of meta.mat that have no children: the thousand classes among 1860 concepts.
func readSynsets(mat []byte) ([]synset, error) {
	table, err := readMAT(mat, "synsets")
	if err != nil {
		return nil, err
	}
	var out []synset
	for i, row := range table.rows {
		children, err := row.number("num_children")
		if err == nil && children != 0 {
			continue
		}
		s := synset{class: row["WNID"].text, title: row["words"].text}
		if err == nil {
			s.number, err = row.number("ILSVRC2012_ID")
		}
		if err == nil && !isWordNet(s.class) {
			err = fmt.Errorf("WNID is %q; it must be a WordNet number like n01440764", cut(s.class))
		}
		if err != nil {
			return nil, fmt.Errorf("row %d of synsets: %w", i+1, err)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b synset) int { return cmp.Compare(a.class, b.class) })
	for i := 1; i < len(out); i++ {
		if out[i].class == out[i-1].class {
			return nil, fmt.Errorf("two synsets are %s", out[i].class)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no synset is a class, every one has children")
	}
	return out, nil
}

// readTruth reads a number a line: the class of the image of that line's number.
func readTruth(name string, text []byte, synsets []synset) ([]int32, error) {
	places := make(map[int]int32, len(synsets))
	for i, s := range synsets {
		places[s.number] = int32(i)
	}
	var truth []int32
	err := lines(name, strings.NewReader(string(text)), func(line []byte) error {
		n, err := strconv.Atoi(string(line))
		place, ok := places[n]
		if err != nil || !ok {
			return fmt.Errorf("label %q; it must be the ILSVRC2012_ID of one of the %d classes in %s", cut(line), len(synsets), synsetsName)
		}
		truth = append(truth, place)
		return nil
	})
	if lines := strings.Count(strings.TrimSpace(string(text)), "\n") + 1; err == nil && lines != len(truth) {
		err = fmt.Errorf("labelled: %s: %d of its %d lines are empty; line i is the label of image i", name, lines-len(truth), lines)
	}
	return truth, err
}

func (k *devkit) classes() (classes, titles []string) {
	for _, s := range k.synsets {
		classes, titles = append(classes, s.class), append(titles, s.title)
	}
	return classes, titles
}
