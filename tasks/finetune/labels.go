// SPDX-License-Identifier: MIT

package finetune

import (
	"fmt"

	"seer/data/source"
	"seer/inputs"
	"seer/internal/redact"
	"seer/torch"
	"seer/train"
)

// targets looks up what images of a source should be recognised as: a class each, or a row of 1, 0 and -1.
func targets(src source.Source) func(indices []int64) train.Targets {
	if rows := inputs.RowsOf(src); rows != nil {
		width := len(src.Classes())
		return func(indices []int64) train.Targets {
			values := make([]float32, 0, len(indices)*width)
			row := make([]int8, width)
			for _, i := range indices {
				rows.Row(i, row)
				for _, v := range row {
					values = append(values, float32(v))
				}
			}
			return train.Targets{Scores: torch.FromFloat32(values, int64(len(indices)), int64(width))}
		}
	}
	return func(indices []int64) train.Targets {
		classes := make([]int64, len(indices))
		for k, i := range indices {
			classes[k] = int64(src.Label(i))
		}
		return train.Targets{Classes: torch.FromInt64(classes, int64(len(classes)))}
	}
}

// fits refuses a source whose images have several classes where one is learned, and the reverse. key is the source's.
func fits(key, path string, src source.Source, multiLabel bool) error {
	switch several := inputs.RowsOf(src) != nil; {
	case several && !multiLabel:
		return fmt.Errorf("%s: %s has several classes an image, and finetune.multi_label = false learns one: set it to true, or give images with one class each", key, redact.URL(path))
	case !several && multiLabel:
		return fmt.Errorf("%s: %s has one class an image, and finetune.multi_label = true learns any number: leave it out, or give a data set of the kind voc, coco or openimages", key, redact.URL(path))
	}
	return nil
}
