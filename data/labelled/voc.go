// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// vocClasses are the twenty of PASCAL VOC, in the order of their names.
var vocClasses = []string{"aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
	"diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"}

// openVOC reads the classification task of PASCAL VOC: rows of 1, 0 and, where all objects of a class are difficult, -1.
// They come from ImageSets/Main/<class>_<split>.txt, or where these are missing from the annotations, which say the same.
// Images are in the order of ImageSets/Main/<split>.txt, classes in that of their names.
func (r reader) openVOC() (*Set, error) {
	base, err := r.find("JPEGImages", "VOC20[0-9][0-9]/JPEGImages", "VOCdevkit/VOC20[0-9][0-9]/JPEGImages")
	if err == nil && base == "" {
		err = fmt.Errorf("labelled: %s: no folder JPEGImages, here or in VOC2007 or VOCdevkit/VOC2007, found %s; give the folder that VOCtrainval or VOCtest unpacks into", r.root, listing(r.root))
	}
	if err != nil {
		return nil, err
	}
	r.root = filepath.Dir(base)
	list, err := r.annotations("ImageSets/Main/" + r.Split + ".txt")
	if err != nil {
		return nil, err
	}
	images, err := r.imageFolder("JPEGImages")
	if err != nil {
		return nil, err
	}
	v := voc{reader: r, places: map[string]int{}}
	if err := v.readIDs(list); err != nil {
		return nil, err
	}
	if err := v.readMarks(); err != nil {
		return nil, err
	}
	c := r.newCatalogue(images)
	c.classes, c.rows = v.classes, &rows{}
	for i, id := range v.ids {
		if err := c.addRow([]byte(id+".jpg"), v.marks[i]); err != nil {
			return nil, fmt.Errorf("labelled: %s: %w", list, err)
		}
	}
	return c.finish(list)
}

type voc struct {
	reader
	ids     []string
	places  map[string]int // of ids
	classes []string
	marks   [][]mark
}

func (v *voc) readIDs(list string) error {
	err := readLines(list, func(line []byte) error {
		id := string(line)
		if strings.ContainsAny(id, " \t") || !filepath.IsLocal(id) {
			return fmt.Errorf("%q; a line is the name of an image without its ending, like 000012", cut(id))
		}
		if _, ok := v.places[id]; ok {
			return fmt.Errorf("the image %s is named twice", id)
		}
		v.places[id] = len(v.ids)
		v.ids = append(v.ids, id)
		return v.tick(int64(len(v.ids)))
	})
	v.marks = make([][]mark, len(v.ids))
	return err
}

func (v *voc) readMarks() error {
	ending := "_" + v.Split + ".txt"
	files := glob(v.root, "ImageSets/Main/*"+ending)
	if len(files) == 0 {
		return v.readAnnotations()
	}
	slices.Sort(files)
	for class, file := range files {
		v.classes = append(v.classes, strings.TrimSuffix(filepath.Base(file), ending))
		if err := v.readClass(filepath.Join(v.root, file), class); err != nil {
			return err
		}
	}
	return nil
}

// readClass reads an image and 1, -1 or 0 a line: a class that is there, that is not, or of which all objects are difficult.
func (v *voc) readClass(path string, class int) error {
	seen := make([]bool, len(v.ids))
	n := 0
	err := readLines(path, func(line []byte) error {
		fields := bytes.Fields(line)
		if len(fields) != 2 {
			return fmt.Errorf("%q; a line is an image and 1, 0 or -1", cut(line))
		}
		i, ok := v.places[string(fields[0])]
		switch {
		case !ok:
			return fmt.Errorf("the image %q is not in the list of the split", cut(fields[0]))
		case seen[i]:
			return fmt.Errorf("the image %q is named twice", cut(fields[0]))
		}
		seen[i] = true
		n++
		switch string(fields[1]) {
		case "1":
			v.marks[i] = append(v.marks[i], newMark(class, 1))
		case "0":
			v.marks[i] = append(v.marks[i], newMark(class, -1))
		case "-1":
		default:
			return fmt.Errorf("%q of image %q; allowed are 1, 0 and -1", cut(fields[1]), cut(fields[0]))
		}
		return nil
	})
	if err == nil && n != len(v.ids) {
		missing := v.ids[slices.Index(seen, false)]
		err = fmt.Errorf("labelled: %s: %d of the %d images of the split; %s is missing", path, n, len(v.ids), missing)
	}
	return err
}

// maxXML bounds an annotation; those of VOC have a few kilobytes.
const maxXML = 1 << 20

func (v *voc) readAnnotations() error {
	v.classes = vocClasses
	for i, id := range v.ids {
		path := filepath.Join(v.root, "Annotations", id+".xml")
		content, err := readBounded(path, maxXML)
		if err != nil {
			return fmt.Errorf("%w; labels are in ImageSets/Main/<class>_%s.txt or in Annotations/<image>.xml", err, v.Split)
		}
		if v.marks[i], err = vocMarks(content); err != nil {
			return fmt.Errorf("labelled: %s: %w", path, err)
		}
		if err := v.tick(int64(i + 1)); err != nil {
			return err
		}
	}
	return nil
}

// vocMarks reads the classes of an annotation. One object that is not difficult is enough for a class to be there.
func vocMarks(content []byte) ([]mark, error) {
	var a struct {
		XMLName xml.Name `xml:"annotation"`
		Objects []struct {
			Name      string `xml:"name"`
			Difficult string `xml:"difficult"`
		} `xml:"object"`
	}
	if err := xml.Unmarshal(content, &a); err != nil {
		return nil, err
	}
	values := map[int]int8{}
	for _, o := range a.Objects {
		class, ok := slices.BinarySearch(vocClasses, strings.TrimSpace(o.Name))
		if !ok {
			return nil, fmt.Errorf("an object is a %q, which is none of the %d classes: %s", cut(o.Name), len(vocClasses), strings.Join(vocClasses, ", "))
		}
		switch difficult := strings.TrimSpace(o.Difficult); difficult {
		case "", "0":
			values[class] = 1
		case "1":
			if values[class] == 0 {
				values[class] = -1
			}
		default:
			return nil, fmt.Errorf("difficult is %q; allowed are 0 and 1", cut(difficult))
		}
	}
	var marks []mark
	for class, value := range values {
		marks = append(marks, newMark(class, value))
	}
	return marks, nil
}
