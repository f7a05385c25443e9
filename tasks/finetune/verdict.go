// SPDX-License-Identifier: MIT

package finetune

import (
	"fmt"
	"math"

	"seer/data/source"
	"seer/eval/metrics"
	"seer/inputs"
	"seer/tasks/probe"
)

// verdict is the outcome of a validation, in per cent.
type verdict struct {
	images     int64
	multiLabel bool
	top1, top5 float64 // with one class an image
	mAP        float64 // with any number
}

// String is like "top-1 71.20 %, top-5 90.10 %".
func (v verdict) String() string {
	if v.multiLabel {
		return fmt.Sprintf("mAP %.2f %%", v.mAP)
	}
	return fmt.Sprintf("top-1 %.2f %%, top-5 %.2f %%", v.top1, v.top5)
}

// score is what a checkpoint is judged by, where the best is kept.
func (v verdict) score() float64 {
	if v.multiLabel {
		return v.mAP
	}
	return v.top1
}

// line is the verdict in metrics.jsonl.
func (v verdict) line(step int64) map[string]any {
	if v.multiLabel {
		return map[string]any{"step": step, "val_map": v.mAP}
	}
	return map[string]any{"step": step, "val_top1": v.top1, "val_top5": v.top5}
}

// fill puts the verdict into a result.
func (v verdict) fill(r *probe.Result) {
	r.Top1, r.Top5, r.MAP, r.ValImages = v.top1, v.top5, v.mAP, v.images
}

// counter takes scores [n, classes] of images of a source in batches.
type counter interface {
	add(indices []int64, scores []float32) error
	verdict() (verdict, error)
}

// accuracies count images of one class each.
type accuracies struct {
	*metrics.Classification
	source  source.Source
	numbers []int64 // of the source's classes among those of the scores
}

func newAccuracies(classes int, src source.Source, numbers []int64) (counter, error) {
	counts, err := metrics.NewClassification(classes, 1, 5)
	return accuracies{counts, src, numbers}, err
}

func (a accuracies) add(indices []int64, scores []float32) error {
	labels := make([]int64, len(indices))
	for k, i := range indices {
		labels[k] = a.numbers[a.source.Label(i)]
	}
	return a.Add(scores, labels)
}

func (a accuracies) verdict() (verdict, error) {
	return verdict{images: a.Images(), top1: a.Percent(1), top5: a.Percent(5)}, nil
}

// precisions count images of any number of classes.
type precisions struct {
	*metrics.MultiLabel
	rows    inputs.Rows
	numbers []int64 // of the source's classes among those of the scores
	classes int
	images  int64
}

func newPrecisions(classes int, rows inputs.Rows, numbers []int64) (counter, error) {
	counts, err := metrics.NewMultiLabel(classes)
	return &precisions{MultiLabel: counts, rows: rows, numbers: numbers, classes: classes}, err
}

func (p *precisions) add(indices []int64, scores []float32) error {
	labels := make([]int8, len(indices)*p.classes)
	row := make([]int8, len(p.numbers))
	for k, i := range indices {
		own := labels[k*p.classes : (k+1)*p.classes]
		for c := range own {
			own[c] = metrics.Ignored // what the source has no word for
		}
		p.rows.Row(i, row)
		for c, v := range row {
			own[p.numbers[c]] = v
		}
	}
	p.images += int64(len(indices))
	return p.Add(scores, labels)
}

// verdict is the mean over the classes that any image has; without one there is nothing to judge by.
func (p *precisions) verdict() (verdict, error) {
	each, err := p.AveragePrecision(metrics.Interpolated)
	if err != nil {
		return verdict{}, err
	}
	mAP := 100 * metrics.Mean(each)
	if math.IsNaN(mAP) {
		return verdict{}, fmt.Errorf("none of the %d images has any of the %d classes, so that no precision can be told: is it the right part of the data set?", p.images, p.classes)
	}
	return verdict{images: p.images, multiLabel: true, mAP: mAP}, nil
}
