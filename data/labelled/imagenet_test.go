// SPDX-License-Identifier: MIT

package labelled

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

var meta = string(matWriter{binary.LittleEndian}.file(true, matWriter{binary.LittleEndian}.synsets(threeSynsets)))

const kit = "ILSVRC2012_devkit_t12/data/"

func with(files map[string]string, more map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{files, more} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// flatVal is val as its archive unpacks: no folders.
var flatVal = map[string]string{"val/ILSVRC2012_val_00000001.JPEG": "", "val/ILSVRC2012_val_00000002.JPEG": "", "val/ILSVRC2012_val_00000003.JPEG": ""}

var devkitFilesOfTwo = map[string]string{kit + "meta.mat": meta, kit + "ILSVRC2012_validation_ground_truth.txt": "1\n2\n2\n"}

func TestImageNetTrainIsClassFoldersInTheOrderOfWordNetNumbers(t *testing.T) {
	s := open(t, tree(t, with(examples["imagenet"], devkitFilesOfTwo)), SetOptions{})
	names, labels, rows := contents(s)
	assert.Equal(t, []string{"n01440764/n01440764_10.JPEG", "n01440764/n01440764_9.JPEG", "n02119789/n02119789_1.JPEG"}, names)
	assert.Equal(t, []int{0, 0, 1}, labels)
	assert.Equal(t, [][]int8{{1, 0}, {1, 0}, {0, 1}}, rows)
	assert.Equal(t, "tench, Tinca tinca", s.Title(0))
	assert.Equal(t, []int64{2, 1}, s.Counts())
	assert.False(t, s.MultiLabel())
}

func TestImageNetValByTheDevelopmentKit(t *testing.T) {
	archive := func() string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		for name, text := range devkitFilesOfTwo {
			w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Typeflag: tar.TypeReg})
			w.Write([]byte(text))
		}
		w.Close()
		z.Close()
		return b.String()
	}()
	elsewhere := tree(t, devkitFilesOfTwo)
	for name, tt := range map[string]struct {
		files map[string]string
		o     SetOptions
	}{
		"folder":         {devkitFilesOfTwo, SetOptions{}},
		"archive":        {map[string]string{"ILSVRC2012_devkit_t12.tar.gz": archive}, SetOptions{}},
		"elsewhere":      {nil, SetOptions{Kind: "imagenet", Annotations: filepath.Join(elsewhere, "ILSVRC2012_devkit_t12")}},
		"its data":       {nil, SetOptions{Kind: "imagenet", Annotations: filepath.Join(elsewhere, kit)}},
		"what holds it":  {nil, SetOptions{Kind: "imagenet", Annotations: elsewhere}},
		"without a look": {devkitFilesOfTwo, SetOptions{Unchecked: true}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.Split = "val"
			s := open(t, tree(t, with(flatVal, tt.files)), tt.o)
			names, labels, _ := contents(s)
			assert.Equal(t, []string{"ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG", "ILSVRC2012_val_00000003.JPEG"}, names)
			assert.Equal(t, []int{1, 0, 0}, labels, "ILSVRC2012_ID 1 is n02119789, the second in order")
			assert.Equal(t, []string{"n01440764", "n02119789"}, s.Classes())
			assert.Equal(t, "kit fox, Vulpes macrotis", s.Title(1))
			requireReadable(t, s)
		})
	}
}

func TestImageNetFromKaggleEqualsTheDevelopmentKit(t *testing.T) {
	files := map[string]string{
		"LOC_synset_mapping.txt":                                "n01440764 tench, Tinca tinca\nn02119789 kit fox, Vulpes macrotis\n",
		"LOC_val_solution.csv":                                  "ImageId,PredictionString\r\nILSVRC2012_val_00000003,n01440764 1 2 3 4 \r\nILSVRC2012_val_00000001,n02119789 1 2 3 4 n02119789 5 6 7 8 \r\nILSVRC2012_val_00000002,n01440764 1 2 3 4 \r\n",
		"ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_10.JPEG": "",
		"ILSVRC/Data/CLS-LOC/train/n02119789/n02119789_1.JPEG":  "",
	}
	for name := range flatVal {
		files["ILSVRC/Data/CLS-LOC/"+name] = ""
	}
	root := tree(t, files)
	kaggle := open(t, root, SetOptions{Split: "val"})
	devkit := open(t, tree(t, with(flatVal, devkitFilesOfTwo)), SetOptions{Split: "validation"})
	assert.Equal(t, devkit.Fingerprint(), kaggle.Fingerprint())
	assert.Equal(t, devkit.Title(1), kaggle.Title(1))
	requireReadable(t, kaggle)
	train := open(t, root, SetOptions{})
	assert.Equal(t, kaggle.Classes(), train.Classes())
	assert.Equal(t, "tench, Tinca tinca", train.Title(0))
}

func TestImageNetLayoutsThatAreWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		o     SetOptions
		want  []string
	}{
		"flat val, no labels": {flatVal, SetOptions{Kind: "imagenet", Split: "val"},
			[]string{"val holds 3 files and no class folders", "ILSVRC2012_devkit_t12", "LOC_val_solution.csv", "give one of them"}},
		"flat train": {map[string]string{"train/n01440764_1.JPEG": ""}, SetOptions{Kind: "imagenet"},
			[]string{"train holds 1 files and no class folders", "unpack the archive of each class"}},
		"no split": {devkitFilesOfTwo, SetOptions{Split: "val"}, []string{`no folder of images for the split "val"`, "it holds ILSVRC2012_devkit_t12/"}},
		"devkit without labels": {with(flatVal, map[string]string{kit + "meta.mat": meta}), SetOptions{Split: "val"},
			[]string{"has no data/ILSVRC2012_validation_ground_truth.txt"}},
		"label out of range": {with(flatVal, map[string]string{kit + "meta.mat": meta, kit + truthName: "1\n3\n"}), SetOptions{Split: "val"},
			[]string{truthName, `line 2: label "3"`, "one of the 2 classes"}},
		"an empty line":      {with(flatVal, map[string]string{kit + "meta.mat": meta, kit + truthName: "1\n\n2\n"}), SetOptions{Split: "val"}, []string{"1 of its 3 lines are empty"}},
		"label of a concept": {with(flatVal, map[string]string{kit + "meta.mat": meta, kit + truthName: "1001\n"}), SetOptions{Split: "val"}, []string{`label "1001"`}},
		"broken meta.mat":    {with(flatVal, map[string]string{kit + "meta.mat": "x", kit + truthName: "1\n"}), SetOptions{Split: "val"}, []string{"meta.mat: 1 bytes are no MATLAB file"}},
		"all images missing": {with(devkitFilesOfTwo, map[string]string{"val/other.JPEG": ""}), SetOptions{Split: "val"},
			[]string{"none of the 3 images", "the first being ILSVRC2012_val_00000001.JPEG", "give the folder of its images"}},
		"a solution that is none": {with(flatVal, map[string]string{"LOC_val_solution.csv": "a,b\n"}), SetOptions{Split: "val"}, []string{`line 1: the class "b" of "a"`}},
		"an image outside": {with(flatVal, map[string]string{"LOC_val_solution.csv": "../../etc/passwd,n01440764 1 2 3 4\n"}), SetOptions{Split: "val"},
			[]string{"it must be a path below the folder of images"}},
		"two classes for one image": {with(flatVal, map[string]string{"LOC_val_solution.csv": "ILSVRC2012_val_00000001,n01440764\nILSVRC2012_val_00000001,n02119789\n"}), SetOptions{Split: "val"},
			[]string{"ILSVRC2012_val_00000001.JPEG has two different labels: n01440764 and n02119789"}},
		"a class that the mapping lacks": {with(flatVal, map[string]string{"LOC_synset_mapping.txt": "n01440764 tench\n", "LOC_val_solution.csv": "ILSVRC2012_val_00000001,n02119789\n"}),
			SetOptions{Split: "val"}, []string{"has classes that the list of synsets", "it has 1, together they are 2"}},
		"annotations that are no archive": {with(flatVal, map[string]string{"kit.tar.gz": "x"}), SetOptions{Kind: "imagenet", Split: "val", Annotations: "kit.tar.gz"}, []string{"kit.tar.gz"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, tt.files)
			if tt.o.Annotations != "" {
				tt.o.Annotations = filepath.Join(root, tt.o.Annotations)
			}
			_, err := Open(context.Background(), root, tt.o)
			require.Error(t, err)
			for _, part := range tt.want {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

func TestMissingAndRepeatedImagesAreCounted(t *testing.T) {
	files := with(flatVal, map[string]string{"LOC_val_solution.csv": "ILSVRC2012_val_00000001,n01440764\nILSVRC2012_val_00000001,n01440764\nILSVRC2012_val_00000007,n01440764\nILSVRC2012_val_00000002,n02119789\n"})
	s := open(t, tree(t, files), SetOptions{Split: "val"})
	names, labels, _ := contents(s)
	assert.Equal(t, []string{"ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG"}, names)
	assert.Equal(t, []int{0, 1}, labels)
	assert.EqualValues(t, 1, skipped(s, gone))
	assert.EqualValues(t, 1, skipped(s, "images that are named again"))
	assert.Contains(t, s.Listing().String(), "1 images that do not exist (ILSVRC2012_val_00000007.JPEG)")
}

func TestClassFolders(t *testing.T) {
	root := tree(t, map[string]string{"train/owl/1.jpg": "", "train/ape/2.jpg": "", "val/ape/1.jpg": ""})
	s := open(t, root, SetOptions{})
	assert.Equal(t, []string{"ape", "owl"}, s.Classes())
	assert.Equal(t, "ape", s.Title(0))
	assert.EqualValues(t, 1, open(t, root, SetOptions{Split: "val"}).Len())
	below := open(t, filepath.Join(root, "train"), SetOptions{})
	assert.Equal(t, s.Fingerprint(), below.Fingerprint(), "the folder of the classes itself")
	_, err := Open(context.Background(), root, SetOptions{Split: "test", Kind: "folders"})
	assert.ErrorContains(t, err, `split "test"`)
}

func TestManyImagesAreLookedForAtOnce(t *testing.T) {
	root := t.TempDir()
	var list bytes.Buffer
	for i := range 3000 {
		name := string(rune('a'+i%26)) + "/" + string(rune('0'+i%10)) + "-" + string(rune(0x4e00+i)) + ".jpg"
		list.WriteString("/" + name + " " + string(rune('0'+i%2)) + "\n")
		if i%3 > 0 {
			datatest.Write(t, filepath.Join(root, "data_256", name), []byte("x"))
		}
	}
	datatest.Write(t, filepath.Join(root, "places365_train_standard.txt"), list.Bytes())
	datatest.Write(t, filepath.Join(root, "categories_places365.txt"), []byte("/a/a 0\n/b/b 1\n"))
	s := open(t, root, SetOptions{})
	assert.EqualValues(t, 2000, s.Len())
	assert.EqualValues(t, 1000, skipped(s, gone))
}
