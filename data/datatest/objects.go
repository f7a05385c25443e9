// SPDX-License-Identifier: MIT

package datatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ObjectSizes are the width and height of pictures of [Objects].
var ObjectSizes = [][2]int{{96, 64}, {64, 80}}

// Objects writes n pictures of one or two coloured rectangles, "red" and "blue", and COCO's annotations of them.
func Objects(t testing.TB, n int) (folder, annotations string) {
	t.Helper()
	type object = map[string]any
	var images, all []object
	dir := t.TempDir()
	for i := range n {
		next := rand.New(rand.NewPCG(uint64(i), 7))
		w, h := ObjectSizes[i%2][0], ObjectSizes[i%2][1]
		picture, name := Draw(w, h, uint64(i)), fmt.Sprintf("%03d.png", i)
		images = append(images, object{"id": i + 1, "file_name": name, "width": w, "height": h})
		for k := range 1 + i%2 {
			side := 20 + next.IntN(12)
			x, y := next.IntN(w/2-side/2)+k*w/2-k*side/2, next.IntN(h-side-2)
			ink := []color.RGBA{{220, 30, 30, 255}, {30, 30, 220, 255}}[(i+k)%2]
			draw.Draw(picture, image.Rect(x, y, x+side, y+side+2), image.NewUniform(ink), image.Point{}, draw.Src)
			all = append(all, object{"id": len(all) + 1, "image_id": i + 1, "category_id": 3 + 4*((i+k)%2), "iscrowd": 0, "area": side * (side + 2),
				"bbox": []int{x, y, side, side + 2}, "segmentation": [][]int{{x, y, x + side, y, x + side, y + side + 2, x, y + side + 2}}})
		}
		var b bytes.Buffer
		require.NoError(t, png.Encode(&b, picture))
		Write(t, filepath.Join(dir, "images", name), b.Bytes())
	}
	text, err := json.Marshal(object{"images": images, "annotations": all, "categories": []object{{"id": 7, "name": "blue"}, {"id": 3, "name": "red"}}})
	require.NoError(t, err)
	annotations = filepath.Join(dir, "instances.json")
	Write(t, annotations, text)
	return filepath.Join(dir, "images"), annotations
}
