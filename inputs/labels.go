// SPDX-License-Identifier: MIT

package inputs

import (
	"fmt"

	"seer/data/sampler"
	"seer/data/source"
)

// Rows are the labels of a source whose images have any number of classes: for each class 1 where it is in the image, 0
// where it is not, -1 where that is not known.
type Rows interface {
	Row(i int64, row []int8)
}

// RowsOf gives the labels of a source with any number of classes an image; nil for one class each.
func RowsOf(src source.Source) Rows {
	set, ok := src.(interface {
		Rows
		MultiLabel() bool
	})
	if !ok || !set.MultiLabel() {
		return nil
	}
	return set
}

// Members lists the images of each class, of those that an order has: of the rows of a source with any number of classes an
// image, those that are known to be there.
func Members(src source.Source, order *sampler.Sampler) ([][]int64, error) {
	classes := make([][]int64, len(src.Classes()))
	rows, row := RowsOf(src), make([]int8, len(classes))
	for k := range order.Len() {
		i := order.Sequential(k)
		if rows == nil {
			label := src.Label(i)
			if label < 0 || label >= len(classes) {
				return nil, fmt.Errorf("image %s has no class", src.Name(i))
			}
			classes[label] = append(classes[label], i)
			continue
		}
		rows.Row(i, row)
		for c, v := range row {
			if v == 1 {
				classes[c] = append(classes[c], i)
			}
		}
	}
	return classes, nil
}

// AlignClasses maps the classes of validation images to the numbers of the training images' classes, by their names: a
// validation folder may lack a class, and then numbers its own differently. -1 stands for a class that training lacks.
func AlignClasses(train, val []string) []int64 {
	number := map[string]int64{}
	for i, name := range train {
		number[name] = int64(i)
	}
	out := make([]int64, len(val))
	for i, name := range val {
		at, ok := number[name]
		if !ok {
			at = -1
		}
		out[i] = at
	}
	return out
}
