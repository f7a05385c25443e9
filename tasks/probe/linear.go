// SPDX-License-Identifier: MIT

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"

	"seer/config"
	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
	"seer/eval"
	"seer/eval/metrics"
	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/supervised"
	"seer/torch"
	"seer/train"
)

// LinearOptions configure [Linear] and [LinearAugmented].
type LinearOptions struct {
	Config   config.Linear
	Classes  int
	Seed     uint64                                      // of the classifier's weights and of the order of the images
	Threads  int                                         // of an operation on the CPU; 0 means those of torch.SetThreads
	Progress func(step, steps int64, loss, rate float64) // called every few steps; may be nil
}

// LinearResult is a trained probe's outcome.
type LinearResult struct {
	*metrics.Classification // top-1 and top-5 on the validation images
	Steps                   int64
	Loss                    float64 // mean over the last epoch, or over all steps when there are fewer
	Cost                    float64 // C that was chosen; logistic regression only
}

// Linear trains a classifier on features that were computed once, and scores val. It computes on dev.
func Linear(ctx context.Context, dev torch.Device, features, val *eval.Features, o LinearOptions) (r LinearResult, err error) {
	if err := errors.Join(features.CheckLabels(o.Classes), val.CheckLabels(o.Classes)); err != nil {
		return r, err
	}
	err = torch.OnThread(o.Threads, func() error {
		p, err := newLinear(dev, features.X.Size(1), features.Len(), o)
		if err != nil {
			return err
		}
		defer p.program.Engine.Close()
		batch := int64(o.Config.Batch)
		p.program.Batches = &cached{features, sampler.New(features.Len(), o.Seed), make([]int64, batch), make([]int64, batch), 0}
		r, err = p.run(ctx, p.smallThreads(), val)
		return err
	})
	return r, err
}

// cached brings features that were computed before.
type cached struct {
	features     *eval.Features
	order        *sampler.Sampler
	rows, labels []int64 // of a batch
	at           int64
}

// Next implements train.Loader.
func (c *cached) Next(context.Context) (*train.Batch, error) {
	for j := range c.rows {
		c.rows[j] = c.order.Global(c.at)
		c.labels[j] = c.features.Labels[c.rows[j]]
		c.at++
	}
	n := int64(len(c.rows))
	return &train.Batch{
		Views:   []*torch.Tensor{c.features.X.IndexSelect(0, torch.FromInt64(c.rows, n))},
		Targets: train.Targets{Classes: torch.FromInt64(c.labels, n)}, Images: n, Position: c.at,
	}, nil
}

// LinearAugmented trains a classifier on random resized crops with flips: the trunk runs for every crop of every epoch.
// The steps see the images in the order in which [Linear] sees them.
func LinearAugmented(ctx context.Context, b *eval.Backbone, images eval.Images, val *eval.Features, o LinearOptions) (r LinearResult, err error) {
	if err := val.CheckLabels(o.Classes); err != nil {
		return r, err
	}
	err = torch.OnThread(o.Threads, func() error {
		p, err := newLinear(b.Device, b.Trunk.Width(), images.Len(), o)
		if err != nil {
			return err
		}
		defer p.program.Engine.Close()
		l, err := crops(ctx, images, p.program.Steps, o)
		if err != nil {
			return err
		}
		p.program.Batches = &augmented{l, b, images.Source, o.Classes}
		r, err = p.run(ctx, o.Threads, val)
		return errors.Join(err, l.Close())
	})
	return r, err
}

// crops loads random crops for a number of steps.
func crops(ctx context.Context, im eval.Images, steps int64, o LinearOptions) (*loader.Loader, error) {
	spec := augment.RandomResizedCropFlip(im.Crop)
	spec.Groups[0].Scale = o.Config.Scale
	return loader.New(ctx, loader.BatchOptions{
		Source: im.Source, Sampler: im.Sampler, Crops: spec, Decode: jpeg.DecodeOptions{Orient: im.Orient}, Seed: o.Seed,
		Batch: o.Config.Batch, Workers: im.Workers, Steps: steps, MaxBadFraction: im.MaxBadFraction, OnBad: im.OnBad,
	})
}

// augmented brings the features of random crops.
type augmented struct {
	loader   *loader.Loader
	backbone *eval.Backbone
	source   source.Source
	classes  int
}

// Next implements train.Loader.
func (a *augmented) Next(ctx context.Context) (*train.Batch, error) {
	batch, err := a.loader.Next(ctx)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the loader was asked for as many steps as there are
	}
	if err != nil {
		return nil, err
	}
	x, err := a.backbone.BatchFeatures(ctx, a.source, batch)
	if err != nil {
		batch.Release()
		return nil, err
	}
	labels, err := eval.Labels(a.source, batch.Indices, a.classes)
	if err != nil {
		batch.Release()
		return nil, err
	}
	n := int64(batch.Size())
	return &train.Batch{
		Views: []*torch.Tensor{x}, Targets: train.Targets{Classes: torch.FromInt64(labels, n)},
		Images: n, Position: batch.Position, Release: batch.Release,
	}, nil
}

// method is a classifier on frozen features: the views of a batch are features [B, Width].
type method struct{ *supervised.Classifier }

// Forward implements train.Method.
func (m method) Forward(ctx *nn.Context, b *train.Batch, _ int64) train.Output {
	scores := m.Classifier.Forward(ctx, b.Views[0])
	return train.Output{Loss: supervised.CrossEntropy(scores, b.Targets.Classes, 0)}
}

// AfterUpdate implements train.Method.
func (method) AfterUpdate(int64) {}

// linear is a probe in training.
type linear struct {
	LinearOptions
	program    *train.Program
	classifier *supervised.Classifier
	epoch      int64     // steps
	losses     []float64 // of the last epoch
}

func newLinear(dev torch.Device, width, images int64, o LinearOptions) (*linear, error) {
	plan, err := o.Config.Resolve(images)
	if err != nil {
		return nil, err
	}
	p := &linear{LinearOptions: o, epoch: max(images/int64(o.Config.Batch), 1)}
	if err := torch.Try(func() {
		torch.Seeded(o.Seed, func() {
			p.classifier = supervised.NewClassifier(dev, width, int64(o.Classes), o.Config.BatchNorm)
		})
	}); err != nil {
		return nil, fmt.Errorf("allocating a classifier of %d features and %d classes: %w", width, o.Classes, err)
	}
	params := nn.Parameters(p.classifier)
	settings := make([]rules.Setting, len(params))
	for i := range settings {
		settings[i] = rules.Default(o.Config.WeightDecay, false)
	}
	optimizer, err := optim.NewSGD(params, settings, optim.Options{
		Momentum: o.Config.Momentum, Nesterov: o.Config.Nesterov, Adaptation: optim.None,
	})
	p.program = &train.Program{
		Engine: &train.Engine{Method: method{p.classifier}, Optimizer: optimizer, Device: dev, Precision: torch.Float32},
		Rate:   plan.Schedule, Steps: plan.Steps, Batch: o.Config.Batch,
		Hooks: []train.Hook{{Name: "loss", Every: 1, Run: p.watch}},
	}
	return p, err
}

// lossEvery is how often the loss is kept and shown.
const lossEvery = 50

// watch is the hook that keeps the loss and reports it.
func (p *linear) watch(_ context.Context, e train.Event) error {
	if (e.Step-1)%lossEvery != 0 && e.Step != e.Total {
		return nil
	}
	if e.Total-e.Step < max(p.epoch, lossEvery) {
		p.losses = append(p.losses, e.Result.Loss)
	}
	if p.Progress != nil {
		p.Progress(e.Step, e.Total, e.Result.Loss, e.LR)
	}
	return nil
}

// smallStep is how many multiplications of a step are better done by one thread.
const smallStep = 1 << 25

// smallThreads is one where handing a step's work to several threads costs more than it gains: 160 features and 10 classes
// at a batch of 256 took 0.8 ms a step on one thread, and over 10 ms on two that other programs kept from their cores. It
// is for features that are cached; otherwise the trunk's forward pass is in the step too, and needs them all.
func (p *linear) smallThreads() int {
	w := p.classifier.Linear.Weight
	if p.program.Engine.Device.Type == torch.CPUType && w.Numel()*int64(p.Config.Batch) < smallStep {
		return 1
	}
	return p.Threads
}

// run trains for all steps, then scores val.
func (p *linear) run(ctx context.Context, threads int, val *eval.Features) (r LinearResult, err error) {
	err = torch.OnThread(threads, func() error { return p.program.Run(ctx, nil) })
	var broken *train.NonFiniteError
	if errors.As(err, &broken) {
		return r, p.diverged(broken)
	}
	if err != nil {
		return r, err
	}
	r.Steps, r.Loss = p.program.Steps, p.meanLoss()
	r.Classification, err = p.score(ctx, val)
	return r, err
}

func (p *linear) diverged(e *train.NonFiniteError) error {
	return fmt.Errorf("the loss of the linear probe is %v and the norm of its gradient %v at step %d with a rate of %g: lower linear.base_lr (now %g for a batch of 256), or set linear.batch_norm = true",
		e.Loss, e.Norm, e.Step, p.program.Rate.At(e.Step), p.Config.BaseLR)
}

func (p *linear) meanLoss() float64 {
	sum := 0.0
	for _, v := range p.losses {
		sum += v
	}
	return sum / float64(len(p.losses))
}

// scoreRows bounds the memory of scores: 1,000 classes need 16 MB.
const scoreRows = 4096

// score counts the accuracy on val with the batch norm's running statistics.
func (p *linear) score(ctx context.Context, val *eval.Features) (a *metrics.Classification, err error) {
	if a, err = metrics.NewClassification(p.Classes, 1, 5); err != nil {
		return nil, err
	}
	failure := torch.Try(func() {
		torch.NoGrad(func() {
			for at := int64(0); at < val.Len() && err == nil; at += scoreRows {
				if err = context.Cause(ctx); err != nil {
					return
				}
				n := min(scoreRows, val.Len()-at)
				err = a.Add(p.scores(val.X.Narrow(0, at, n)), val.Labels[at:at+n])
			}
		})
	})
	return a, errors.Join(failure, err)
}

func (p *linear) scores(features *torch.Tensor) []float32 {
	scope := torch.NewScope()
	defer scope.Close()
	return p.classifier.Forward(&nn.Context{}, features.ToDevice(p.program.Engine.Device)).Float32s()
}
