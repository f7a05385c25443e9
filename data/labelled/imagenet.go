// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"seer/data/source"
	"slices"
	"strings"
)

// openFolders reads <split>/<class>/…, or class folders right below the root.
func (r reader) openFolders() (*Set, error) {
	dir, err := r.splitFolder(r.Split)
	if err != nil {
		return nil, err
	}
	return r.classFolders(dir)
}

// splitFolder is the folder of a part, or the root where its own folders are the classes.
func (r *reader) splitFolder(candidates ...string) (string, error) {
	dir, err := r.imageFolder(candidates...)
	if s := look(r.root); err != nil && r.Split == "train" && s.folders > 0 && !slices.ContainsFunc(splits, r.has) {
		return r.root, nil
	}
	return dir, err
}

// splits are names of folders that are parts of a data set and not classes.
var splits = []string{"train", "val", "validation", "valid", "test"}

func (r *reader) has(name string) bool {
	_, err := os.Stat(filepath.Join(r.root, name))
	return err == nil
}

// classFolders lists a folder for each class; images are in the bytewise order of their paths, classes in that of their names.
func (r *reader) classFolders(dir string) (*Set, error) {
	src, err := source.OpenContext(r.ctx, source.Location{Path: dir, Kind: "folder", Labels: true, MaxFileBytes: r.MaxFileBytes, Progress: r.Progress})
	if err != nil {
		return nil, fmt.Errorf("labelled: %w", err)
	}
	return &Set{Kind: r.kind, Split: r.Split, source: src, classes: src.Classes()}, nil
}

// openImageNet reads ILSVRC 2012: class folders, or val flat with its labels beside it. Classes are the WordNet numbers in
// their order, as in torchvision, whatever the numbers of the development kit.
func (r reader) openImageNet() (*Set, error) {
	dir, err := r.splitFolder(r.Split, "ILSVRC/Data/CLS-LOC/"+r.Split, "ILSVRC2012_img_"+r.Split)
	if err != nil {
		return nil, err
	}
	if s := look(dir); s.folders == 0 && s.images > 0 {
		return r.flatImageNet(dir)
	}
	set, err := r.classFolders(dir)
	if err != nil {
		return nil, err
	}
	names, err := r.synsets()
	if err == nil {
		set.titles = titlesOf(set.classes, names)
	}
	return set, err
}

// flatImageNet reads images that lie side by side, whose classes are in a file.
func (r *reader) flatImageNet(dir string) (*Set, error) {
	labels := r.Annotations
	if labels == "" {
		var err error
		if labels, err = r.find("LOC_val_solution.csv", devkitName, devkitName+".tar.gz"); err != nil {
			return nil, err
		}
	}
	c := r.newCatalogue(dir)
	switch {
	case r.Split != "val":
		return nil, fmt.Errorf("labelled: %s holds %s and no class folders; the images of the split %q must lie in a folder for each class (%s/n01440764/*.JPEG): unpack the archive of each class into a folder of its name",
			dir, imagesIn(dir), r.Split, r.Split)
	case labels == "":
		return nil, fmt.Errorf("labelled: %s holds %s and no class folders, and %s has neither the development kit %s nor Kaggle's LOC_val_solution.csv; give one of them as the annotations, or move the images into class folders",
			dir, imagesIn(dir), r.root, devkitName)
	case strings.HasSuffix(labels, ".csv"):
		return r.kaggle(c, labels)
	}
	return r.withDevkit(c, labels)
}

func imagesIn(dir string) string {
	entries, _ := os.ReadDir(dir)
	return fmt.Sprintf("%d files", len(entries))
}

// withDevkit joins image i of val to line i of the ground truth.
func (r *reader) withDevkit(c *catalogue, path string) (*Set, error) {
	kit, err := readDevkit(path)
	if err != nil {
		return nil, err
	}
	c.classes, c.titles = kit.classes()
	for i, label := range kit.truth {
		if err := c.addLabel(fmt.Appendf(nil, "ILSVRC2012_val_%08d.JPEG", i+1), label); err != nil {
			return nil, err
		}
	}
	return c.finish(path)
}

// kaggle joins the images of val to the rows of LOC_val_solution.csv: a name, and for each box a class and four numbers.
func (r *reader) kaggle(c *catalogue, path string) (*Set, error) {
	rows, err := readKaggle(path)
	if err != nil {
		return nil, err
	}
	mapping, err := r.synsets()
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		c.classes = append(c.classes, row.class)
	}
	for class := range mapping {
		c.classes = append(c.classes, class)
	}
	slices.Sort(c.classes)
	c.classes = slices.Compact(c.classes)
	if len(mapping) > 0 && len(c.classes) != len(mapping) {
		return nil, fmt.Errorf("labelled: %s has classes that the list of synsets in %s lacks: it has %d, together they are %d; both must be of the same data set", path, r.root, len(mapping), len(c.classes))
	}
	c.titles = titlesOf(c.classes, mapping)
	for _, row := range rows {
		label, _ := slices.BinarySearch(c.classes, row.class)
		if err := c.addLabel([]byte(row.image+".JPEG"), int32(label)); err != nil {
			return nil, fmt.Errorf("labelled: %s: %w", path, err)
		}
	}
	return c.finish(path)
}

type kaggleRow struct{ image, class string }

// readKaggle returns the rows in the order of the images' names: the file is shuffled.
func readKaggle(path string) ([]kaggleRow, error) {
	var rows []kaggleRow
	err := readLines(path, func(line []byte) error {
		image, rest, ok := bytes.Cut(line, []byte(","))
		if !ok {
			return fmt.Errorf("%q has no comma; a row is an image, a comma and its boxes (n01440764 1 2 3 4)", cut(line))
		}
		if string(image) == "ImageId" {
			return nil
		}
		class, _, _ := bytes.Cut(bytes.TrimSpace(bytes.Trim(rest, `"`)), []byte(" "))
		if !isWordNet(string(class)) {
			return fmt.Errorf("the class %q of %q; it must be a WordNet number like n01440764", cut(class), cut(image))
		}
		rows = append(rows, kaggleRow{string(image), string(class)})
		return nil
	})
	slices.SortStableFunc(rows, func(a, b kaggleRow) int { return cmp.Compare(a.image, b.image) })
	return rows, err
}

// synsets returns what the classes are called, from Kaggle's LOC_synset_mapping.txt or the development kit, if there is one.
func (r *reader) synsets() (map[string]string, error) {
	mapping := filepath.Join(r.root, "LOC_synset_mapping.txt")
	names := map[string]string{}
	err := readLines(mapping, func(line []byte) error {
		class, title, _ := bytes.Cut(line, []byte(" "))
		if !isWordNet(string(class)) {
			return fmt.Errorf("%q does not begin with a WordNet number like n01440764", cut(line))
		}
		names[string(class)] = string(title)
		return nil
	})
	if !errors.Is(err, os.ErrNotExist) {
		return names, err
	}
	path, err := r.find(devkitName, devkitName+".tar.gz")
	if path == "" {
		return nil, err
	}
	kit, err := readDevkit(path)
	if err != nil {
		return nil, err
	}
	for _, s := range kit.synsets {
		names[s.class] = s.title
	}
	return names, nil
}

// titlesOf orders titles as classes; nil where there are none.
func titlesOf(classes []string, names map[string]string) []string {
	if len(names) == 0 {
		return nil
	}
	titles := make([]string, len(classes))
	for i, class := range classes {
		titles[i] = cmp.Or(names[class], class)
	}
	return titles
}
