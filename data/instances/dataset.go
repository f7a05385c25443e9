// SPDX-License-Identifier: MIT

package instances

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"seer/data/mask"
	"seer/internal/jsonstream"
)

// Dataset is what a file of annotations says, in the order of the file.
type Dataset struct {
	Images     []Image
	Categories []Category
	Objects    []Object
}

// Image is a picture. A file may leave its size out; it is 0 then. LVIS names the folder of COCO and the file, by the URL.
type Image struct {
	ID            int64
	File          string
	Width, Height int
}

// Category is a kind of things.
type Category struct {
	ID    int64
	Name  string
	Group string // COCO's supercategory
}

// Object is one annotation: a thing in an image, or a crowd of them that nobody told apart.
type Object struct {
	ID, Image, Category int64
	Box                 mask.Box // x, y, width, height
	Area                float64  // of the thing in pixels, as the file says it
	Shape               Shape
	Crowd               bool
	Difficult           bool // of PASCAL VOC: hard to see, and in its own evaluation neither right nor wrong
	HasID, HasBox       bool // whether the file has them
	HasArea             bool
}

// Open reads a file of annotations.
func Open(path string) (*Dataset, error) {
	return open(path, Read)
}

// open names the file in errors.
func open[T any](path string, read func(io.Reader) (T, error)) (value T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return value, fmt.Errorf("instances: %w", err)
	}
	defer f.Close()
	if value, err = read(f); err != nil {
		return value, fmt.Errorf("instances: %s: %w", path, err)
	}
	return value, nil
}

// Read reads annotations: {"images": […], "annotations": […], "categories": […]}. Other sections are passed over, as are other
// keys of elements. Images and categories must have different ids.
func Read(r io.Reader) (*Dataset, error) {
	d := &datasetReader{Reader: jsonstream.New(r), images: map[int64]int{}, categories: map[int64]int{}}
	if k, err := d.Kind(); err == nil && k == jsonstream.Array {
		return nil, errors.New("it is a list, as a file of results is; annotations are {\"images\": […], \"annotations\": […], \"categories\": […]}")
	}
	err := d.Object(d.section)
	if err == nil {
		err = d.End()
	}
	if err != nil {
		return nil, err
	}
	if len(d.Images) == 0 {
		return nil, fmt.Errorf("it names no images; annotations are {\"images\": […], \"annotations\": […], \"categories\": […]}")
	}
	return &d.Dataset, nil
}

// datasetReader fills a dataset.
type datasetReader struct {
	*jsonstream.Reader
	Dataset
	images, categories map[int64]int // by their ids
}

func (d *datasetReader) section(key string) error {
	switch key {
	case "images":
		return d.Array(d.image)
	case "categories":
		return d.Array(d.category)
	case "annotations":
		return d.Array(d.object)
	}
	return d.Skip()
}

func (d *datasetReader) image(i int) error {
	var m Image
	var url string
	found := false
	err := d.Object(func(key string) (err error) {
		switch key {
		case "id":
			m.ID, err = d.Int()
			found = true
		case "file_name":
			m.File, err = d.Text()
		case "coco_url":
			url, err = d.Text()
		case "width":
			m.Width, err = side(d.Reader)
		case "height":
			m.Height, err = side(d.Reader)
		default:
			err = d.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := once(d.images, m.ID, i, found, "images"); err != nil {
		return err
	}
	if m.File == "" && url != "" { // LVIS: train2017/000000391895.jpg, of one of COCO's folders
		m.File = path.Join(path.Base(path.Dir(url)), path.Base(url))
	}
	d.Images = append(d.Images, m)
	return nil
}

// maxSide is far beyond any picture, and keeps products small.
const maxSide = 1 << 24

// side reads the width or height of an image.
func side(r *jsonstream.Reader) (int, error) {
	n, err := r.Int()
	if err == nil && (n < 0 || n > maxSide) {
		err = fmt.Errorf("%d; a side has 1 to %d pixels", n, maxSide)
	}
	return int(n), err
}

// once notes an id that nothing before may have had.
func once(places map[int64]int, id int64, i int, found bool, section string) error {
	if !found {
		return errors.New("it has no id")
	}
	if first, ok := places[id]; ok {
		return fmt.Errorf("it has the id %d, and so has %s[%d]", id, section, first)
	}
	places[id] = i
	return nil
}

func (d *datasetReader) category(i int) error {
	var c Category
	found := false
	err := d.Object(func(key string) (err error) {
		switch key {
		case "id":
			c.ID, err = d.Int()
			found = true
		case "name":
			c.Name, err = d.Text()
		case "supercategory":
			c.Group, err = d.Text()
		default:
			err = d.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := once(d.categories, c.ID, i, found, "categories"); err != nil {
		return err
	}
	d.Categories = append(d.Categories, c)
	return nil
}

func (d *datasetReader) object(int) error {
	var o Object
	var image, category bool
	err := d.Object(func(key string) (err error) {
		switch key {
		case "id":
			o.ID, err = d.Int()
			o.HasID = true
		case "image_id":
			o.Image, err = d.Int()
			image = true
		case "category_id":
			o.Category, err = d.Int()
			category = true
		case "bbox":
			o.Box, o.HasBox, err = readBox(d.Reader)
		case "area":
			o.Area, o.HasArea, err = optional(d.Reader, d.Float)
		case "iscrowd":
			o.Crowd, err = flag(d.Reader)
		case "segmentation":
			o.Shape, err = readShape(d.Reader)
		default:
			err = d.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !image:
		return errors.New("it has no image_id")
	case !category:
		return errors.New("it has no category_id")
	}
	d.Objects = append(d.Objects, o)
	return nil
}

// optional reads a value that may be null.
func optional[T any](r *jsonstream.Reader, read func() (T, error)) (v T, ok bool, err error) {
	k, err := r.Kind()
	if err == nil && k == jsonstream.Null {
		return v, false, r.Null()
	}
	v, err = read()
	return v, true, err
}

// flag reads 0, 1, false or true.
func flag(r *jsonstream.Reader) (bool, error) {
	k, err := r.Kind()
	if err != nil {
		return false, err
	}
	switch k {
	case jsonstream.Bool:
		return r.Bool()
	case jsonstream.Null:
		return false, r.Null()
	}
	n, err := r.Int()
	if err == nil && n != 0 && n != 1 {
		err = fmt.Errorf("%d; 0 and 1 are allowed", n)
	}
	return n == 1, err
}

// readBox reads x, y, width and height; null and [] are no box.
func readBox(r *jsonstream.Reader) (b mask.Box, ok bool, err error) {
	n := 0
	list, ok, err := optional(r, func() (mask.Box, error) {
		err := r.Array(func(i int) (err error) {
			if n++; i >= len(b) {
				return r.Skip()
			}
			b[i], err = r.Float()
			return err
		})
		return b, err
	})
	if err == nil && ok && n != 0 && n != len(b) {
		err = fmt.Errorf("%d numbers; a box has four: x, y, width and height", n)
	}
	return list, ok && n > 0, err
}
