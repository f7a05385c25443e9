// SPDX-License-Identifier: MIT

package labelled

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/internal/testrand"
)

func TestOpenImagesRows(t *testing.T) {
	root := tree(t, examples["openimages v6"])
	s := open(t, root, SetOptions{})
	names, _, rows := contents(s)
	assert.Equal(t, []string{"000000000000000a.jpg", "f00000000000000b.jpg"}, names, "the order of ids, each once")
	assert.Equal(t, []string{"/m/01", "/m/03", "/m/02"}, s.Classes(), "the order of the trainable classes")
	assert.Equal(t, [][]int8{{-1, -1, 1}, {1, 0, -1}}, rows, "unknown where nobody has looked, a machine has, or people disagree")
	assert.Equal(t, "Cup, of tea", s.Title(2))
	l := s.Listing()
	assert.EqualValues(t, 1, l.Skipped["labels of classes that are not trainable"].N)
	assert.Equal(t, "/m/04", l.Skipped["labels of classes that are not trainable"].First)
	assert.EqualValues(t, 1, l.Remarks["labels of machines that people have not verified, taken for unknown"].N)
	assert.EqualValues(t, 1, l.Remarks["classes that are labelled as there and as not there, taken for unknown"].N)

	_, _, rows = contents(open(t, root, SetOptions{UnknownIsNegative: true}))
	assert.Equal(t, [][]int8{{0, -1, 1}, {1, 0, -1}}, rows)
	assert.EqualValues(t, 1, open(t, root, SetOptions{Split: "val"}).Len())
}

func TestOpenImagesWithoutTheListOfTrainableClasses(t *testing.T) {
	files := with(examples["openimages v6"], nil)
	delete(files, "oidv6-classes-trainable.txt")
	s := open(t, tree(t, files), SetOptions{})
	assert.Equal(t, []string{"/m/01", "/m/02", "/m/03", "/m/04"}, s.Classes())
}

func TestOpenImagesAsItsArchivesUnpack(t *testing.T) {
	for _, below := range []string{"", "train/"} {
		files := with(examples["openimages v6"], map[string]string{below + "train_0/000000000000000a.jpg": "", below + "train_f/f00000000000000b.jpg": ""})
		delete(files, "train/000000000000000a.jpg")
		delete(files, "train/f00000000000000b.jpg")
		s := open(t, tree(t, files), SetOptions{})
		requireReadable(t, s)
		names, _, _ := contents(s)
		assert.Equal(t, []string{"train_0/000000000000000a.jpg", "train_f/f00000000000000b.jpg"}, names)
	}
}

func TestOpenImagesThatAreWrong(t *testing.T) {
	const file = "oidv6-train-annotations-human-imagelabels.csv"
	rows := func(text string) map[string]string {
		return with(examples["openimages v6"], map[string]string{file: text})
	}
	const head = "ImageID,Source,LabelName,Confidence\n"
	undescribed := with(rows(head+"000000000000000a,x,/m/99,1\n"), nil)
	delete(undescribed, "oidv6-classes-trainable.txt")
	bare := with(undescribed, nil)
	delete(bare, "oidv6-class-descriptions.csv")
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"boxes for labels":  {rows("ImageID,Source,LabelName,XMin\n"), []string{file + ": line 1", "expected is ImageID,Source,LabelName,Confidence"}},
		"a field too few":   {rows(head + "000000000000000a,x,/m/01\n"), []string{"line 2: 3 fields; the header has 4"}},
		"an id":             {rows(head + "a,x,/m/01,1\n"), []string{`the image "a"`, "16 hexadecimal digits"}},
		"a confidence":      {rows(head + "000000000000000a,x,/m/01,2\n"), []string{`the confidence "2"`}},
		"NaN":               {rows(head + "000000000000000a,x,/m/01,NaN\n"), []string{`the confidence "NaN"`}},
		"nothing trainable": {rows(head + "000000000000000a,x,/m/04,1\n"), []string{"names no image with a label", "1 labels of classes that are not trainable (/m/04)"}},
		"an unknown class":  {undescribed, []string{`the class "/m/99" is none of the 4`}},
		"no classes":        {bare, []string{"list of classes is missing", "*classes-trainable.txt"}},
		"a class twice":     {with(examples["openimages v6"], map[string]string{"oidv6-classes-trainable.txt": "/m/01\n/m/01\n"}), []string{`"/m/01" is named twice`}},
		"descriptions":      {with(examples["openimages v6"], map[string]string{"oidv6-class-descriptions.csv": "/m/01\n"}), []string{"class-descriptions.csv", "a row is a name and a description"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(context.Background(), tree(t, tt.files), SetOptions{})
			require.Error(t, err)
			for _, part := range tt.want {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

// Against a map of maps: rows in any order, any number of times.
func TestOpenImagesRowsInAnyOrder(t *testing.T) {
	rng := testrand.New(t)
	for range 20 {
		images, classes := 1+rng.IntN(12), 1+rng.IntN(5)
		want := map[string][]int8{}
		lines := []string{"ImageID,Source,LabelName,Confidence"}
		for range rng.IntN(60) + 1 {
			id, class, value := fmt.Sprintf("%016x", uint64(rng.IntN(images))<<58), rng.IntN(classes), int8(rng.IntN(2))
			if want[id] == nil {
				want[id] = make([]int8, classes)
				for c := range classes {
					want[id][c] = 2
				}
			}
			if old := want[id][class]; old != 2 && old != value {
				want[id][class] = -1
			} else {
				want[id][class] = value
			}
			lines = append(lines, fmt.Sprintf("%s,x,/m/%d,%d", id, class, value))
		}
		var list strings.Builder
		for c := range classes {
			fmt.Fprintf(&list, "/m/%d\n", c)
		}
		root := tree(t, map[string]string{"train-annotations-human-imagelabels.csv": strings.Join(lines, "\n"), "classes-trainable.txt": list.String(), "train/": "x"})
		s := open(t, root, SetOptions{Unchecked: true})
		require.EqualValues(t, len(want), s.Len())
		row := make([]int8, classes)
		for i := range s.Len() {
			s.Row(i, row)
			for c, v := range want[strings.TrimSuffix(s.Name(i), ".jpg")] {
				if v == 2 {
					v = -1
				}
				require.Equal(t, v, row[c])
			}
		}
	}
}

func TestMarksKeepClassAndValue(t *testing.T) {
	for _, class := range []int{0, 1, 9604, maxClasses - 1} {
		for _, value := range []int8{-1, 0, 1} {
			m := newMark(class, value)
			assert.Equal(t, class, m.class())
			assert.Equal(t, value, m.value())
		}
	}
}

func FuzzOpenImages(f *testing.F) {
	f.Add("ImageID,Source,LabelName,Confidence\n"+openImagesRows, "/m/01\n/m/02\n", "/m/01,\"a\"\n")
	f.Fuzz(func(t *testing.T, rows, classes, descriptions string) {
		root := t.TempDir()
		datatest.Write(t, filepath.Join(root, "train-human-imagelabels.csv"), []byte(rows))
		datatest.Write(t, filepath.Join(root, "classes-trainable.txt"), []byte(classes))
		datatest.Write(t, filepath.Join(root, "class-descriptions.csv"), []byte(descriptions))
		s, err := Open(context.Background(), root, SetOptions{Kind: "openimages", Images: root, Unchecked: true})
		if err != nil {
			return
		}
		defer s.Close()
		row := make([]int8, len(s.Classes()))
		for i := range s.Len() {
			s.Row(i, row)
		}
	})
}
