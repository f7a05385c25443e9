// SPDX-License-Identifier: MIT

package labelled

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

func TestLinesAsEverySystemWritesThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.txt")
	datatest.Write(t, path, []byte("\xef\xbb\xbfone\r\n\n  two \nthree"))
	var got []string
	require.NoError(t, readLines(path, func(line []byte) error { got = append(got, string(line)); return nil }))
	assert.Equal(t, []string{"one", "two", "three"}, got)
	assert.ErrorContains(t, readLines(filepath.Dir(path), nil), "is no file")
	_, err := readBounded(path, 5)
	assert.ErrorContains(t, err, "x.txt has more than 5 bytes")
}

// Any text in place of Kaggle's files, the ground truth, the files of VOC or a list of names is a set or an error.
func FuzzTextsOfLabels(f *testing.F) {
	f.Add("ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 3 4\n", "n01440764 tench\n")
	f.Add("1\n2\n2\n", "n02119789 fox")
	f.Add("000012  1\n000007 -1\n", "000012\n000007\n")
	f.Fuzz(func(t *testing.T, labels, names string) {
		root := t.TempDir()
		write := func(name, text string) { datatest.Write(t, filepath.Join(root, name), []byte(text)) }
		write("val/x.jpg", "x")
		write("JPEGImages/x.jpg", "x")
		write("LOC_val_solution.csv", labels)
		write("LOC_synset_mapping.txt", names)
		write("ImageSets/Main/val.txt", names)
		write("ImageSets/Main/cat_val.txt", labels)
		write(kit+"meta.mat", meta)
		write(kit+truthName, labels)
		for _, o := range []SetOptions{{Kind: "imagenet"}, {Kind: "imagenet", Annotations: filepath.Join(root, kit)}, {Kind: "voc"}} {
			o.Split, o.Unchecked = "val", true
			s, err := Open(context.Background(), root, o)
			if err != nil {
				assert.True(t, strings.HasPrefix(err.Error(), "labelled: "), err)
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
