// SPDX-License-Identifier: MIT

package detect

import (
	"context"
	"errors"
	"fmt"

	"seer/checkpoint"
	"seer/config"
	"seer/data/instances"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/mask"
	"seer/data/sampler"
	"seer/data/source"
	"seer/eval"
	"seer/models/maskrcnn"
	"seer/nn"
	"seer/nn/statedict"
	"seer/runfolder"
	"seer/torch"
)

// Model is a detector as it is used: on images resized as in validation, with the running statistics of batch norm.
type Model struct {
	*eval.Backbone // whose trunk is the detector's
	Detector       *maskrcnn.Model
	Classes        []instances.Category // in the order of the detector's
	Settings       config.Detect        // of the run that it was trained in
	Orient         bool                 // images are turned as their EXIF tag says
}

// Found is an object in an image, in its pixels.
type Found struct {
	Class int // of Model.Classes
	Score float64
	Box   mask.Box // x, y, width, height
	Mask  mask.RLE
}

// Images are where objects are looked for.
type Images struct {
	Source  source.Source
	Sampler *sampler.Sampler // nil: all
	Batch   int
	Workers int // 0: one for each CPU
	// Sizes are those that images must have, by annotations; nil: any.
	Sizes func(index int64) (instances.Image, bool)
	// MaxBadFraction of images that cannot be read, over which the pass fails; 0 means the loader's default.
	MaxBadFraction float64
	OnBad          func(loader.Bad)       // may be nil
	Progress       func(done, left int64) // called after every batch; may be nil
}

// Find looks for objects in all images in order, and hands on those of each, the best first.
func (m *Model) Find(ctx context.Context, im Images, use func(index int64, width, height int, found []Found) error) error {
	return torch.OnThread(m.Threads, func() (err error) {
		viewing := ValidationViews(m.Settings)
		l, err := loader.New(ctx, loader.BatchOptions{
			Source: im.Source, Sampler: im.Sampler, Crops: viewing.Crops(), View: viewing.Crop, KeepCrops: true,
			Decode: jpeg.DecodeOptions{Orient: m.Orient}, Batch: im.Batch, Workers: im.Workers, Sequential: true, MaxBadFraction: im.MaxBadFraction, OnBad: im.OnBad,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		total, done := im.Source.Len(), int64(0)
		if im.Sampler != nil {
			total = im.Sampler.Len()
		}
		for batch, err := range l.All(ctx) {
			if err != nil {
				return err
			}
			if err := m.batch(batch, viewing, im.Sizes, use); err != nil {
				return err
			}
			if done += int64(batch.Size() + len(batch.Bad)); im.Progress != nil {
				im.Progress(done, total-done)
			}
		}
		return nil
	})
}

// batch looks into the images of one batch.
func (m *Model) batch(batch *loader.Batch, viewing Viewing, known func(int64) (instances.Image, bool), use func(int64, int, int, []Found) error) error {
	if known == nil {
		known = func(int64) (instances.Image, bool) { return instances.Image{}, false }
	}
	views, err := viewsOf(batch, viewing, known)
	if err != nil {
		return err
	}
	sizes := make([]maskrcnn.Size, len(views))
	for k, v := range views {
		sizes[k] = maskrcnn.Size{W: v.W, H: v.H}
	}
	var all [][]maskrcnn.Detection
	if err := torch.Try(func() {
		scope := torch.NewScope()
		defer scope.Close()
		images := torch.Pixels(padded(batch.Groups[0], views).ToDevice(m.Device), m.Mean, m.Std, torch.Float32, m.ChannelsLast)
		blank(images, sizes)
		torch.Autocast(m.Device, m.Precision, func() { all = m.Detector.Detect(images, sizes) })
	}); err != nil {
		return err
	}
	for k, v := range views {
		found, err := m.inImage(all[k], sizes[k], v.Width, v.Height)
		if err == nil {
			err = use(batch.Indices[k], v.Width, v.Height, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inImage moves detections to an image of width × height.
func (m *Model) inImage(detections []maskrcnn.Detection, input maskrcnn.Size, width, height int) ([]Found, error) {
	found := make([]Found, len(detections))
	for i, d := range detections {
		b := d.In(input, width, height)
		shape, err := d.Mask(input, width, height, m.Detector.Convention)
		if err != nil {
			return nil, err
		}
		found[i] = Found{d.Class, float64(d.Score), mask.Box{float64(b[0]), float64(b[1]), float64(b[2]) - float64(b[0]), float64(b[3]) - float64(b[1])}, shape}
	}
	return found, nil
}

// classesDocument is the checkpoint's document with the categories.
const classesDocument = "categories"

// ErrNoDetector says that weights are not those of a run of seer detect train.
var ErrNoDetector = errors.New("it is no detector: a run of seer detect train, or one of its checkpoints, is needed")

// OpenModel opens a run of seer detect train, or one of its checkpoints, on the device and with the precision of e.
func OpenModel(path string, e *config.Experiment, warn func(string)) (m *Model, err error) {
	classes, tensors, made, err := readDetector(path, warn)
	if err != nil {
		return nil, err
	}
	made.Run.Device, made.Run.Precision, made.Run.ChannelsLast, made.Run.Threads = e.Run.Device, e.Run.Precision, e.Run.ChannelsLast, e.Run.Threads
	err = torch.OnThread(e.Run.Threads, func() error {
		b, err := eval.OpenBackbone(eval.TrunkSource{Random: true, Experiment: made, Warn: warn})
		if err != nil {
			return err
		}
		b.Origin.Weights, b.Origin.Run = path, path
		m = &Model{Backbone: b, Classes: classes, Settings: made.Detect, Orient: made.Data.EXIFOrientation}
		if m.Detector, err = newDetector(made, b.Trunk, len(classes), b.Device); err == nil {
			nn.RequireGrad(m.Detector, false)
			err = statedict.Set(m.Detector, tensors)
		}
		if err != nil {
			m.Close()
			return fmt.Errorf("%s: %w", path, err)
		}
		nn.SetChannelsLast(m.Detector, m.ChannelsLast)
		return nil
	})
	return m, err
}

// Close frees the detector.
func (m *Model) Close() {
	if m.Detector == nil {
		m.Backbone.Close()
		return
	}
	nn.Close(m.Detector)
}

// readDetector reads what a checkpoint holds of a detector.
func readDetector(path string, warn func(string)) (classes []instances.Category, tensors []checkpoint.Tensor, made *config.Experiment, err error) {
	found, err := runfolder.Find(path, warn)
	if err != nil {
		return nil, nil, nil, err
	}
	if found.Checkpoint == "" || found.Config == "" {
		return nil, nil, nil, fmt.Errorf("%s: %w", path, ErrNoDetector)
	}
	c, err := runfolder.Load(found.Checkpoint)
	if err != nil {
		return nil, nil, nil, err
	}
	if known, err := c.Document(classesDocument, &classes); err != nil || !known {
		return nil, nil, nil, errors.Join(err, fmt.Errorf("%s: %w", path, ErrNoDetector))
	}
	if made, err = config.Load(found.Config, nil); err != nil {
		return nil, nil, nil, fmt.Errorf("the experiment of %s: %w", path, err)
	}
	file, err := c.Open(runfolder.ModelFile)
	if err != nil {
		return nil, nil, nil, err
	}
	defer file.Close()
	tensors, err = file.ReadAll()
	return classes, tensors, made, err
}

// classesPart keeps the categories, in the order of the scores.
type classesPart struct{ classes []instances.Category }

// Name implements runfolder.Part.
func (classesPart) Name() string { return classesDocument }

// Save implements runfolder.Part.
func (c classesPart) Save(s *runfolder.Shard) error { return s.Put(c.classes) }

// Load refuses annotations whose categories are not those that the detector has learned.
func (c classesPart) Load(s *runfolder.Shard) error {
	var before []instances.Category
	if found, err := s.Get(&before); err != nil || !found {
		return err
	}
	for i := range max(len(before), len(c.classes)) {
		if i >= len(before) || i >= len(c.classes) || before[i] != c.classes[i] {
			return fmt.Errorf("detect.annotations has %d categories, and the run has learned %d, others from number %d on: give the run its annotations again, or begin another with --set run.dir=…",
				len(c.classes), len(before), i)
		}
	}
	return nil
}
