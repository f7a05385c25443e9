// SPDX-License-Identifier: MIT

package evaltest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// Colours are the classes of [SeveralColours].
var Colours = []string{"red", "green", "blue"}

// SeveralColours writes the layout of COCO, parts train and val, of n pictures each that have any of three colours: picture
// i has those that are set in i mod 8, as vertical stripes.
func SeveralColours(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	type object map[string]any
	for part, seed := range map[string]int{"train2017": 0, "val2017": 1000} {
		var images, objects, categories []object
		for id, colour := range Colours {
			categories = append(categories, object{"id": id + 1, "name": colour})
		}
		for i := range n {
			name := fmt.Sprintf("%05d.png", i)
			img := datatest.Draw(48, 48, uint64(seed+i))
			for p := 0; p < len(img.Pix); p += 4 {
				stripe := p / 4 % 48 / 16
				for c := range 3 {
					img.Pix[p+c] = img.Pix[p+c]/8 + uint8(200*boolInt(c == stripe && i>>stripe&1 == 1))
				}
			}
			WritePNG(t, filepath.Join(dir, part, name), img)
			images = append(images, object{"id": i, "file_name": name})
			for c := range Colours {
				if i>>c&1 == 1 {
					objects = append(objects, object{"image_id": i, "category_id": c + 1, "area": 256})
				}
			}
		}
		text, err := json.Marshal(object{"images": images, "annotations": objects, "categories": categories})
		require.NoError(t, err)
		datatest.Write(t, filepath.Join(dir, "annotations", "instances_"+part+".json"), text)
	}
	return dir
}
