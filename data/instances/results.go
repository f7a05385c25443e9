// SPDX-License-Identifier: MIT

package instances

import (
	"errors"
	"io"

	"seer/data/mask"
	"seer/internal/jsonstream"
)

// Result is something that was found in an image.
type Result struct {
	Image, Category int64
	Score           float64
	Box             mask.Box
	Shape           Shape
	HasBox          bool
}

// OpenResults reads a file of results.
func OpenResults(path string) ([]Result, error) {
	return open(path, ReadResults)
}

// ReadResults reads COCO's format of results: a list of {"image_id": …, "category_id": …, "score": …} with a "bbox", a
// "segmentation", or both.
func ReadResults(r io.Reader) ([]Result, error) {
	d := &resultReader{Reader: jsonstream.New(r)}
	if k, err := d.Kind(); err == nil && k == jsonstream.Object {
		return nil, errors.New("it is an object, as a file of annotations is; results are a list: [{\"image_id\": …, \"category_id\": …, \"bbox\": […], \"score\": …}, …]")
	}
	err := d.Array(d.result)
	if err == nil {
		err = d.End()
	}
	return d.all, err
}

type resultReader struct {
	*jsonstream.Reader
	all []Result
}

func (d *resultReader) result(int) error {
	var e Result
	var image, category, score bool
	err := d.Object(func(key string) (err error) {
		switch key {
		case "image_id":
			e.Image, err = d.Int()
			image = true
		case "category_id":
			e.Category, err = d.Int()
			category = true
		case "score":
			e.Score, err = d.Float()
			score = true
		case "bbox":
			e.Box, e.HasBox, err = readBox(d.Reader)
		case "segmentation":
			e.Shape, err = readShape(d.Reader)
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
	case !score:
		return errors.New("it has no score")
	case !e.HasBox && e.Shape.None():
		return errors.New("it has neither a bbox nor a segmentation")
	}
	d.all = append(d.all, e)
	return nil
}
