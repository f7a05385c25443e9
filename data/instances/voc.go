// SPDX-License-Identifier: MIT

package instances

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"seer/data/mask"
)

// VOCClasses are the twenty of PASCAL VOC, in the order of their names.
var VOCClasses = []string{"aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
	"diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"}

// OpenVOC reads the boxes of a split of PASCAL VOC, or of a data set in its layout: root has ImageSets/Main/<split>.txt and
// Annotations/<name>.xml, or has them in VOCdevkit/VOC2007 or its like. Images and categories are numbered from 1, in the order of
// the list and of classes ([VOCClasses] for nil); files are named relative to root.
//
// VOC counts pixels from 1 and means the last one of a box to be in it: a box of xmin 1 and xmax 3 is here 3 wide from 0, as in
// detectron2.
func OpenVOC(root, split string, classes []string) (*Dataset, error) {
	if classes == nil {
		classes = VOCClasses
	}
	base, err := vocFolder(root, split)
	if err != nil {
		return nil, err
	}
	v := voc{root: root, base: base, classes: map[string]int64{}, data: &Dataset{}}
	for i, name := range classes {
		v.classes[name] = int64(i + 1)
		v.data.Categories = append(v.data.Categories, Category{ID: int64(i + 1), Name: name})
	}
	list := filepath.Join(base, "ImageSets", "Main", split+".txt")
	if err := v.readList(list); err != nil {
		return nil, err
	}
	if len(v.data.Images) == 0 {
		return nil, fmt.Errorf("instances: %s names no images", list)
	}
	return v.data, nil
}

// vocFolder finds the folder of one year.
func vocFolder(root, split string) (string, error) {
	for _, pattern := range []string{".", "VOC20[0-9][0-9]", "VOCdevkit/VOC20[0-9][0-9]"} {
		found, err := filepath.Glob(filepath.Join(root, pattern, "ImageSets", "Main", split+".txt"))
		switch {
		case err != nil:
			return "", fmt.Errorf("instances: %s: %w", root, err)
		case len(found) > 1:
			return "", fmt.Errorf("instances: %s has the split %q of several years: %s; name the folder of one of them", root, split, strings.Join(found, ", "))
		case len(found) == 1:
			return filepath.Dir(filepath.Dir(filepath.Dir(found[0]))), nil
		}
	}
	return "", fmt.Errorf("instances: no ImageSets/Main/%s.txt in %s, nor in VOC2007 or VOCdevkit/VOC2007 there; give the folder that VOCtrainval or VOCtest unpacks into, and a split that it has", split, root)
}

type voc struct {
	root, base string
	classes    map[string]int64
	data       *Dataset
}

func (v *voc) readList(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("instances: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			continue
		}
		if strings.ContainsAny(name, " \t") || !filepath.IsLocal(name) {
			return fmt.Errorf("instances: %s:%d: %.60q; a line is the name of an image without its ending, like 000012", path, n, name)
		}
		if err := v.readImage(name); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("instances: %s: %w", path, err)
	}
	return nil
}

// vocAnnotation is what is read of a file of Annotations.
type vocAnnotation struct {
	XMLName  xml.Name `xml:"annotation"`
	FileName string   `xml:"filename"`
	Width    int      `xml:"size>width"`
	Height   int      `xml:"size>height"`
	Objects  []struct {
		Name      string `xml:"name"`
		Difficult string `xml:"difficult"`
		Box       *struct {
			Left   string `xml:"xmin"`
			Top    string `xml:"ymin"`
			Right  string `xml:"xmax"`
			Bottom string `xml:"ymax"`
		} `xml:"bndbox"`
	} `xml:"object"`
}

// maxVOCFile is far beyond any file of Annotations.
const maxVOCFile = 16 << 20

func (v *voc) readImage(name string) error {
	path := filepath.Join(v.base, "Annotations", name+".xml")
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("instances: %w", err)
	}
	defer f.Close()
	if err := v.read(io.LimitReader(f, maxVOCFile), name); err != nil {
		return fmt.Errorf("instances: %s: %w", path, err)
	}
	return nil
}

func (v *voc) read(r io.Reader, name string) error {
	var a vocAnnotation
	if err := xml.NewDecoder(r).Decode(&a); err != nil {
		return err
	}
	if a.Width < 0 || a.Height < 0 || a.Width > maxSide || a.Height > maxSide {
		return fmt.Errorf("size: width %d and height %d; sides have 1 to %d pixels", a.Width, a.Height, maxSide)
	}
	file := name + ".jpg"
	if filepath.IsLocal(a.FileName) && filepath.Base(a.FileName) == a.FileName { // a name, no path
		file = a.FileName
	}
	path, err := filepath.Rel(v.root, filepath.Join(v.base, "JPEGImages", file))
	if err != nil {
		return err
	}
	image := Image{ID: int64(len(v.data.Images) + 1), File: path, Width: a.Width, Height: a.Height}
	v.data.Images = append(v.data.Images, image)
	for i, o := range a.Objects {
		category, ok := v.classes[o.Name]
		switch {
		case !ok:
			return fmt.Errorf("object %d is a %.60q, which is none of the %d classes", i, o.Name, len(v.classes))
		case o.Box == nil:
			return fmt.Errorf("object %d, a %s, has no bndbox", i, o.Name)
		}
		box, err := vocBox(o.Box.Left, o.Box.Top, o.Box.Right, o.Box.Bottom)
		if err != nil {
			return fmt.Errorf("object %d, a %s: %w", i, o.Name, err)
		}
		v.data.Objects = append(v.data.Objects, Object{
			ID: int64(len(v.data.Objects) + 1), Image: image.ID, Category: category, Box: box, Area: box[2] * box[3],
			Difficult: strings.TrimSpace(o.Difficult) == "1", HasID: true, HasBox: true, HasArea: true,
		})
	}
	return nil
}

// vocBox makes a box of the numbers of its first and last pixels.
func vocBox(borders ...string) (mask.Box, error) {
	var v [4]float64
	for i, text := range borders {
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(n > -maxSide && n < maxSide) {
			return mask.Box{}, fmt.Errorf("bndbox: %s is %.60q; it must be a number of a pixel", [...]string{"xmin", "ymin", "xmax", "ymax"}[i], text)
		}
		v[i] = n
	}
	return mask.Box{v[0] - 1, v[1] - 1, v[2] - v[0] + 1, v[3] - v[1] + 1}, nil
}
