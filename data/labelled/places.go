// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// openPlaces reads the lists of Places365 (/a/airfield/00000001.jpg 0) and Places205 (a/abbey/gsun_….jpg,0). Images are in
// the order of the list, classes in that of their numbers.
func (r reader) openPlaces() (*Set, error) {
	labels, err := r.annotations("places365_"+r.Split+"_standard.txt", "places365_"+r.Split+".txt", "places365_"+r.Split+"_challenge.txt", r.Split+"_places205.csv")
	if err != nil {
		return nil, err
	}
	names, err := r.find("categories_places365.txt", "categoryIndex_places205.csv")
	if err == nil && names == "" {
		err = fmt.Errorf("labelled: %s: the names of the classes are missing: looked for categories_places365.txt and categoryIndex_places205.csv, found %s; they come with the lists", r.root, listing(r.root))
	}
	if err != nil {
		return nil, err
	}
	images, err := r.imageFolder(placesFolders(r.Split, filepath.Base(labels))...)
	if err != nil {
		return nil, err
	}
	c := r.newCatalogue(images)
	if c.classes, err = readCategories(names); err != nil {
		return nil, err
	}
	err = readLines(labels, func(line []byte) error {
		name, label, err := splitLabel(line)
		if err != nil {
			return err
		}
		if label < 0 || label >= len(c.classes) {
			return fmt.Errorf("label %d of %q; %s has %d classes, allowed are 0 to %d", label, cut(name), filepath.Base(names), len(c.classes), len(c.classes)-1)
		}
		return c.addLabel(bytes.TrimLeft(name, "/"), int32(label))
	})
	if err != nil {
		return nil, err
	}
	return c.finish(labels)
}

// placesFolders are the names of the published archives' folders, those of whole images before those of 256 pixels.
func placesFolders(split, list string) []string {
	if strings.HasSuffix(list, "_places205.csv") {
		return []string{"images256", "data/vision/torralba/deeplearning/images256", "images"}
	}
	if split != "train" {
		return []string{split + "_large", split + "_256", split}
	}
	variant := "standard"
	if strings.Contains(list, "challenge") {
		variant = "challenge"
	}
	return []string{"data_large_" + variant, "data_large", "data_256_" + variant, "data_256", "train"}
}

// splitLabel splits a name from the number after its last blank or comma.
func splitLabel(line []byte) (name []byte, label int, err error) {
	i := bytes.LastIndexAny(line, " \t,")
	if i < 0 {
		return nil, 0, fmt.Errorf("%q has no label; a line is a name, a blank or a comma and the number of a class (the published test split has none)", cut(line))
	}
	label, err = strconv.Atoi(string(line[i+1:]))
	if err != nil {
		return nil, 0, fmt.Errorf("label %q of %q; it must be the number of a class", cut(line[i+1:]), cut(line[:i]))
	}
	return bytes.TrimRight(line[:i], " \t,"), label, nil
}

// readCategories reads a name and its number a line: every number from 0 on once.
func readCategories(path string) ([]string, error) {
	found := map[int]string{}
	err := readLines(path, func(line []byte) error {
		name, n, err := splitLabel(line)
		switch {
		case err != nil:
			return err
		case n < 0 || n >= maxClasses:
			return fmt.Errorf("class number %d; allowed are 0 to %d", n, maxClasses-1)
		case found[n] != "":
			return fmt.Errorf("%q and %q have both the number %d", found[n], cut(name), n)
		}
		found[n] = string(name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := checkClasses(path, len(found)); err != nil {
		return nil, err
	}
	classes := make([]string, len(found))
	for i := range classes {
		if classes[i] = found[i]; classes[i] == "" {
			return nil, fmt.Errorf("labelled: %s: %d classes, but none has the number %d; they must be numbered from 0 on", path, len(classes), i)
		}
	}
	return classes, nil
}
