// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/internal/golden"
)

// detectionFiles are the golden annotations and results of eval/coco.
func detectionFiles() (annotations, results string) {
	return filepath.Join(golden.Dir(), "coco/annotations.json"), filepath.Join(golden.Dir(), "coco/results.json")
}

// expectedStats are pycocotools' twelve numbers of a comparison.
func expectedStats(t *testing.T, name string) []float64 {
	t.Helper()
	var expected map[string]struct{ Stats []float64 }
	require.NoError(t, golden.JSON("coco/expected.json", &expected))
	require.Len(t, expected[name].Stats, 12)
	return expected[name].Stats
}

func TestDetectEvalPrintsTheTwelveNumbers(t *testing.T) {
	annotations, results := detectionFiles()
	out := mustInvoke(t, "detect", "eval", "--annotations", annotations, "--predictions", results)
	words := strings.Join(strings.Fields(out), " ")
	assert.Contains(t, words, "40 images, 225 objects, 519 results boxes masks")
	boxes, masks := expectedStats(t, "boxes of boxes"), expectedStats(t, "masks of both")
	for i, name := range summaryLines {
		assert.Contains(t, words, fmt.Sprintf("%s %.4f %.4f", name, boxes[i], masks[i]))
	}
	out = mustInvoke(t, "detect", "eval", "--annotations", annotations, "--predictions", results, "--by-category")
	assert.Contains(t, out, "thing 90")
	assert.Regexp(t, `thing 62 +0 +- +-`, out, "a category without objects has no numbers")
}

func TestDetectEvalAsJSON(t *testing.T) {
	annotations, results := detectionFiles()
	var got struct {
		Boxes, Masks map[string]float64
		Categories   []map[string]any
	}
	out := mustInvoke(t, "detect", "eval", "-a", annotations, "-p", results, "--json", "--by-category")
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	assert.InDelta(t, expectedStats(t, "boxes of boxes")[0], got.Boxes["AP"], 1e-9)
	assert.InDelta(t, expectedStats(t, "masks of both")[4], got.Masks["APm"], 1e-9, "areas are those of boxes")
	assert.InDelta(t, expectedStats(t, "boxes of boxes")[11], got.Boxes["ARl"], 1e-9)
	assert.Len(t, got.Categories, 7)
	out = mustInvoke(t, "detect", "eval", "-a", annotations, "-p", results, "--json", "--mask-areas")
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	assert.InDelta(t, expectedStats(t, "masks of masks")[4], got.Masks["APm"], 1e-9)
	assert.NotContains(t, out, "categories")
}

// writeJSON writes a file in a fresh folder.
func writeJSON(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func TestDetectEvalSaysThatThereAreOnlyBoxes(t *testing.T) {
	annotations, _ := detectionFiles()
	boxes := writeJSON(t, `[{"image_id": 1000, "category_id": 90, "bbox": [3, 5, 30, 4], "score": 1}]`)
	out := mustInvoke(t, "detect", "eval", "-a", annotations, "-p", boxes)
	assert.Contains(t, out, "only boxes are scored: the results have no segmentations")
	assert.NotContains(t, out, "masks")
	bare := writeJSON(t, `{"images": [{"id": 1, "width": 9, "height": 9}], "categories": [{"id": 1, "name": "cat"}],
		"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}]}`)
	masks := writeJSON(t, `[{"image_id": 1, "category_id": 1, "score": 1, "segmentation": {"size": [9, 9], "counts": [10, 5, 66]}}]`)
	out = mustInvoke(t, "detect", "eval", "-a", bare, "-p", masks)
	assert.Contains(t, out, "only boxes are scored: 1 of 1 annotations have no segmentation, the first is annotations[0]")
}

func TestDetectEvalRefusesWhatDoesNotFit(t *testing.T) {
	annotations, results := detectionFiles()
	far := writeJSON(t, `[{"image_id": 4, "category_id": 90, "bbox": [3, 5, 30, 4], "score": 1}]`)
	for want, args := range map[string][]string{
		"--predictions is missing or empty":                                             {"-a", annotations},
		"results[0] is of image 4, which is none of the 40 images":                      {"-a", annotations, "-p", far},
		"results are " + far + ", annotations " + annotations:                           {"-a", annotations, "-p", far},
		results + ": it is a list, as a file of results is":                             {"-a", results, "-p", results},
		annotations + ": it is an object, as a file of annotations":                     {"-a", annotations, "-p", annotations},
		"r.json is a URL, and only images are read from URLs: download the predictions": {"-a", annotations, "-p", "https://example.org/r.json"},
		"--threads -1: must be at least 0":                                              {"-a", annotations, "-p", results, "--threads", "-1"},
		"detect eval takes no arguments beside its flags":                               {"-a", annotations, "-p", results, "more"},
	} {
		out, _, err := invoke(t, append([]string{"detect", "eval"}, args...)...)
		assert.ErrorContains(t, err, want)
		assert.Empty(t, out)
	}
}

// A run's predictions are a file of results that seer detect eval scores as the run itself was, and pictures.
func TestDetectPredict(t *testing.T) {
	objects, annotations := datatest.Objects(t, 4)
	experiment, _ := experimentFile(t, noise(t))
	dir := t.TempDir()
	t.Chdir(dir)
	args := []string{"detect", "train", experiment, "--random-init", "--json"}
	for _, set := range append(detectSets(objects, annotations), "run.dir=run", "train.duration=6it", "detect.validate_every=6it") {
		args = append(args, "--set", set)
	}
	var trained, scored struct{ Boxes, Masks map[string]float64 }
	require.NoError(t, json.Unmarshal([]byte(mustInvoke(t, args...)), &trained))

	out := mustInvoke(t, "detect", "predict", objects, "--run", "run", "--annotations", annotations, "--out", "found.json", "--pictures", "pictures", "--score", "0.1")
	assert.Regexp(t, `found.json: \d+ objects in 4 images`, out)
	require.NoError(t, json.Unmarshal([]byte(mustInvoke(t, "detect", "eval", "-a", annotations, "-p", "found.json", "--json")), &scored))
	assert.InDeltaMapValues(t, trained.Boxes, scored.Boxes, 1e-9)
	assert.InDeltaMapValues(t, trained.Masks, scored.Masks, 1e-9)
	found, err := filepath.Glob("pictures/*.png")
	require.NoError(t, err)
	assert.Len(t, found, 4)

	shown := append([]string{"detect", "show", experiment, "--out", "seen", "--images", "3"}, args[5:]...)
	assert.Equal(t, 3, strings.Count(mustInvoke(t, shown...), " objects"))
	_, _, err = invoke(t, "detect", "predict", objects, "--run", experiment, "--out", "x.json")
	assert.ErrorContains(t, err, "it is no detector")
}
