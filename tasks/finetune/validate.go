// SPDX-License-Identifier: MIT

package finetune

import (
	"context"
	"errors"
	"fmt"

	"seer/config"
	"seer/data/loader"
	"seer/eval"
	"seer/inputs"
	"seer/runfolder"
	"seer/tasks/launch"
	"seer/torch"
	"seer/train"
)

// validation is the images that a run is judged by: the centre crop of each, in the order of the source.
type validation struct {
	*launch.Launch
	images  eval.Images
	numbers []int64 // of the source's classes among those of training
	model   *Model
	latest  verdict
}

// openValidation opens finetune.val and finds its classes among those of training.
func openValidation(ctx context.Context, l *launch.Launch, classes []string) (*validation, error) {
	e := l.Experiment
	src, err := inputs.Labelled(ctx, e.Data, e.Finetune.Val, e.Finetune.Kind, true)
	if err != nil {
		return nil, fmt.Errorf("finetune.val: %w", err)
	}
	v := &validation{Launch: l, images: eval.Images{
		Source: src, Resize: e.Finetune.Resize, Crop: e.Finetune.Crop, Batch: e.Optim.Batch, Workers: e.Data.Workers,
		Bicubic: e.Augment.Bicubic(), Orient: e.Data.EXIFOrientation, MaxBadFraction: inputs.BadFraction(e.Data.MaxBadFraction),
	}, numbers: inputs.AlignClasses(classes, src.Classes())}
	if err := v.check(len(classes)); err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return v, nil
}

// check refuses images whose labels are not those of training.
func (v *validation) check(classes int) error {
	f := v.Experiment.Finetune
	if err := fits("finetune.val", f.Val, v.images.Source, f.MultiLabel); err != nil {
		return err
	}
	for i, number := range v.numbers {
		if number < 0 {
			return fmt.Errorf("finetune.val: the validation images have a class %q that the %d classes of data.source lack: are both of one data set?",
				v.images.Source.Classes()[i], classes)
		}
	}
	return nil
}

// run is the hook that counts, says and logs how good the model is.
func (v *validation) run(ctx context.Context, e train.Event) (err error) {
	if v.latest, err = v.judge(ctx); err != nil {
		return fmt.Errorf("finetune.val: %w", err)
	}
	v.Say("step %d/%d  validation %v of %d images", e.Step, e.Total, v.latest, v.latest.images)
	return v.Folder.Log(runfolder.MetricsLog).Append(v.latest.line(e.Step))
}

// judge counts over all images.
func (v *validation) judge(ctx context.Context) (verdict, error) {
	var counts counter
	var err error
	if rows := inputs.RowsOf(v.images.Source); rows != nil {
		counts, err = newPrecisions(len(v.model.Classes), rows, v.numbers)
	} else {
		counts, err = newAccuracies(len(v.model.Classes), v.images.Source, v.numbers)
	}
	if err != nil {
		return verdict{}, err
	}
	err = v.model.Scores(ctx, v.images, func(batch *loader.Batch, scores *torch.Tensor) error {
		return counts.add(batch.Indices, scores.Float32s())
	})
	if err != nil {
		return verdict{}, err
	}
	return counts.verdict()
}

// Close closes the source.
func (v *validation) Close() error { return v.images.Source.Close() }

// classesPart keeps the names of the classes, in the order of the scores.
type classesPart struct{ names []string }

// Name implements runfolder.Part.
func (classesPart) Name() string { return classesDocument }

// Save implements runfolder.Part.
func (c classesPart) Save(s *runfolder.Shard) error { return s.Put(c.names) }

// Load refuses a source whose classes are not those that the head has learned.
func (c classesPart) Load(s *runfolder.Shard) error {
	var before []string
	if found, err := s.Get(&before); err != nil || !found {
		return err
	}
	for i := range max(len(before), len(c.names)) {
		if i >= len(before) || i >= len(c.names) || before[i] != c.names[i] {
			return fmt.Errorf("data.source has %d classes, and the run has learned %d, in another order or with other names from number %d on: "+
				"give the run its images again, or begin another with --set run.dir=…", len(c.names), len(before), i)
		}
	}
	return nil
}

// settings of [finetune] for a result.
func settings(f config.Finetune) map[string]any {
	return map[string]any{"multi_label": f.MultiLabel, "sampling": f.Sampling, "class_weights": f.ClassWeights, "hidden": f.Hidden, "projector_layers": f.ProjectorLayers, "label_smoothing": f.LabelSmoothing, "mixup": f.Mixup, "cutmix": f.Cutmix, "head_lr": f.HeadLR,
		"decay_norm": f.DecayNorm, "decay_bias": f.DecayBias, "ema": f.EMA, "resize": f.Resize, "crop": f.Crop}
}
