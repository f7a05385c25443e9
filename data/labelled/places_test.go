// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

func TestPlacesKeepTheOrderOfTheirList(t *testing.T) {
	s := open(t, tree(t, examples["places 365"]), SetOptions{})
	names, labels, _ := contents(s)
	assert.Equal(t, []string{"b/bar/1.jpg", "a/air/1.jpg", "a/air/2.jpg"}, names)
	assert.Equal(t, []int{1, 0, 0}, labels)
	assert.Equal(t, []string{"/a/air", "/b/bar/in"}, s.Classes())
	s = open(t, tree(t, examples["places 205"]), SetOptions{})
	names, labels, _ = contents(s)
	assert.Equal(t, []string{"a/abbey/gsun_1.jpg", "b/bar/gsun_2.jpg"}, names)
	assert.Equal(t, []int{0, 1}, labels)
}

func TestPlacesSplitsAndFolders(t *testing.T) {
	root := tree(t, with(examples["places 365"], map[string]string{"places365_val.txt": "Places365_val_00000001.jpg 1\n", "val_256/Places365_val_00000001.jpg": ""}))
	val := open(t, root, SetOptions{Split: "val"})
	requireReadable(t, val)
	assert.Equal(t, 1, val.Label(0))
	large := open(t, root, SetOptions{Split: "val", Images: filepath.Join(root, "val_256")})
	assert.Equal(t, val.Fingerprint(), large.Fingerprint())
}

func TestPlacesThatAreWrong(t *testing.T) {
	list := func(text string) map[string]string {
		return with(examples["places 365"], map[string]string{"places365_train_standard.txt": text})
	}
	categories := func(text string) map[string]string {
		return with(examples["places 365"], map[string]string{"categories_places365.txt": text})
	}
	for name, tt := range map[string]struct {
		files map[string]string
		o     SetOptions
		want  []string
	}{
		"label out of range":    {list("/a/air/1.jpg 2\n"), SetOptions{}, []string{"places365_train_standard.txt: line 1", "label 2 of", "2 classes, allowed are 0 to 1"}},
		"negative":              {list("/a/air/1.jpg -1\n"), SetOptions{}, []string{"label -1 of"}},
		"no number":             {list("/a/air/1.jpg one\n"), SetOptions{}, []string{`label "one"`, "the number of a class"}},
		"without labels":        {list("Places365_test_00000001.jpg\n"), SetOptions{}, []string{"has no label", "test split has none"}},
		"empty":                 {list("\n\n"), SetOptions{}, []string{"names no image with a label"}},
		"another place":         {list("../x.jpg 0\n"), SetOptions{}, []string{"line 1", "below the folder of images"}},
		"two labels":            {list("/a/air/1.jpg 0\n/b/bar/1.jpg 1\n/a/air/1.jpg 1\n"), SetOptions{}, []string{"a/air/1.jpg has two different labels: /a/air and /b/bar/in"}},
		"nothing there":         {list("/c/1.jpg 0\n/c/2.jpg 1\n"), SetOptions{}, []string{"none of the 2 images", "data_256", "the first being c/1.jpg"}},
		"a number twice":        {categories("/a/air 0\n/b/bar 0\n"), SetOptions{}, []string{`"/a/air" and "/b/bar" have both the number 0`}},
		"a number is missing":   {categories("/a/air 0\n/b/bar 2\n"), SetOptions{}, []string{"none has the number 1"}},
		"a number beyond":       {categories("/a/air 99999999999\n"), SetOptions{}, []string{"categories_places365.txt: line 1"}},
		"no split":              {examples["places 365"], SetOptions{Split: "val"}, []string{`no labels of the split "val"`, "places365_val.txt", "it holds categories_places365.txt"}},
		"no folder of images":   {map[string]string{"categories_places365.txt": "a 0", "places365_train_standard.txt": "a 0"}, SetOptions{}, []string{"no folder of images", "data_large_standard"}},
		"no names of classes":   {map[string]string{"places365_train_standard.txt": "a 0"}, SetOptions{}, []string{"names of the classes are missing"}},
		"a line without ending": {list(string(bytes.Repeat([]byte("x"), maxLine+1))), SetOptions{}, []string{"line 1 is longer than 65536 bytes"}},
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

func FuzzLists(f *testing.F) {
	f.Add("/a/air/1.jpg 0\n/b 1\n", "x 0\ny 1\n")
	f.Add("a,0\r\n\r\nb,1", "\xef\xbb\xbfx,0\ny,1")
	f.Fuzz(func(t *testing.T, list, categories string) {
		root := t.TempDir()
		datatest.Write(t, filepath.Join(root, "places365_train_standard.txt"), []byte(list))
		datatest.Write(t, filepath.Join(root, "categories_places365.txt"), []byte(categories))
		s, err := Open(context.Background(), root, SetOptions{Images: root, Unchecked: true})
		if err != nil {
			return
		}
		defer s.Close()
		for i := range s.Len() {
			assert.True(t, filepath.IsLocal(s.Name(i)))
			assert.Less(t, s.Label(i), len(s.Classes()))
		}
	})
}
