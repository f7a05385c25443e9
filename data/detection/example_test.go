// SPDX-License-Identifier: MIT

package detection_test

import (
	"fmt"
	"strings"

	"seer/data/detection"
	"seer/data/instances"
)

func Example() {
	file := `{"images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}], "categories": [{"id": 7, "name": "cat"}],
		"annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [64, 48, 128, 96], "iscrowd": 0,
			"segmentation": [[64, 48, 192, 48, 192, 144, 64, 144]]}]}`
	annotations, err := instances.Read(strings.NewReader(file))
	if err != nil {
		panic(err)
	}
	set, err := detection.Build(annotations, detection.Rules{Masks: true})
	if err != nil {
		panic(err)
	}
	training := detection.ShortSide{Sides: []int{240}, Longest: 400}
	for i, e := range set.Examples {
		v := training.Draw(1, 0, int64(i), e.Image.Width, e.Image.Height)
		for _, o := range v.Objects(e.Objects) {
			m, err := v.Mask(o.Shape)
			if err != nil {
				panic(err)
			}
			fmt.Println(set.Classes[o.Class].Name, "in", v.W, "×", v.H, "at", o.Box, "with", m.Area(), "pixels")
		}
	}
	// Output: cat in 320 × 240 at [32 24 96 72] with 3072 pixels
}
