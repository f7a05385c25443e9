// SPDX-License-Identifier: MIT

package coco

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/instances"
	"seer/data/mask"
	"seer/internal/golden"
)

// comparison is what pycocotools says: tools/golden/make_coco.py.
type comparison struct {
	Stats, Precision, Recall []float64
}

func expected(t testing.TB) map[string]comparison {
	t.Helper()
	var all map[string]comparison
	require.NoError(t, golden.JSON("coco/expected.json", &all))
	return all
}

// drawn are the annotations and results of the golden files.
func drawn(t testing.TB) (*instances.Dataset, []instances.Result) {
	t.Helper()
	truth, err := instances.Open(filepath.Join(golden.Dir(), "coco/annotations.json"))
	require.NoError(t, err)
	results, err := instances.OpenResults(filepath.Join(golden.Dir(), "coco/results.json"))
	require.NoError(t, err)
	return truth, results
}

func boxesOnly(results []instances.Result) []instances.Result {
	results = slices.Clone(results)
	for i := range results {
		results[i].Shape = instances.Shape{}
	}
	return results
}

func masksOnly(results []instances.Result) []instances.Result {
	results = slices.Clone(results)
	for i := range results {
		results[i].Box, results[i].HasBox = mask.Box{}, false
	}
	return results
}

// means are those of precision over recalls, and the recalls, in the order of the golden file.
func means(e *Evaluation) (precision, recall []float64) {
	for k := range e.Categories {
		for a := range e.Params.Areas {
			for d := range e.Params.Detections {
				for iou := range e.Params.IoU {
					precision = append(precision, e.AveragePrecision(Slice{iou, k, a, d}))
					recall = append(recall, e.Recall(iou, k, a, d))
				}
			}
		}
	}
	return precision, recall
}

func TestEveryNumberIsThatOfPycocotools(t *testing.T) {
	truth, both := drawn(t)
	withZero := *truth
	withZero.Objects = slices.Clone(truth.Objects)
	for i := range withZero.Objects {
		if !withZero.Objects[i].Crowd {
			withZero.Objects[i].ID = 0
			break
		}
	}
	boxes, masks := boxesOnly(both), masksOnly(both)
	cases := map[string]struct {
		truth   *instances.Dataset
		results []instances.Result
		kind    Kind
	}{
		"boxes of boxes": {truth, boxes, Boxes}, "boxes of masks": {truth, masks, Boxes}, "masks of masks": {truth, masks, Masks},
		"masks of both": {truth, both, Masks}, "boxes of nothing": {truth, boxes[:1], Boxes}, "boxes beside an id of 0": {&withZero, boxes, Boxes},
	}
	for name, want := range expected(t) {
		t.Run(name, func(t *testing.T) {
			c, ok := cases[name]
			require.True(t, ok)
			e, err := Evaluate(c.truth, c.results, c.kind, Defaults())
			require.NoError(t, err)
			numbers := e.Summary().Numbers()
			assert.InDeltaSlice(t, want.Stats, numbers[:], 1e-12)
			precision, recall := means(e)
			assert.InDeltaSlice(t, want.Precision, precision, 1e-12)
			assert.InDeltaSlice(t, want.Recall, recall, 1e-12)
		})
	}
}

func TestMasksDecideAreasOnRequest(t *testing.T) {
	truth, both := drawn(t)
	p := Defaults()
	p.MaskAreas = true
	got, err := Evaluate(truth, both, Masks, p)
	require.NoError(t, err)
	want, err := Evaluate(truth, masksOnly(both), Masks, Defaults())
	require.NoError(t, err)
	assert.Equal(t, want.Summary(), got.Summary(), "as if the results had no boxes")
}

func TestNumbersDoNotDependOnThreads(t *testing.T) {
	truth, both := drawn(t)
	var summaries []Summary
	for _, threads := range []int{1, 2, 7} {
		p := Defaults()
		p.Threads = threads
		e, err := Evaluate(truth, both, Masks, p)
		require.NoError(t, err)
		summaries = append(summaries, e.Summary())
	}
	assert.Equal(t, summaries[0], summaries[1])
	assert.Equal(t, summaries[0], summaries[2])
}

func TestNothingFoundAndNothingThere(t *testing.T) {
	truth, both := drawn(t)
	e, err := Evaluate(truth, nil, Boxes, Defaults())
	require.NoError(t, err)
	assert.Equal(t, Summary{}, e.Summary(), "objects that nobody found: all zero")
	nothing := *truth
	nothing.Objects = nil
	e, err = Evaluate(&nothing, both, Boxes, Defaults())
	require.NoError(t, err)
	assert.Equal(t, Summary{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}, e.Summary(), "without objects there is no value")
}

func TestPrecisionFallsOverRecall(t *testing.T) {
	truth, both := drawn(t)
	e, err := Evaluate(truth, both, Boxes, Defaults())
	require.NoError(t, err)
	for k := range e.Categories {
		var curve []float64
		for r := range e.Params.Recall {
			curve = append(curve, e.Precision(0, r, k, 0, 2))
		}
		assert.IsNonIncreasing(t, curve, "%s", e.Categories[k].Name)
		assert.Equal(t, e.Objects(k, 0) == 0, curve[0] == -1)
	}
}

func TestCategoriesByThemselves(t *testing.T) {
	truth, both := drawn(t)
	e, err := Evaluate(truth, both, Boxes, Defaults())
	require.NoError(t, err)
	total, n := 0., 0.
	for k, c := range e.Categories {
		s := e.CategorySummary(k)
		assert.Equal(t, e.Objects(k, 0) == 0, s.AP == -1, "%s", c.Name)
		if s.AP >= 0 {
			total, n = total+s.AP, n+1
		}
	}
	assert.InDelta(t, e.Summary().AP, total/n, 1e-12, "the mean of the categories that have objects")
	assert.IsIncreasing(t, []int64{e.Categories[0].ID, e.Categories[1].ID, e.Categories[2].ID}, "in the order of ids")
}

// other is a copy of the results in which one is another.
func other(results []instances.Result, i int, change func(*instances.Result)) []instances.Result {
	results = slices.Clone(results)
	change(&results[i])
	return results
}

func TestResultsThatDoNotFitAreRefused(t *testing.T) {
	truth, both := drawn(t)
	for want, change := range map[string]func(*instances.Result){
		"coco: results[2] is of image 4711, which is none of the 40 images of the annotations (ids from 337 to 1000)":                             func(r *instances.Result) { r.Image = 4711 },
		"coco: results[2] is of category 2, which is none of the 7 categories of the annotations (ids from 1 to 90): the results belong to other": func(r *instances.Result) { r.Category = 2 },
		"coco: results[2] has no bbox, results[0] has a bbox: all must be of one form":                                                            func(r *instances.Result) { r.HasBox = false },
		"coco: results[2] has no segmentation, and masks are compared":                                                                            func(r *instances.Result) { r.Shape = instances.Shape{} },
	} {
		_, err := Evaluate(truth, other(both, 2, change), Masks, Defaults())
		assert.ErrorContains(t, err, want)
	}
	small, err := mask.FromRuns(2, 3, []uint32{1, 5})
	require.NoError(t, err)
	_, err = Evaluate(truth, other(both, 2, func(r *instances.Result) { r.Shape.Runs = small }), Masks, Defaults())
	assert.ErrorContains(t, err, "coco: results[2].segmentation: its mask has height 2 and width 3, its image")
	numbered := boxesOnly(both)
	for i := range numbered {
		numbered[i].Category = int64(i % 7)
	}
	_, err = Evaluate(truth, numbered, Boxes, Defaults())
	assert.ErrorContains(t, err, "seem to number the categories one after the other")
}

func TestAnnotationsThatCannotBeComparedAreRefused(t *testing.T) {
	truth, both := drawn(t)
	for want, change := range map[string]func(*instances.Object){
		"and so has annotations[0]: pycocotools would count one of them twice": func(o *instances.Object) { o.ID = truth.Objects[0].ID },
		"has no bbox, and boxes are compared":                                  func(o *instances.Object) { o.HasBox = false },
	} {
		changed := *truth
		changed.Objects = slices.Clone(truth.Objects)
		change(&changed.Objects[1])
		_, err := Evaluate(&changed, both, Boxes, Defaults())
		assert.ErrorContains(t, err, "coco: annotations[1] ")
		assert.ErrorContains(t, err, want)
	}
}

func TestWhatIsPassedOverIsSaid(t *testing.T) {
	truth, both := drawn(t)
	before, err := Evaluate(truth, both, Boxes, Defaults())
	require.NoError(t, err)
	assert.Empty(t, before.Notes)
	changed := *truth
	changed.Objects = append(slices.Clone(truth.Objects), instances.Object{Image: 1, Category: 3, HasBox: true, HasArea: true},
		instances.Object{Image: 1000, Category: 2, HasBox: true})
	after, err := Evaluate(&changed, both, Boxes, Defaults())
	require.NoError(t, err)
	assert.Equal(t, before.Summary(), after.Summary())
	assert.Equal(t, []string{
		"1 annotations have no area: that of their boxes is taken",
		"passed over: 1 annotations of images that the file does not list",
		"passed over: 1 annotations of categories that the file does not list",
	}, after.Notes)
}

func TestSettingsAreChecked(t *testing.T) {
	truth, both := drawn(t)
	for want, change := range map[string]func(*Params){
		"0 thresholds of overlap; 1 to 32":     func(p *Params) { p.IoU = nil },
		"must lie between 0 and 1":             func(p *Params) { p.IoU = []float64{1.5} },
		"recalls must ascend":                  func(p *Params) { p.Recall = []float64{1, 0} },
		"numbers of detections must ascend":    func(p *Params) { p.Detections = []int{0} },
		"one range of areas at least":          func(p *Params) { p.Areas = nil },
		`the range "odd" of areas goes from 2`: func(p *Params) { p.Areas = []AreaRange{{"odd", 2, 1}} },
	} {
		p := Defaults()
		change(&p)
		_, err := Evaluate(truth, both, Boxes, p)
		assert.ErrorContains(t, err, want)
	}
	p := Defaults()
	p.IoU, p.Detections, p.Areas = []float64{.3, .6}, []int{5}, p.Areas[:1]
	e, err := Evaluate(truth, both, Boxes, p)
	require.NoError(t, err)
	s := e.Summary()
	assert.Positive(t, s.AP)
	assert.Equal(t, []float64{-1, -1, -1}, []float64{s.AP50, s.APSmall, s.AR10}, "what these settings lack")
}

func BenchmarkEvaluateMasks(b *testing.B) {
	truth, both := drawn(b)
	for b.Loop() {
		if _, err := Evaluate(truth, both, Masks, Defaults()); err != nil {
			b.Fatal(err)
		}
	}
}

func Example() {
	truth := &instances.Dataset{
		Images:     []instances.Image{{ID: 1, Width: 100, Height: 80}},
		Categories: []instances.Category{{ID: 1, Name: "cat"}},
		Objects:    []instances.Object{{ID: 1, Image: 1, Category: 1, Box: mask.Box{10, 10, 40, 40}, Area: 1600, HasBox: true, HasArea: true}},
	}
	results := []instances.Result{{Image: 1, Category: 1, Score: .9, Box: mask.Box{12, 10, 40, 40}, HasBox: true}}
	e, err := Evaluate(truth, results, Boxes, Defaults())
	if err != nil {
		panic(err)
	}
	fmt.Printf("AP %.3f, at .50 %.3f\n", e.Summary().AP, e.Summary().AP50)
	// Output: AP 0.900, at .50 1.000
}
