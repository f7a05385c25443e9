// SPDX-License-Identifier: MIT

package instances

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/mask"
)

// vocTree writes a split of two images; the second's annotation is given.
func vocTree(t *testing.T, annotation string) string {
	t.Helper()
	root := t.TempDir()
	base := filepath.Join(root, "VOCdevkit", "VOC2007")
	for name, text := range map[string]string{
		"ImageSets/Main/val.txt": "000005\n000007\n",
		"Annotations/000005.xml": `<annotation><filename>000005.jpg</filename><size><width>500</width><height>375</height><depth>3</depth></size>
			<object><name>chair</name><difficult>0</difficult><bndbox><xmin>263</xmin><ymin>211</ymin><xmax>324</xmax><ymax>339</ymax></bndbox>
				<part><name>leg</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>
			<object><name>person</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>45.5</ymin><xmax>500</xmax><ymax>46.5</ymax></bndbox></object></annotation>`,
		"Annotations/000007.xml": annotation,
	} {
		path := filepath.Join(base, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

func TestBoxesOfVOC(t *testing.T) {
	root := vocTree(t, `<annotation><size><width>9</width><height>8</height></size></annotation>`)
	for from, prefix := range map[string]string{root: "VOCdevkit/VOC2007/", filepath.Join(root, "VOCdevkit"): "VOC2007/", filepath.Join(root, "VOCdevkit/VOC2007"): ""} {
		d, err := OpenVOC(from, "val", nil)
		require.NoError(t, err)
		assert.Equal(t, []Image{{1, prefix + "JPEGImages/000005.jpg", 500, 375}, {2, prefix + "JPEGImages/000007.jpg", 9, 8}}, d.Images)
		assert.Len(t, d.Categories, 20)
		require.Len(t, d.Objects, 2, "parts are no objects")
		assert.Equal(t, mask.Box{262, 210, 62, 129}, d.Objects[0].Box, "pixels count from 1, the last one is in the box")
		assert.Equal(t, "chair", d.Categories[d.Objects[0].Category-1].Name)
		assert.Equal(t, mask.Box{0, 44.5, 500, 2}, d.Objects[1].Box)
		assert.True(t, d.Objects[1].Difficult)
	}
}

func TestVOCErrorsNameTheObject(t *testing.T) {
	object := func(inside string) string { return `<annotation><object>` + inside + `</object></annotation>` }
	for annotation, want := range map[string]string{
		`<annotation>`: "000007.xml: XML syntax error",
		`<set/>`:       "expected element type <annotation> but have <set>",
		`<annotation><size><width>-1</width></size></annotation>`:   "size: width -1 and height 0",
		object(`<name>leg</name>`):                                  `000007.xml: object 0 is a "leg", which is none of the 20 classes`,
		object(`<name>cat</name>`):                                  "object 0, a cat, has no bndbox",
		object(`<name>cat</name><bndbox><xmin>1</xmin></bndbox>`):   `object 0, a cat: bndbox: ymin is ""; it must be a number of a pixel`,
		object(`<name>cat</name><bndbox><xmin>NaN</xmin></bndbox>`): `bndbox: xmin is "NaN"`,
	} {
		_, err := OpenVOC(vocTree(t, annotation), "val", nil)
		assert.ErrorContains(t, err, want)
	}
	root := vocTree(t, `<annotation/>`)
	_, err := OpenVOC(root, "train", nil)
	assert.ErrorContains(t, err, "no ImageSets/Main/train.txt in "+root)
	d, err := OpenVOC(root, "val", []string{"person", "chair"})
	require.NoError(t, err)
	assert.EqualValues(t, 2, d.Objects[0].Category, "classes of one's own keep their order")
	require.NoError(t, os.WriteFile(filepath.Join(root, "VOCdevkit/VOC2007/ImageSets/Main/val.txt"), []byte("../x\n"), 0o644))
	_, err = OpenVOC(root, "val", nil)
	assert.ErrorContains(t, err, `val.txt:1: "../x"; a line is the name of an image`)
}

func FuzzVOC(f *testing.F) {
	f.Add([]byte(`<annotation><size><width>9</width><height>8</height></size><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v := voc{root: "r", base: "r/VOC2007", classes: map[string]int64{"cat": 1}, data: &Dataset{}}
		if v.read(bytes.NewReader(text), "000001") != nil {
			return
		}
		require.True(t, filepath.IsLocal(v.data.Images[0].File), "a file stays in its folder: %q", v.data.Images[0].File)
	})
}
