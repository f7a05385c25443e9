// SPDX-License-Identifier: MIT

package labelled

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/source"
)

// tree writes files into a temporary folder: drawn pictures where the name ends like one, else the text.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		content := []byte(text)
		if text == "" {
			content = datatest.JPEG(24, 16, uint64(len(name)))
		}
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(filepath.Join(root, name), 0o755))
			continue
		}
		datatest.Write(t, filepath.Join(root, name), content)
	}
	return root
}

func open(t testing.TB, root string, o SetOptions) *Set {
	t.Helper()
	s, err := Open(context.Background(), root, o)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// contents lists a set: names, and labels or rows.
func contents(s *Set) (names []string, labels []int, rows [][]int8) {
	for i := range s.Len() {
		names = append(names, s.Name(i))
		labels = append(labels, s.Label(i))
		row := make([]int8, len(s.Classes()))
		s.Row(i, row)
		rows = append(rows, row)
	}
	return names, labels, rows
}

// requireReadable reads and decodes nothing, but sees that every name leads to a picture.
func requireReadable(t testing.TB, s *Set) {
	t.Helper()
	for i := range s.Len() {
		item, err := s.Read(context.Background(), i, nil)
		require.NoError(t, err)
		require.Equal(t, "\xff\xd8", string(item.Bytes[:2]), s.Name(i))
	}
}

func skipped(s *Set, what string) int64 { return s.Listing().Skipped[what].N }

const gone = "images that do not exist"

func TestEveryKindIsFoundByWhatLiesThere(t *testing.T) {
	for kind, files := range examples {
		t.Run(kind, func(t *testing.T) {
			s := open(t, tree(t, files), SetOptions{})
			assert.Equal(t, strings.Split(kind, " ")[0], s.Kind)
			assert.Equal(t, "train", s.Split)
			assert.NotEmpty(t, s.Classes())
			requireReadable(t, s)
			named := open(t, tree(t, files), SetOptions{Kind: s.Kind})
			assert.Equal(t, s.Fingerprint(), named.Fingerprint(), "the kind by name")
		})
	}
}

func TestFoldersThatHoldNoDataSet(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		o     SetOptions
		want  []string
	}{
		"empty":          {nil, SetOptions{}, []string{"holds no labelled data set (it is empty", "imagenet: train/n01440764/*.JPEG", "coco: annotations/instances_train2017.json"}},
		"something else": {map[string]string{"song.mp3": "x"}, SetOptions{}, []string{"it holds song.mp3"}},
		"two at once":    {map[string]string{"train2018.json": "{}", "annotations/instances_train2017.json": "{}"}, SetOptions{}, []string{"looks like inaturalist and like coco", "set the kind"}},
		"no such kind":   {nil, SetOptions{Kind: "cifar"}, []string{`unknown kind "cifar"`, "folders, imagenet, places"}},
		"no such split":  {map[string]string{"train/a/1.jpg": ""}, SetOptions{Split: "test", Kind: "folders"}, []string{`no folder of images for the split "test"`, "it holds train/"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, tt.files)
			_, err := Open(context.Background(), root, tt.o)
			require.Error(t, err)
			for _, part := range append(tt.want, root) {
				assert.ErrorContains(t, err, part)
			}
		})
	}
	_, err := Open(context.Background(), filepath.Join(t.TempDir(), "nowhere"), SetOptions{})
	assert.ErrorContains(t, err, "nowhere")
}

func TestAFileInPlaceOfAFolder(t *testing.T) {
	root := tree(t, map[string]string{"train2018.json": "{}"})
	_, err := Open(context.Background(), filepath.Join(root, "train2018.json"), SetOptions{})
	assert.ErrorContains(t, err, "give the folder of the data set")
}

func TestReadingStopsWithItsContext(t *testing.T) {
	root := tree(t, examples["places 365"])
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Open(ctx, root, SetOptions{})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestRootsWithCharactersOfPatterns(t *testing.T) {
	root := filepath.Join(t.TempDir(), "[a]*?")
	for name, text := range examples["places 365"] {
		content := []byte(text)
		if text == "" {
			content = datatest.JPEG(8, 8, 1)
		}
		datatest.Write(t, filepath.Join(root, name), content)
	}
	assert.EqualValues(t, 3, open(t, root, SetOptions{}).Len())
}

func TestASetIsASourceOfTheLoader(t *testing.T) {
	var src source.Source = open(t, tree(t, examples["imagenet"]), SetOptions{})
	assert.Equal(t, []string{"n01440764", "n02119789"}, src.Classes())
	assert.Equal(t, 1, src.Label(src.Len()-1))
}

func TestFingerprintsTellTargetsApart(t *testing.T) {
	lists := map[string]string{"places365_train_standard.txt": "/b/bar/1.jpg 1\n/a/air/1.jpg 1\n/a/air/2.jpg 0\n"}
	files := map[string]string{}
	for k, v := range examples["places 365"] {
		files[k] = v
	}
	one := open(t, tree(t, files), SetOptions{}).Fingerprint()
	again := open(t, tree(t, files), SetOptions{}).Fingerprint()
	for k, v := range lists {
		files[k] = v
	}
	other := open(t, tree(t, files), SetOptions{}).Fingerprint()
	assert.Equal(t, one, again)
	assert.NotEqual(t, one, other)
}
