// SPDX-License-Identifier: MIT

package detect

import (
	"context"
	"errors"
	"fmt"

	"seer/data/instances"
	"seer/eval/coco"
	"seer/inputs"
	"seer/runfolder"
	"seer/tasks/launch"
	"seer/train"
)

// validation is the images that a run is judged by.
type validation struct {
	*launch.Launch
	images Images
	truth  *instances.Dataset
	model  *Model
	latest Scores
}

// Scores are COCO's, of boxes and masks; masks have none where an annotation lacks its outline.
type Scores struct {
	Images, Objects, Found int
	Boxes                  coco.Summary
	Masks                  *coco.Summary
}

// String is like "box AP 37.9 %, mask AP 34.6 %".
func (s Scores) String() string {
	text := fmt.Sprintf("box AP %.2f %% (AP50 %.2f)", 100*s.Boxes.AP, 100*s.Boxes.AP50)
	if s.Masks != nil {
		text += fmt.Sprintf(", mask AP %.2f %% (AP50 %.2f)", 100*s.Masks.AP, 100*s.Masks.AP50)
	}
	return text
}

// line is the scores in metrics.jsonl, per cent.
func (s Scores) line(step int64) map[string]any {
	l := map[string]any{"step": step, "val_box_ap": 100 * s.Boxes.AP, "val_box_ap50": 100 * s.Boxes.AP50}
	if s.Masks != nil {
		l["val_mask_ap"], l["val_mask_ap50"] = 100*s.Masks.AP, 100*s.Masks.AP50
	}
	return l
}

// openValidation opens detect.val and finds its categories among those of training.
func openValidation(ctx context.Context, l *launch.Launch, classes []instances.Category) (*validation, error) {
	e := l.Experiment
	src, truth, order, err := openVal(ctx, e)
	if err != nil {
		return nil, err
	}
	v := &validation{Launch: l, truth: truth, images: Images{
		Source: src, Sampler: order, Batch: max(1, e.Optim.Batch/l.Mesh.Size()), Workers: e.Data.Workers,
		MaxBadFraction: inputs.BadFraction(e.Data.MaxBadFraction), Sizes: sizesOf(truth.Images, order.Sequential),
	}}
	if err := v.check(classes); err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return v, nil
}

// sizesOf finds the annotated image at a place of the source; at is that of a number of the list.
func sizesOf(images []instances.Image, at func(k int64) int64) func(index int64) (instances.Image, bool) {
	all := make(map[int64]instances.Image, len(images))
	for k, m := range images {
		all[at(int64(k))] = m
	}
	return func(index int64) (instances.Image, bool) {
		m, ok := all[index]
		return m, ok && m.Width > 0 && m.Height > 0
	}
}

// check refuses categories that are not those of training, and says what nobody can find.
func (v *validation) check(classes []instances.Category) error {
	names := map[int64]string{}
	for _, c := range classes {
		names[c.ID] = c.Name
	}
	unknown := 0
	for _, c := range v.truth.Categories {
		name, known := names[c.ID]
		if !known {
			unknown++
		} else if name != c.Name {
			return fmt.Errorf("detect.val_annotations: category %d is %q, and %q in detect.annotations: are both of one data set?", c.ID, c.Name, name)
		}
	}
	if unknown == len(v.truth.Categories) {
		return fmt.Errorf("detect.val_annotations: none of its %d categories is among the %d of detect.annotations: are both of one data set?", unknown, len(classes))
	}
	if unknown > 0 && v.Mesh.Leads() {
		v.Say("warning: %d of the %d categories of detect.val_annotations are not learned: their objects count as not found", unknown, len(v.truth.Categories))
	}
	return nil
}

// run is the hook that scores, says and logs how good the detector is.
func (v *validation) run(ctx context.Context, e train.Event) (err error) {
	if v.latest, err = v.judge(ctx); err != nil {
		return fmt.Errorf("detect.val: %w", err)
	}
	v.Say("step %d/%d  validation %v of %d images", e.Step, e.Total, v.latest, v.latest.Images)
	return v.Folder.Log(runfolder.MetricsLog).Append(v.latest.line(e.Step))
}

func (v *validation) judge(ctx context.Context) (Scores, error) {
	results, err := v.model.Results(ctx, v.images, v.truth)
	if err != nil {
		return Scores{}, err
	}
	return Judge(v.truth, results, v.Experiment.Run.Threads)
}

// Results are all that the detector finds in annotated images, of categories that the annotations have.
func (m *Model) Results(ctx context.Context, im Images, truth *instances.Dataset) (results []instances.Result, err error) {
	known := map[int64]bool{}
	for _, c := range truth.Categories {
		known[c.ID] = true
	}
	err = m.Find(ctx, im, func(index int64, _, _ int, found []Found) error {
		image, _ := im.Sizes(index)
		for _, f := range found {
			if c := m.Classes[f.Class].ID; known[c] {
				results = append(results, instances.Result{Image: image.ID, Category: c, Score: f.Score, Box: f.Box, HasBox: true, Shape: instances.Shape{Runs: f.Mask}})
			}
		}
		return nil
	})
	return results, err
}

// Judge scores results.
func Judge(truth *instances.Dataset, results []instances.Result, threads int) (Scores, error) {
	p := coco.Defaults()
	p.Threads = threads
	boxes, err := coco.Evaluate(truth, results, coco.Boxes, p)
	if err != nil {
		return Scores{}, err
	}
	s := Scores{Images: len(truth.Images), Objects: len(truth.Objects), Found: len(results), Boxes: boxes.Summary()}
	for _, o := range truth.Objects {
		if o.Shape.None() {
			return s, nil
		}
	}
	masks, err := coco.Evaluate(truth, results, coco.Masks, p)
	if err != nil {
		return Scores{}, err
	}
	summary := masks.Summary()
	s.Masks = &summary
	return s, nil
}

// Close closes the source.
func (v *validation) Close() error { return v.images.Source.Close() }
