// SPDX-License-Identifier: MIT

package finetune

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seer/checkpoint"
	"seer/config"
	"seer/data/loader"
	"seer/eval"
	"seer/models"
	"seer/nn"
	"seer/nn/statedict"
	"seer/runfolder"
	"seer/supervised"
	"seer/torch"
)

// Model is a trunk and a head as they are used: on centre crops, with the running statistics of batch norm.
type Model struct {
	*eval.Backbone
	Head    *supervised.Head
	Classes []string // in the order of the scores
	// Settings of the run that it was trained in: the size of its images, whether they have several classes.
	Settings config.Finetune
	// Bicubic and Orient are how the run resizes images, and whether it turns them as their EXIF tag says.
	Bicubic, Orient bool
}

// Scores computes the scores of all images in order and hands them on batch by batch: float32 [n, classes], valid during
// the call. Images that cannot be read are left out.
func (m *Model) Scores(ctx context.Context, im eval.Images, use func(batch *loader.Batch, scores *torch.Tensor) error) error {
	return m.Each(ctx, im, func(batch *loader.Batch, features *torch.Tensor) error {
		var scores *torch.Tensor
		if err := torch.Try(func() {
			torch.NoGrad(func() { scores = m.Head.Forward(&nn.Context{}, features) })
		}); err != nil {
			return err
		}
		return use(batch, scores)
	})
}

// classesDocument is the checkpoint's document with the names of the classes.
const classesDocument = "classes"

// ErrNoClasses says that weights are not those of a fine-tuned run.
var ErrNoClasses = errors.New("it has no classes: a run of seer finetune, or one of its checkpoints, is needed")

// ErrHiddenLayers says that a head does not fit into the models of other libraries.
var ErrHiddenLayers = errors.New("its head has hidden layers, which the classifier of torchvision, timm or transformers cannot hold")

// OpenModel opens a fine-tuned run, or one of its checkpoints, on the device and with the precision of e.
func OpenModel(path string, e *config.Experiment, warn func(string)) (m *Model, err error) {
	classes, head, made, err := readHead(path, warn)
	if err != nil {
		return nil, err
	}
	err = torch.OnThread(e.Run.Threads, func() (err error) {
		m = &Model{Classes: classes, Settings: made.Finetune, Bicubic: made.Augment.Bicubic(), Orient: made.Data.EXIFOrientation}
		if m.Backbone, err = eval.OpenBackbone(eval.TrunkSource{Weights: path, Experiment: e, Warn: warn}); err != nil {
			return err
		}
		err = torch.Try(func() {
			m.Head = supervised.NewHead(m.Device, m.Trunk.Width(), hiddenWidths(head), int64(len(classes)))
			nn.RequireGrad(m.Head, false)
		})
		if err == nil {
			err = statedict.Set(m.Head, head)
		}
		if err != nil {
			m.Close()
			return fmt.Errorf("%s, head of %d classes: %w", path, len(classes), err)
		}
		return nil
	})
	return m, err
}

// Close frees the trunk and the head.
func (m *Model) Close() {
	m.Backbone.Close()
	if m.Head != nil {
		nn.Close(m.Head)
	}
}

// Classifier is the last layer of a fine-tuned run and the names of its classes, for models of other libraries. A head with
// hidden layers has no place there, which is an error.
func Classifier(path string, warn func(string)) (*eval.Classifier, error) {
	classes, head, made, err := readHead(path, warn)
	if err == nil && len(hiddenWidths(head)) > 0 {
		err = fmt.Errorf("%s: %w", path, ErrHiddenLayers)
	}
	if err != nil {
		return nil, err
	}
	return &eval.Classifier{Tensors: head, Classes: classes, MultiLabel: made.Finetune.MultiLabel}, nil
}

// readHead reads the tensors of a run's head, under their names within it.
func readHead(path string, warn func(string)) (classes []string, head []checkpoint.Tensor, made *config.Experiment, err error) {
	found, err := runfolder.Find(path, warn)
	if err != nil {
		return nil, nil, nil, err
	}
	if found.Checkpoint == "" || found.Config == "" {
		return nil, nil, nil, fmt.Errorf("%s: %w", path, ErrNoClasses)
	}
	c, err := runfolder.Load(found.Checkpoint)
	if err != nil {
		return nil, nil, nil, err
	}
	if known, err := c.Document(classesDocument, &classes); err != nil || !known {
		return nil, nil, nil, errors.Join(err, fmt.Errorf("%s: %w", path, ErrNoClasses))
	}
	made, err = config.Load(found.Config, nil)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the experiment of %s: %w", path, err)
	}
	file, err := c.Open(runfolder.ModelFile)
	if err != nil {
		return nil, nil, nil, err
	}
	defer file.Close()
	head, err = statedict.Below(file, headName+".")
	return classes, head, made, err
}

// Rebuild makes the method of an experiment for tensors that were trained by it; whoever sets them has it whole.
func Rebuild(e *config.Experiment, tensors []checkpoint.Tensor, dev torch.Device) (m *Method, err error) {
	n, err := e.Model.Trunk()
	if err != nil {
		return nil, err
	}
	var head []checkpoint.Tensor
	for _, t := range tensors {
		if name, ok := strings.CutPrefix(t.Name, headName+"."); ok {
			t.Name = name
			head = append(head, t)
		}
	}
	last := slices.IndexFunc(head, func(t checkpoint.Tensor) bool { return t.Name == "fc.weight" })
	if last < 0 {
		return nil, ErrNoClasses
	}
	m = &Method{Classes: head[last].Shape[0], MultiLabel: e.Finetune.MultiLabel, Smoothing: e.Finetune.LabelSmoothing,
		Mix: supervised.Mix{Mixup: e.Finetune.Mixup, Cutmix: e.Finetune.Cutmix, Seed: e.Run.Seed}}
	if m.Trunk, err = models.New(n, dev, 0); err != nil {
		return nil, err
	}
	return m, torch.Try(func() { m.Head = supervised.NewHead(dev, m.Trunk.Width(), hiddenWidths(head), m.Classes) })
}
