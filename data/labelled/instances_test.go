// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/internal/testrand"
)

func TestINaturalistKeepsTheOrderOfItsImagesAndCountsClassesById(t *testing.T) {
	s := open(t, tree(t, examples["inaturalist 2018"]), SetOptions{})
	names, labels, _ := contents(s)
	assert.Equal(t, []string{"train_val2018/Aves/12/b.jpg", "train_val2018/Aves/5/a.jpg"}, names)
	assert.Equal(t, []int{1, 0}, labels)
	assert.Equal(t, []string{"jay", "owl"}, s.Classes())
}

func TestCOCOAsRowsInTheOrderOfIds(t *testing.T) {
	s := open(t, tree(t, examples["coco 2017"]), SetOptions{})
	names, labels, rows := contents(s)
	assert.Equal(t, []string{"000000000004.jpg", "000000000005.jpg", "000000000009.jpg"}, names)
	assert.Equal(t, []int{-1, -1, -1}, labels)
	assert.Equal(t, [][]int8{{1, 0}, {0, 0}, {0, 1}}, rows, "crowds count, objects without an area do not")
	assert.Equal(t, []string{"car", "toothbrush"}, s.Classes())
	assert.True(t, s.MultiLabel())
	assert.Equal(t, []int64{1, 1}, s.Counts())
	remarks := s.Listing().Remarks
	assert.EqualValues(t, 1, remarks["objects without an area or to be ignored"].N)
	assert.EqualValues(t, 1, remarks["labels of images that are not listed"].N)
}

// edit changes the example's file of labels.
func edit(t testing.TB, example, file string, replace ...string) map[string]string {
	t.Helper()
	text := strings.NewReplacer(replace...).Replace(examples[example][file])
	require.NotEqual(t, text, examples[example][file])
	return with(examples[example], map[string]string{file: text})
}

func TestInstancesThatAreWrong(t *testing.T) {
	inat := func(replace ...string) map[string]string {
		return edit(t, "inaturalist 2018", "train2018.json", replace...)
	}
	coco := func(replace ...string) map[string]string {
		return edit(t, "coco 2017", "annotations/instances_train2017.json", replace...)
	}
	for name, tt := range map[string]struct {
		files map[string]string
		o     SetOptions
		want  []string
	}{
		"unknown category":     {inat(`"category_id": 5`, `"category_id": 6`), SetOptions{}, []string{"train2018.json", "annotation 0 of image 3: category 6 is none of the 2"}},
		"two labels":           {inat(`"image_id": 7`, `"image_id": 3`), SetOptions{}, []string{"a.jpg has two different labels: jay and owl", "is read as coco"}},
		"an id twice":          {inat(`{"id": 7,`, `{"id": 3,`), SetOptions{}, []string{"two images have the id 3"}},
		"a category twice":     {inat(`{"id": 12,`, `{"id": 5,`), SetOptions{}, []string{"two categories have the id 5"}},
		"no id":                {inat(`{"id": 7, `, `{`), SetOptions{}, []string{"images[0]", "must have an id and a file_name"}},
		"no category":          {inat(`"image_id": 7,`, ``), SetOptions{}, []string{"annotations[1]", "must have an image_id and a category_id"}},
		"a text for a number":  {coco(`"image_id": 4`, `"image_id": "4"`), SetOptions{}, []string{"annotations[3]", "image_id"}},
		"cut short":            {inat(`"category_id": 12}]}`, ``), SetOptions{}, []string{"it ends early; copy it again"}},
		"a list":               {map[string]string{"train2018.json": "[1]"}, SetOptions{}, []string{`"[" where "{" is expected`, "the format is COCO's"}},
		"images no list":       {map[string]string{"train2018.json": `{"images": {}}`}, SetOptions{}, []string{`images: "{" where "["`}},
		"no images":            {map[string]string{"train2018.json": `{"info": 1, "categories": [{"id": 1, "name": "x"}]}`}, SetOptions{}, []string{"names no images: it has info, categories"}},
		"no categories":        {map[string]string{"train2018.json": `{"images": []}`}, SetOptions{}, []string{"0 classes; allowed are 1"}},
		"published test split": {inat(`"annotations"`, `"licenses"`), SetOptions{}, []string{"names no image with a label", "2 images without a label"}},
		"no JSON":              {map[string]string{"train2018.json": "hello"}, SetOptions{}, []string{"train2018.json: invalid character 'h'"}},
		"another place":        {coco(`"file_name": "000000000004.jpg"`, `"file_name": "/etc/passwd"`), SetOptions{}, []string{"below the folder of images"}},
		"two files": {with(examples["coco 2017"], map[string]string{"annotations/instances_train2014.json": "{}"}), SetOptions{},
			[]string{"holds annotations/instances_train2014.json and annotations/instances_train2017.json", "name the one that is meant"}},
		"no split":        {examples["coco 2017"], SetOptions{Split: "val"}, []string{`no labels of the split "val"`, "annotations/instances_val20[0-9][0-9].json"}},
		"no images of it": {map[string]string{"annotations/instances_train2017.json": "{\"images\": []}"}, SetOptions{}, []string{"no folder of images", "train2017, images/train2017"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(context.Background(), tree(t, tt.files), tt.o)
			require.Error(t, err)
			for _, part := range tt.want {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

func TestOneOfTwoFilesOfLabelsByName(t *testing.T) {
	root := tree(t, with(examples["coco 2017"], map[string]string{"annotations/instances_train2014.json": "{}"}))
	s := open(t, root, SetOptions{Annotations: filepath.Join(root, "annotations/instances_train2017.json")})
	assert.EqualValues(t, 3, s.Len())
}

func TestCategoriesOfOneNameAreToldApart(t *testing.T) {
	s := open(t, tree(t, edit(t, "inaturalist 2018", "train2018.json", `"name": "owl"`, `"name": "jay"`)), SetOptions{})
	assert.Equal(t, []string{"jay #5", "jay #12"}, s.Classes())
}

func TestMissingImagesKeepTheRowsOfTheOthers(t *testing.T) {
	files := with(examples["coco 2017"], nil)
	delete(files, "train2017/000000000005.jpg")
	s := open(t, tree(t, files), SetOptions{})
	names, _, rows := contents(s)
	assert.Equal(t, []string{"000000000004.jpg", "000000000009.jpg"}, names)
	assert.Equal(t, [][]int8{{1, 0}, {0, 1}}, rows)
	assert.EqualValues(t, 1, skipped(s, gone))
}

func TestElementsBeyondAnyBoundEndTheReading(t *testing.T) {
	for section, value := range map[string]string{"images": "[{\"id\": 1, \"x\": \"", "junk": "\""} {
		file := append([]byte(`{"`+section+`": `+value), bytes.Repeat([]byte("a"), maxElement+1<<16)...)
		path := filepath.Join(t.TempDir(), "train2018.json")
		datatest.Write(t, path, file)
		_, err := reader{ctx: context.Background(), last: nil}.readInstances(path)
		assert.ErrorContains(t, err, "an element of more than 16777216 bytes", section)
	}
}

// Whatever order the sections of a file have, and whatever lies between them, rows are those of the annotations.
func TestInstancesInAnyOrder(t *testing.T) {
	rng := testrand.New(t)
	for range 20 {
		images, classes := 1+rng.IntN(20), 1+rng.IntN(6)
		want := make([][]int8, images)
		var ims, cats, anns []any
		for i := range images {
			want[i] = make([]int8, classes)
			ims = append(ims, map[string]any{"id": 10 * i, "file_name": fmt.Sprintf("%d.jpg", i), "extra": []int{1}})
			for range rng.IntN(5) {
				c := rng.IntN(classes)
				want[i][c] = 1
				anns = append(anns, map[string]any{"image_id": 10 * i, "category_id": 3*c + 1, "area": 1})
			}
		}
		for c := range classes {
			cats = append(cats, map[string]any{"id": 3*c + 1, "name": fmt.Sprint("class", c)})
		}
		rng.Shuffle(len(ims), func(a, b int) { ims[a], ims[b] = ims[b], ims[a] })
		rng.Shuffle(len(anns), func(a, b int) { anns[a], anns[b] = anns[b], anns[a] })
		rng.Shuffle(len(cats), func(a, b int) { cats[a], cats[b] = cats[b], cats[a] })
		sections := []string{section(t, "images", ims), section(t, "categories", cats), section(t, "annotations", anns), `"info": {"a": [[{}], "x", null]}`}
		rng.Shuffle(len(sections), func(a, b int) { sections[a], sections[b] = sections[b], sections[a] })
		root := tree(t, map[string]string{"instances_train2017.json": "{" + strings.Join(sections, ",") + "}", "train2017/": "x"})
		_, _, rows := contents(open(t, root, SetOptions{Unchecked: true}))
		require.Equal(t, want, rows)
	}
}

func section(t testing.TB, name string, elements []any) string {
	t.Helper()
	if elements == nil {
		elements = []any{}
	}
	text, err := json.Marshal(elements)
	require.NoError(t, err)
	return `"` + name + `": ` + string(text)
}

func FuzzInstances(f *testing.F) {
	f.Add([]byte(examples["coco 2017"]["annotations/instances_train2017.json"]))
	f.Add([]byte(examples["inaturalist 2018"]["train2018.json"]))
	f.Fuzz(func(t *testing.T, file []byte) {
		root := t.TempDir()
		datatest.Write(t, filepath.Join(root, "train2018.json"), file)
		datatest.Write(t, filepath.Join(root, "instances_train2017.json"), file)
		for _, kind := range []string{"inaturalist", "coco"} {
			s, err := Open(context.Background(), root, SetOptions{Kind: kind, Images: root, Unchecked: true})
			if err != nil {
				continue
			}
			row := make([]int8, len(s.Classes()))
			for i := range s.Len() {
				s.Row(i, row)
				assert.True(t, filepath.IsLocal(s.Name(i)))
			}
			s.Close()
		}
	})
}
