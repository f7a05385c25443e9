// SPDX-License-Identifier: MIT

package labelled

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/testrand"
)

func TestVOCFromTheFilesOfClasses(t *testing.T) {
	s := open(t, tree(t, examples["voc 2007"]), SetOptions{})
	names, _, rows := contents(s)
	assert.Equal(t, []string{"000012.jpg", "000007.jpg"}, names, "the order of the list")
	assert.Equal(t, []string{"car", "cat"}, s.Classes())
	assert.Equal(t, [][]int8{{-1, 1}, {1, 0}}, rows)
}

// object writes an object of an annotation, with a part whose name is no class.
func object(class string, difficult bool) string {
	d := 0
	if difficult {
		d = 1
	}
	return fmt.Sprintf("<object><name>%s</name><difficult>%d</difficult><bndbox><xmin>1</xmin></bndbox><part><name>head</name></part></object>", class, d)
}

// The files of classes and the annotations of PASCAL VOC say the same; here both are written from the same objects.
func TestVOCFromAnnotationsEqualsTheFilesOfClasses(t *testing.T) {
	rng := testrand.New(t)
	files := map[string]string{"JPEGImages/": "x"}
	var ids, lines []string
	main := make([]strings.Builder, len(vocClasses))
	for i := range 30 {
		id := fmt.Sprintf("%06d", i*7)
		ids = append(ids, id)
		value := make([]int, len(vocClasses))
		var objects strings.Builder
		for range rng.IntN(6) {
			class, difficult := rng.IntN(len(vocClasses)), rng.IntN(2) == 1
			objects.WriteString(object(vocClasses[class], difficult))
			switch {
			case !difficult:
				value[class] = 1
			case value[class] == 0:
				value[class] = -1
			}
		}
		for class, v := range value {
			// In these files -1 is not there and 0 is difficult.
			fmt.Fprintf(&main[class], "%s %2d\n", id, map[int]int{1: 1, 0: -1, -1: 0}[v])
		}
		files["Annotations/"+id+".xml"] = "<annotation><folder>VOC2007</folder>" + objects.String() + "</annotation>"
	}
	lines = append(lines, ids...)
	files["ImageSets/Main/test.txt"] = strings.Join(lines, "\n")
	byAnnotation := open(t, tree(t, files), SetOptions{Split: "test", Unchecked: true})
	for class, name := range vocClasses {
		files["ImageSets/Main/"+name+"_test.txt"] = main[class].String()
	}
	byClass := open(t, tree(t, files), SetOptions{Split: "test", Unchecked: true})
	assert.Equal(t, byClass.Fingerprint(), byAnnotation.Fingerprint())
	assert.Equal(t, vocClasses, byClass.Classes())
	assert.True(t, slices.IsSorted(vocClasses))
}

func TestVOCThatIsWrong(t *testing.T) {
	const main = "ImageSets/Main/"
	voc := func(files map[string]string) map[string]string {
		return with(map[string]string{"JPEGImages/1.jpg": "", main + "train.txt": "1\n2\n"}, files)
	}
	for name, tt := range map[string]struct {
		files map[string]string
		o     SetOptions
		want  []string
	}{
		"no images":            {map[string]string{main + "train.txt": "1"}, SetOptions{Kind: "voc"}, []string{"no folder JPEGImages", "VOCdevkit/VOC2007"}},
		"no split":             {voc(nil), SetOptions{Split: "test"}, []string{`no labels of the split "test"`, "ImageSets/Main/test.txt"}},
		"two years":            {map[string]string{"VOC2007/JPEGImages/1.jpg": "", "VOC2012/JPEGImages/1.jpg": ""}, SetOptions{}, []string{"holds VOC2007/JPEGImages and VOC2012/JPEGImages"}},
		"no annotation":        {voc(nil), SetOptions{}, []string{"Annotations/1.xml", "labels are in ImageSets/Main/<class>_train.txt or"}},
		"a value":              {voc(map[string]string{main + "cat_train.txt": "1 2\n2 1\n"}), SetOptions{}, []string{"cat_train.txt: line 1", "allowed are 1, 0 and -1"}},
		"an unknown image":     {voc(map[string]string{main + "cat_train.txt": "3 1\n"}), SetOptions{}, []string{`the image "3" is not in the list`}},
		"an image is missing":  {voc(map[string]string{main + "cat_train.txt": "1 1\n"}), SetOptions{}, []string{"1 of the 2 images of the split; 2 is missing"}},
		"an image twice":       {voc(map[string]string{main + "cat_train.txt": "1 1\n1 1\n"}), SetOptions{}, []string{`line 2: the image "1" is named twice`}},
		"the list names twice": {voc(map[string]string{main + "train.txt": "1\n1\n"}), SetOptions{}, []string{"train.txt: line 2: the image 1 is named twice"}},
		"a list of labels":     {voc(map[string]string{main + "train.txt": "1 1\n"}), SetOptions{}, []string{"without its ending"}},
		"another place":        {voc(map[string]string{main + "train.txt": "../1\n"}), SetOptions{}, []string{"train.txt: line 1"}},
		"an unknown class":     {voc(map[string]string{"Annotations/1.xml": "<annotation>" + object("zebra", false) + "</annotation>"}), SetOptions{}, []string{"1.xml", `an object is a "zebra"`, "aeroplane, bicycle"}},
		"no annotation inside": {voc(map[string]string{"Annotations/1.xml": "<html></html>"}), SetOptions{}, []string{"1.xml", "annotation"}},
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

func FuzzVOCAnnotations(f *testing.F) {
	f.Add("<annotation>" + object("cat", true) + object("cat", false) + "</annotation>")
	f.Fuzz(func(t *testing.T, content string) {
		marks, err := vocMarks([]byte(content))
		if err != nil {
			return
		}
		for _, m := range marks {
			assert.Less(t, m.class(), len(vocClasses))
			assert.NotZero(t, m.value())
		}
	})
}
