// SPDX-License-Identifier: MIT

package instances

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"seer/data/mask"
	"seer/internal/jsonstream"
)

// Shape is the outline of an object: polygons, or a mask of runs, or nothing.
type Shape struct {
	Polygons [][]float64 // each x, y, x, y, and so on
	Runs     mask.RLE    // of at least one pixel's size, if there is one
}

// None tells whether there is no outline. One of polygons without an inside is one.
func (s Shape) None() bool { return len(s.Polygons) == 0 && s.Runs.Height == 0 }

// Mask draws the shape in an image of the size. Runs must have it already.
func (s Shape) Mask(height, width int) (mask.RLE, error) {
	switch {
	case s.None():
		return mask.RLE{}, errors.New("it has no outline")
	case len(s.Polygons) > 0:
		if height == 0 || width == 0 {
			return mask.RLE{}, errors.New("polygons cannot be drawn: the image has no width and height in the file")
		}
		return mask.FromPolygons(height, width, s.Polygons)
	case s.Runs.Height != height && height > 0 || s.Runs.Width != width && width > 0:
		return mask.RLE{}, fmt.Errorf("its mask has height %d and width %d, its image %d and %d", s.Runs.Height, s.Runs.Width, height, width)
	}
	return s.Runs, nil
}

// readShape reads polygons, {"size": [height, width], "counts": "…" or […]}, or null.
func readShape(r *jsonstream.Reader) (s Shape, err error) {
	k, err := r.Kind()
	if err != nil {
		return s, err
	}
	switch k {
	case jsonstream.Null:
		return s, r.Null()
	case jsonstream.Array:
		s.Polygons, err = readPolygons(r)
	default:
		s.Runs, err = readRuns(r)
	}
	return s, err
}

func readPolygons(r *jsonstream.Reader) (all [][]float64, err error) {
	var numbers []float64 // of all polygons: one piece of memory an object
	var ends []int
	err = r.Array(func(int) error {
		if k, err := r.Kind(); err == nil && k == jsonstream.Number {
			return errors.New("a number where a polygon is expected: polygons are lists of numbers in a list, [[x, y, x, y, …], …]")
		}
		from := len(numbers)
		err := r.Array(func(int) error {
			v, err := r.Float()
			numbers = append(numbers, v)
			return err
		})
		if n := len(numbers) - from; err == nil && (n < 4 || n%2 != 0) {
			err = fmt.Errorf("%d numbers; a polygon has an x and a y for each corner, and at least two corners", n)
		}
		ends = append(ends, len(numbers))
		return err
	})
	numbers = slices.Clone(numbers) // without what append keeps for more
	from := 0
	for _, end := range ends {
		all = append(all, numbers[from:end:end])
		from = end
	}
	return all, err
}

// readRuns reads a mask. Its size may stand behind its counts.
func readRuns(r *jsonstream.Reader) (mask.RLE, error) {
	var height, width int64
	var text []byte
	var list []uint32
	sides, counts := 0, jsonstream.Kind(0)
	err := r.Object(func(key string) (err error) {
		switch key {
		case "size":
			return r.Array(func(i int) (err error) {
				if sides++; i == 0 {
					height, err = r.Int()
				} else {
					width, err = r.Int()
				}
				return err
			})
		case "counts":
			counts, text, list, err = readCounts(r)
			return err
		}
		return r.Skip()
	})
	switch {
	case err != nil:
		return mask.RLE{}, err
	case sides != 2:
		return mask.RLE{}, errors.New(`a mask needs "size": [height, width]`)
	case height < 1 || width < 1 || height > maxSide || width > maxSide:
		return mask.RLE{}, fmt.Errorf("a mask of height %d and width %d; sides have 1 to %d pixels", height, width, maxSide)
	case counts == 0:
		return mask.RLE{}, errors.New(`a mask needs "counts", a compressed text or a list of runs`)
	case counts == jsonstream.Array:
		return mask.FromRuns(int(height), int(width), list)
	}
	return mask.Parse(int(height), int(width), text)
}

// readCounts reads a compressed text or a list.
func readCounts(r *jsonstream.Reader) (k jsonstream.Kind, text []byte, list []uint32, err error) {
	if k, err = r.Kind(); err != nil {
		return k, nil, nil, err
	}
	if k != jsonstream.Array {
		text, err = r.Bytes()
		return k, append([]byte(nil), text...), nil, err
	}
	err = r.Array(func(int) error {
		n, err := r.Int()
		if err == nil && (n < 0 || n > math.MaxUint32) {
			err = fmt.Errorf("a run of %d pixels", n)
		}
		list = append(list, uint32(n))
		return err
	})
	return k, nil, list, err
}
