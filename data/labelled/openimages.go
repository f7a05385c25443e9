// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
)

// openOpenImages reads image-level labels of Open Images: rows of -1, 0 and 1. A class that nobody has looked for in an image
// is unknown. Images are in the order of their ids, classes in that of the list of trainable classes, which without that file
// is that of the descriptions.
func (r reader) openOpenImages() (*Set, error) {
	split := r.Split
	if split == "val" {
		split = "validation"
	}
	path, err := r.annotations("*"+split+"*human-imagelabels.csv", "*"+split+"*imagelabels.csv", "*"+split+"*imagelabels-boxable.csv")
	if err != nil {
		return nil, err
	}
	o := openImages{reader: r, path: path, places: map[string]int32{}}
	if err := o.readClasses(); err != nil {
		return nil, err
	}
	images, name, err := o.folder(split)
	if err != nil {
		return nil, err
	}
	c := r.newCatalogue(images)
	c.classes, c.titles = o.classes, titlesOf(o.classes, o.titles)
	c.rows = &rows{rest: -1}
	if r.UnknownIsNegative {
		c.rows.rest = 0
	}
	if err := o.read(c.skipped, c.remarks); err != nil {
		return nil, err
	}
	if err := o.each(func(id uint64, marks []mark) error { return c.addRow(name(id), marks) }); err != nil {
		return nil, fmt.Errorf("labelled: %s: %w", path, err)
	}
	return c.finish(path)
}

type openImages struct {
	reader
	path    string
	classes []string
	titles  map[string]string
	places  map[string]int32
	some    bool // classes are only some of those that are labelled

	ids   []uint64 // one for each run of rows about the same image
	ends  []int64  // where its marks end
	marks []mark
}

// readClasses reads which classes there are and what they are called.
func (o *openImages) readClasses() error {
	trainable, err := o.find("*classes-trainable.txt")
	if err != nil {
		return err
	}
	described, err := o.find("*class-descriptions.csv", "*class-descriptions-boxable.csv")
	if err != nil {
		return err
	}
	if described != "" {
		if o.titles, err = o.readTitles(described); err != nil {
			return err
		}
	}
	switch {
	case trainable != "":
		o.classes, o.some = nil, true
		err = readLines(trainable, func(line []byte) error { o.classes = append(o.classes, string(line)); return nil })
	case described == "":
		err = fmt.Errorf("labelled: %s: the list of classes is missing: looked for *classes-trainable.txt and *class-descriptions.csv, found %s; they are published beside the labels", o.root, listing(o.root))
	}
	if err != nil {
		return err
	}
	list := cmp.Or(trainable, described)
	for i, class := range o.classes {
		if _, ok := o.places[class]; ok {
			return fmt.Errorf("labelled: %s: the class %q is named twice", list, cut(class))
		}
		o.places[class] = int32(i)
	}
	return checkClasses(list, len(o.classes))
}

// readTitles reads a machine name and a description a row, with or without a header, and takes their order for that of the classes.
func (o *openImages) readTitles(path string) (map[string]string, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows := csv.NewReader(io.LimitReader(f, maxElement))
	rows.FieldsPerRecord, rows.LazyQuotes = 2, true
	titles := map[string]string{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return titles, nil
		} else if err != nil {
			return nil, fmt.Errorf("labelled: %s: %w; a row is a name and a description (/m/011k07,Tortoise)", path, err)
		}
		if row[0] == "LabelName" {
			continue
		}
		o.classes = append(o.classes, row[0])
		titles[row[0]] = row[1]
	}
}

// folder finds where images lie: in a folder, or in one for each first digit as the archives unpack (train_0 to train_f).
func (o *openImages) folder(split string) (string, func(id uint64) []byte, error) {
	flat := func(id uint64) []byte { return fmt.Appendf(nil, "%016x.jpg", id) }
	digits := func(id uint64) []byte { return fmt.Appendf(nil, "%s_%x/%016x.jpg", split, id>>60, id) }
	for _, dir := range []string{cmp.Or(o.Images, o.root), filepath.Join(o.root, split)} {
		if len(glob(dir, split+"_[0-9a-f]")) > 0 {
			return dir, digits, nil
		}
	}
	dir, err := o.imageFolder(split, "images/"+split)
	return dir, flat, err
}

// columns are the places of what is read in a row.
type columns struct{ image, class, confidence, n int }

func header(line []byte) (columns, error) {
	c := columns{-1, -1, -1, 0}
	for i, name := range bytes.Split(line, []byte(",")) {
		switch string(name) {
		case "ImageID":
			c.image = i
		case "LabelName":
			c.class = i
		case "Confidence":
			c.confidence = i
		}
		c.n++
	}
	if c.image < 0 || c.class < 0 || c.confidence < 0 {
		return c, fmt.Errorf("the header is %q; expected is ImageID,Source,LabelName,Confidence", cut(line))
	}
	return c, nil
}

// read reads all rows. Those about one image mostly follow each other, which keeps an image to a few bytes.
func (o *openImages) read(skipped, remarks counts) error {
	var c columns
	var fields [][]byte
	return readLines(o.path, func(line []byte) (err error) {
		if c.n == 0 {
			c, err = header(line)
			return err
		}
		fields = fields[:0]
		for field := range bytes.SplitSeq(line, []byte(",")) {
			fields = append(fields, field)
		}
		if len(fields) != c.n {
			return fmt.Errorf("%d fields; the header has %d", len(fields), c.n)
		}
		return o.row(fields[c.image], fields[c.class], fields[c.confidence], skipped, remarks)
	})
}

func (o *openImages) row(image, class, confidence []byte, skipped, remarks counts) error {
	id, err := strconv.ParseUint(string(image), 16, 64)
	if err != nil || len(image) != 16 {
		return fmt.Errorf("the image %q; its name must be 16 hexadecimal digits", cut(image))
	}
	sure, err := strconv.ParseFloat(string(confidence), 64)
	if err != nil || !(sure >= 0 && sure <= 1) {
		return fmt.Errorf("the confidence %q; allowed are 0, not there, to 1, there", cut(confidence))
	}
	place, ok := o.places[string(class)]
	switch {
	case !ok && !o.some:
		return fmt.Errorf("the class %q is none of the %d that are described", cut(class), len(o.classes))
	case !ok:
		skipped.add("labels of classes that are not trainable", string(class))
		return nil
	}
	value := int8(sure)
	if sure != 0 && sure != 1 {
		remarks.add("labels of machines that people have not verified, taken for unknown", string(image))
		value = -1
	}
	if n := len(o.ids); n == 0 || o.ids[n-1] != id {
		o.ids, o.ends = append(o.ids, id), append(o.ends, 0)
		if err := o.tick(int64(n)); err != nil {
			return err
		}
	}
	o.marks = append(o.marks, newMark(int(place), value))
	o.ends[len(o.ends)-1] = int64(len(o.marks))
	return nil
}

// each hands out every image once, in the order of ids.
func (o *openImages) each(fn func(id uint64, marks []mark) error) error {
	order := make([]int32, len(o.ids))
	for i := range order {
		order[i] = int32(i)
	}
	if !slices.IsSorted(o.ids) {
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(o.ids[a], o.ids[b]) })
	}
	var marks []mark
	for k, run := range order {
		var from int64
		if run > 0 {
			from = o.ends[run-1]
		}
		marks = append(marks, o.marks[from:o.ends[run]]...)
		if k+1 < len(order) && o.ids[order[k+1]] == o.ids[run] {
			continue
		}
		if err := fn(o.ids[run], marks); err != nil {
			return err
		}
		marks = marks[:0]
	}
	return nil
}
