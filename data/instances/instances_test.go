// SPDX-License-Identifier: MIT

package instances

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/mask"
)

const small = `{"info": {"year": 2017, "more": [1, {"a": null}]},
 "annotations": [
  {"id": 5, "image_id": 9, "category_id": 3, "bbox": [1, 2.5, 3, 4], "area": 11.5, "iscrowd": 0, "segmentation": [[1,1,4,1,4,5], [0,0,1,1]], "caption": "x"},
  {"id": 6, "image_id": 9, "category_id": 3, "bbox": [0, 0, 4, 3], "area": 5, "iscrowd": 1, "segmentation": {"counts": [7, 5], "size": [3, 4]}},
  {"image_id": 8.0, "category_id": 4, "iscrowd": false, "segmentation": {"size": [3, 4], "counts": "75"}},
  {"id": 8, "image_id": 8, "category_id": 4, "bbox": [], "area": null, "segmentation": []}],
 "images": [{"id": 9, "file_name": "a.jpg", "width": 4, "height": 3}, {"id": 8, "file_name": "ä.jpg"}],
 "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}, {"id": 4, "name": "dog"}]}`

func TestAnnotationsAreReadWhateverTheOrderOfSections(t *testing.T) {
	d, err := Read(strings.NewReader(small))
	require.NoError(t, err)
	assert.Equal(t, []Image{{9, "a.jpg", 4, 3}, {8, "ä.jpg", 0, 0}}, d.Images)
	assert.Equal(t, []Category{{3, "cat", "animal"}, {4, "dog", ""}}, d.Categories)
	runs, err := mask.FromRuns(3, 4, []uint32{7, 5})
	require.NoError(t, err)
	assert.Equal(t, []Object{
		{ID: 5, Image: 9, Category: 3, Box: mask.Box{1, 2.5, 3, 4}, Area: 11.5, Shape: Shape{Polygons: [][]float64{{1, 1, 4, 1, 4, 5}, {0, 0, 1, 1}}}, HasID: true, HasBox: true, HasArea: true},
		{ID: 6, Image: 9, Category: 3, Box: mask.Box{0, 0, 4, 3}, Area: 5, Shape: Shape{Runs: runs}, Crowd: true, HasID: true, HasBox: true, HasArea: true},
		{Image: 8, Category: 4, Shape: Shape{Runs: runs}},
		{ID: 8, Image: 8, Category: 4, HasID: true},
	}, d.Objects, "null and [] are nothing")
}

func TestImagesOfLVISAreNamedByTheirURL(t *testing.T) {
	d, err := Read(strings.NewReader(`{"images": [{"id": 1, "coco_url": "http://images.cocodataset.org/train2017/000000391895.jpg"}, {"id": 2, "coco_url": "http://x/val2017/2.jpg", "file_name": "2.jpg"}]}`))
	require.NoError(t, err)
	assert.Equal(t, "train2017/000000391895.jpg", d.Images[0].File)
	assert.Equal(t, "2.jpg", d.Images[1].File)
}

func TestResultsAreRead(t *testing.T) {
	got, err := ReadResults(strings.NewReader(`[{"image_id": 9, "category_id": 3, "bbox": [1,2,3,4], "score": 0.5},
		{"score": 1, "image_id": 9, "category_id": 3, "segmentation": {"size": [3, 4], "counts": "75"}, "more": {}}]`))
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, Result{Image: 9, Category: 3, Score: .5, Box: mask.Box{1, 2, 3, 4}, HasBox: true}, got[0])
	assert.EqualValues(t, 5, got[1].Shape.Runs.Area())
	none, err := ReadResults(strings.NewReader("[]"))
	require.NoError(t, err)
	assert.Empty(t, none)
}

func TestShapesAreDrawnInTheirImage(t *testing.T) {
	d, err := Read(strings.NewReader(small))
	require.NoError(t, err)
	m, err := d.Objects[0].Shape.Mask(3, 4)
	require.NoError(t, err)
	assert.Positive(t, m.Area())
	m, err = d.Objects[1].Shape.Mask(3, 4)
	require.NoError(t, err)
	assert.EqualValues(t, 5, m.Area())
	_, err = d.Objects[0].Shape.Mask(0, 0)
	assert.ErrorContains(t, err, "polygons cannot be drawn: the image has no width and height in the file")
	_, err = d.Objects[1].Shape.Mask(30, 40)
	assert.ErrorContains(t, err, "its mask has height 3 and width 4, its image 30 and 40")
	_, err = d.Objects[3].Shape.Mask(3, 4)
	assert.ErrorContains(t, err, "it has no outline")
}

func TestErrorsNameTheElement(t *testing.T) {
	annotation := func(members string) string {
		return `{"images": [{"id": 1}], "annotations": [{"image_id": 1, "category_id": 1}, {"image_id": 1, "category_id": 1, ` + members + `}]}`
	}
	for text, want := range map[string]string{
		`[]`:                                   "it is a list, as a file of results is",
		`{"images": []}`:                       "it names no images",
		`{"images": [{"width": 1}]}`:           "images[0]: it has no id",
		`{"images": [{"id": "7"}]}`:            "images[0].id: a text where a number is expected",
		`{"images": [{"id": 1}, {"id": 1}]}`:   "images[1]: it has the id 1, and so has images[0]",
		`{"images": [{"id": 1, "width": -3}]}`: "images[0].width: -3; a side has 1 to 16777216 pixels",
		`{"categories": [{"id": 1}, {"id": 2}, {"id": 2}]}`:            "categories[2]: it has the id 2, and so has categories[1]",
		`{"annotations": [{"category_id": 1}]}`:                        "annotations[0]: it has no image_id",
		`{"annotations": [{"image_id": 1}]}`:                           "annotations[0]: it has no category_id",
		annotation(`"bbox": [1, 2, 3]`):                                "annotations[1].bbox: 3 numbers; a box has four",
		annotation(`"bbox": [1, 2, "3", 4]`):                           "annotations[1].bbox[2]: a text where a number is expected",
		annotation(`"iscrowd": 2`):                                     "annotations[1].iscrowd: 2; 0 and 1 are allowed",
		annotation(`"segmentation": [1, 2, 3, 4]`):                     "annotations[1].segmentation[0]: a number where a polygon is expected",
		annotation(`"segmentation": [[1, 2, 3]]`):                      "annotations[1].segmentation[0]: 3 numbers; a polygon has an x and a y",
		annotation(`"segmentation": {"counts": "1"}`):                  `annotations[1].segmentation: a mask needs "size"`,
		annotation(`"segmentation": {"size": [2, 2]}`):                 `annotations[1].segmentation: a mask needs "counts"`,
		annotation(`"segmentation": {"size": [2, 0], "counts": "1"}`):  "annotations[1].segmentation: a mask of height 2 and width 0",
		annotation(`"segmentation": {"size": [2, 2], "counts": [-1]}`): "annotations[1].segmentation.counts[0]: a run of -1 pixels",
		annotation(`"segmentation": {"size": [2, 2], "counts": "5"}`):  "annotations[1].segmentation: the runs have 5 pixels together",
		`{"images": [{"id": 1}`:                                        "the file ends early",
	} {
		_, err := Read(strings.NewReader(text))
		assert.ErrorContains(t, err, want, text)
	}
	for text, want := range map[string]string{
		`{}`:                                  "it is an object, as a file of annotations is",
		`[{}]`:                                "[0]: it has no image_id",
		`[{"image_id": 1}]`:                   "[0]: it has no category_id",
		`[{"image_id": 1, "category_id": 2}]`: "[0]: it has no score",
		`[{"image_id": 1, "category_id": 2, "score": 1}]`:                      "[0]: it has neither a bbox nor a segmentation",
		`[{"image_id": 1, "category_id": 2, "score": NaN}]`:                    "[0].score: 'N' at byte 44: no value begins so (JSON has no NaN",
		`[{"image_id": 1, "category_id": 2, "score": 1, "bbox": [1,2,3,4]}] x`: "behind the end",
	} {
		_, err := ReadResults(strings.NewReader(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestFilesAreNamedInErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "instances.json")
	_, err := Open(path)
	assert.ErrorContains(t, err, path)
	require.NoError(t, os.WriteFile(path, []byte(`{"images": 1}`), 0o644))
	_, err = Open(path)
	assert.ErrorContains(t, err, path+": images: a number where a list is expected")
}

// Whatever the bytes, there is an error or a value, and what was read can be drawn or is refused.
func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"images":[{"id":1,"width":9,"height":8}],"annotations":[{"image_id":1,"category_id":1,"segmentation":{"size":[8,9],"counts":"o2"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, o := range d.Objects {
			m, err := o.Shape.Mask(30, 40)
			if err == nil {
				require.LessOrEqual(t, m.Area(), uint32(1200))
			}
		}
	})
}

func FuzzReadResults(f *testing.F) {
	f.Add([]byte(`[{"image_id": 9, "category_id": 3, "bbox": [1,2,3,4], "score": 0.5, "segmentation": {"size": [3, 4], "counts": "75"}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := ReadResults(bytes.NewReader(text))
		for _, r := range all {
			require.True(t, err != nil || r.HasBox || !r.Shape.None())
		}
	})
}
