// SPDX-License-Identifier: MIT

package finetune

import (
	"context"
	"errors"
	"fmt"

	"seer/config"
	"seer/data/loader"
	"seer/eval"
	"seer/eval/metrics"
	"seer/inputs"
	"seer/internal/redact"
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
	latest  *metrics.Classification
}

// openValidation opens finetune.val and finds its classes among those of training.
func openValidation(ctx context.Context, l *launch.Launch, classes []string) (*validation, error) {
	e := l.Experiment
	src, err := inputs.Labelled(ctx, e.Data, e.Finetune.Val, e.Finetune.Kind, true)
	if err != nil {
		return nil, fmt.Errorf("finetune.val: %w", err)
	}
	if several, ok := src.(interface{ MultiLabel() bool }); ok && several.MultiLabel() {
		return nil, errors.Join(fmt.Errorf("finetune.val: %s has several classes an image, and fine-tuning learns one", redact.URL(e.Finetune.Val)), src.Close())
	}
	v := &validation{Launch: l, images: eval.Images{
		Source: src, Resize: e.Finetune.Resize, Crop: e.Finetune.Crop, Batch: e.Optim.Batch, Workers: e.Data.Workers,
		Orient: e.Data.EXIFOrientation, MaxBadFraction: inputs.BadFraction(e.Data.MaxBadFraction),
	}, numbers: inputs.AlignClasses(classes, src.Classes())}
	for i, number := range v.numbers {
		if number < 0 {
			err := fmt.Errorf("finetune.val: the validation images have a class %q that the %d classes of data.source lack: are both of one data set?",
				src.Classes()[i], len(classes))
			return nil, errors.Join(err, src.Close())
		}
	}
	return v, nil
}

// run is the hook that counts, says and logs the accuracy.
func (v *validation) run(ctx context.Context, e train.Event) (err error) {
	if v.latest, err = v.count(ctx); err != nil {
		return fmt.Errorf("finetune.val: %w", err)
	}
	v.Say("step %d/%d  validation top-1 %.2f %%, top-5 %.2f %% of %d images", e.Step, e.Total, v.latest.Percent(1), v.latest.Percent(5), v.latest.Images())
	return v.Folder.Log(runfolder.MetricsLog).Append(struct {
		Step int64   `json:"step"`
		Top1 float64 `json:"val_top1"`
		Top5 float64 `json:"val_top5"`
	}{e.Step, v.latest.Percent(1), v.latest.Percent(5)})
}

func (v *validation) count(ctx context.Context) (c *metrics.Classification, err error) {
	if c, err = metrics.NewClassification(len(v.model.Classes), 1, 5); err != nil {
		return nil, err
	}
	err = v.model.Scores(ctx, v.images, func(batch *loader.Batch, scores *torch.Tensor) error {
		labels := make([]int64, len(batch.Indices))
		for i, index := range batch.Indices {
			labels[i] = v.numbers[v.images.Source.Label(index)]
		}
		return c.Add(scores.Float32s(), labels)
	})
	return c, err
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
	return map[string]any{"hidden": f.Hidden, "label_smoothing": f.LabelSmoothing, "mixup": f.Mixup, "cutmix": f.Cutmix, "head_lr": f.HeadLR,
		"decay_norm": f.DecayNorm, "decay_bias": f.DecayBias, "ema": f.EMA, "resize": f.Resize, "crop": f.Crop}
}
