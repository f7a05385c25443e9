// SPDX-License-Identifier: MIT

package jpeg_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	stdjpeg "image/jpeg"

	"seer/data/augment"
	"seer/data/jpeg"
)

// A worker keeps one decoder and one slice of crops for all its images.
func ExampleDecoder_DecodeAndRender() {
	// A file of two colours, 80 x 60 pixels.
	m := image.NewRGBA(image.Rect(0, 0, 80, 60))
	for y := range 60 {
		for x := range 80 {
			m.Set(x, y, color.RGBA{R: uint8(x / 40 * 200), G: 100, B: 50, A: 255})
		}
	}
	var file bytes.Buffer
	if err := stdjpeg.Encode(&file, m, nil); err != nil {
		fmt.Println(err)
		return
	}

	d := jpeg.NewDecoder(jpeg.DecodeOptions{})
	defer d.Close()
	spec := augment.Eval(40, 32)
	var crops []augment.Crop
	draw := func(w, h int) []augment.Crop {
		fmt.Printf("drawing for %d x %d\n", w, h)
		crops = spec.Append(crops[:0], 1, 0, 0, w, h)
		return crops
	}
	dst := make([]byte, spec.Bytes())
	if err := d.DecodeAndRender(file.Bytes(), draw, [][]byte{dst}, nil); err != nil {
		fmt.Println(err)
		return
	}
	left, right := dst[:3], dst[31*3:32*3]
	fmt.Println("bright on the right:", right[0] > left[0]+150, "as green:", left[1] == right[1])

	// Output:
	// drawing for 80 x 60
	// bright on the right: true as green: true
}
