// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/tasks/probe"
)

// drawnSet is a data set of coloured pictures, three classes, in the layouts in which the evaluations' data sets are
// published.
type drawnSet struct {
	root  string
	lists map[string]*strings.Builder // files of text that grow with the images
	json  map[string]map[string][]map[string]any
}

const (
	drawnTrain = 24
	drawnVal   = 12
)

var drawnClasses = []string{"red", "green", "blue"}

// drawnSets writes all layouts below one folder: imagenet, places205, inat18, openimages, voc.
func drawnSets(t *testing.T) string {
	t.Helper()
	d := &drawnSet{root: t.TempDir(), lists: map[string]*strings.Builder{}, json: map[string]map[string][]map[string]any{}}
	for i := range drawnTrain + drawnVal {
		split := "train"
		if i >= drawnTrain {
			split = "val"
		}
		d.image(t, split, i, i%3)
	}
	for c, name := range drawnClasses {
		d.line("places205/categoryIndex_places205.csv", "/%c/%s %d", name[0], name, c)
		d.line("openimages/oidv6-classes-trainable.txt", "/m/%s", name)
	}
	for path, text := range d.lists {
		datatest.Write(t, filepath.Join(d.root, path), []byte(text.String()))
	}
	for path, value := range d.json {
		for c, name := range drawnClasses {
			value["categories"] = append(value["categories"], map[string]any{"id": c, "name": name})
		}
		text, err := json.Marshal(value)
		require.NoError(t, err)
		datatest.Write(t, filepath.Join(d.root, path), text)
	}
	return d.root
}

func (d *drawnSet) line(path, format string, args ...any) {
	if d.lists[path] == nil {
		d.lists[path] = &strings.Builder{}
	}
	fmt.Fprintf(d.lists[path], format+"\n", args...)
}

// image adds one image to every layout.
func (d *drawnSet) image(t *testing.T, split string, i, class int) {
	name := drawnClasses[class]
	img := datatest.Draw(40, 36, uint64(i))
	for p := 0; p < len(img.Pix); p += 4 {
		for c := range 3 {
			img.Pix[p+c] /= 8
		}
		img.Pix[p+class] += 200
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	write := func(format string, args ...any) {
		datatest.Write(t, filepath.Join(d.root, fmt.Sprintf(format, args...)), b.Bytes())
	}

	write("imagenet/%s/n0000000%d/n0000000%d_%d.JPEG", split, class, class, i)
	if split == "train" && i < 12 {
		for _, list := range []string{"1percent.txt", "10percent.txt"} { // SimCLR's have names without folders
			d.line("imagenet/"+list, "n0000000%d_%d.JPEG", class, i)
		}
	}

	write("places205/images256/%c/%s/gsun_%d.jpg", name[0], name, i)
	d.line("places205/"+split+"_places205.csv", "%c/%s/gsun_%d.jpg,%d", name[0], name, i, class)

	write("inat18/train_val2018/Aves/%d/%d.jpg", class, i)
	file := "inat18/" + split + "2018.json"
	if d.json[file] == nil {
		d.json[file] = map[string][]map[string]any{}
	}
	d.json[file]["images"] = append(d.json[file]["images"], map[string]any{"id": i, "file_name": fmt.Sprintf("train_val2018/Aves/%d/%d.jpg", class, i)})
	d.json[file]["annotations"] = append(d.json[file]["annotations"], map[string]any{"id": i, "image_id": i, "category_id": class})

	folder, labels := "train", "oidv6-train-annotations-human-imagelabels.csv"
	vocSplit := "trainval"
	if split == "val" {
		folder, labels, vocSplit = "validation", "validation-annotations-human-imagelabels.csv", "test"
	}
	write("openimages/%s/%016x.jpg", folder, i)
	write("voc/VOCdevkit/VOC2007/JPEGImages/%06d.jpg", i)
	d.line("voc/VOCdevkit/VOC2007/ImageSets/Main/"+vocSplit+".txt", "%06d", i)
	if d.lists["openimages/"+labels] == nil {
		d.line("openimages/"+labels, "ImageID,Source,LabelName,Confidence")
	}
	for c, other := range drawnClasses {
		there := 0
		if c == class {
			there = 1
		}
		if c == class || i%2 == 0 { // half of the images have classes that nobody has looked for
			d.line("openimages/"+labels, "%016x,verification,/m/%s,%d", i, other, there)
		}
		d.line("voc/VOCdevkit/VOC2007/ImageSets/Main/"+other+"_"+vocSplit+".txt", "%06d %2d", i, 2*there-1)
	}
}

// shrunk is a shipped experiment with a small trunk, small images and few steps; what its protocol consists of stays.
func shrunk(t *testing.T, path, data string) *config.Experiment {
	t.Helper()
	e, err := config.Load(path, nil)
	require.NoError(t, err)
	here := func(path string) string { return strings.Replace(path, "/data/", data+"/", 1) }
	short := config.Duration{Value: 2, Unit: config.Epochs}
	e.Model = config.Model{Arch: "regnet_y_200mf"}
	e.Run.Device, e.Run.Dir = "cpu", filepath.Join(t.TempDir(), "run")
	e.Linear.Train, e.Linear.Val, e.KNN.Train, e.KNN.Val = here(e.Linear.Train), here(e.Linear.Val), here(e.KNN.Train), here(e.KNN.Val)
	e.SVM.Train, e.SVM.Val, e.Data.Source, e.Finetune.Val = here(e.SVM.Train), here(e.SVM.Val), here(e.Data.Source), here(e.Finetune.Val)
	e.Data.Subset.List = here(e.Data.Subset.List)
	if e.Data.Subset.Fraction > 0 {
		e.Data.Subset.Fraction = 0.5
	}
	e.Linear.Duration, e.Linear.Batch, e.Linear.Resize, e.Linear.Crop = short, 8, 36, 32
	if len(e.Linear.Milestones) > 0 && e.Linear.Schedule == "step" {
		e.Linear.Milestones = []config.Duration{{Value: 1, Unit: config.Epochs}}
	}
	e.KNN.Resize, e.KNN.Crop, e.SVM.Resize, e.SVM.Crop = 36, 32, 36, 32
	for i := range e.KNN.K {
		e.KNN.K[i] = min(e.KNN.K[i]/10, 12)
	}
	for i := range e.SVM.Shots {
		e.SVM.Shots[i] = i + 1
	}
	e.SVM.Shots = e.SVM.Shots[:min(len(e.SVM.Shots), 3)]
	e.SVM.TrainSubset.Shots = min(e.SVM.TrainSubset.Shots, 6)
	if e.Finetune.Val != "" {
		e.Train.Duration, e.Optim.Batch, e.Schedule.Milestones = short, 4, []config.Duration{{Value: 1, Unit: config.Epochs}}
		if e.Schedule.Warmup.Value > 0 {
			e.Schedule.Warmup = config.Duration{Value: 1, Unit: config.Steps}
		}
		e.Crops[0].Size, e.Finetune.Resize, e.Finetune.Crop, e.Finetune.ValidateEvery = 32, 36, 32, short
	}
	return e
}

var evaluationFiles = regexp.MustCompile(`^(linear|knn|svm|lowshot|finetune)_`)

// Every evaluation that is shipped runs on its data set's published layout, drawn in small: the command of its header, its
// protocol, and the figure that its data set is judged by.
func TestShippedEvaluationsRunOnPublishedLayouts(t *testing.T) {
	files, err := filepath.Glob(repository + "/experiments/*.toml")
	require.NoError(t, err)
	data, ran := drawnSets(t), 0
	for _, path := range files {
		if !evaluationFiles.MatchString(filepath.Base(path)) {
			continue
		}
		ran++
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			command := regexp.MustCompile(`# Command: +seer (\S+) `).FindStringSubmatch(string(text))
			require.NotNil(t, command)
			e := shrunk(t, path, data)
			small, err := e.Text()
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "small.toml")
			require.NoError(t, os.WriteFile(file, []byte(small), 0o644))
			begin := []string{"--random-init"}
			if e.Finetune.ProjectorLayers > 0 { // of a head that has been pretrained
				pretraining, run := experimentFile(t, coloured(t, 6))
				mustInvoke(t, "pretrain", pretraining)
				begin = []string{"--weights", run}
			}
			out, messages, err := invoke(t, append([]string{command[1], file, "--json"}, begin...)...)
			require.NoError(t, err, messages)
			var r probe.Result
			require.NoError(t, json.Unmarshal([]byte(out), &r))
			assert.EqualValues(t, drawnVal, r.ValImages)
			assert.Equal(t, 3, r.Classes)
			several := e.Linear.Kind == "openimages" || e.SVM.Kind == "voc" || e.Finetune.MultiLabel
			// What is solved separates three colours. A few steps of gradient descent from random weights, at rates for
			// thousands, are at chance: that they learn is for tasks/finetune and tasks/probe to show.
			solved := command[1] == "svm" || command[1] == "knn"
			if several || command[1] == "svm" {
				assert.Greater(t, r.MAP, map[bool]float64{true: 90, false: 30}[solved])
			}
			if !several {
				assert.InDelta(t, math.Round(r.Top1*drawnVal/100), r.Top1*drawnVal/100, 1e-6, "no share of %d images", drawnVal)
				assert.True(t, !solved || r.Top1 > 90, "top-1 %.1f", r.Top1)
			}
			switch command[1] {
			case "linear-eval":
				want := len(e.Linear.Layers) * len(e.Linear.BaseLR)
				assert.Len(t, r.Trials, map[bool]int{true: want, false: 0}[want > 1])
			case "knn":
				assert.Len(t, r.Trials, len(e.KNN.K))
			case "svm":
				assert.Len(t, r.Shots, len(e.SVM.Shots))
			}
		})
	}
	assert.Greater(t, ran, 10)
}
