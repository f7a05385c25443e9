// SPDX-License-Identifier: MIT

package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"seer/config"
	"seer/data"
	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/sampler"
	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/torch"
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
	Accuracy
	Steps int64
	Loss  float64 // mean over the last epoch, or over all steps when there are fewer
}

// Linear trains a classifier on features that were computed once, and scores val. It computes on dev.
func Linear(ctx context.Context, dev torch.Device, train, val *Features, o LinearOptions) (r LinearResult, err error) {
	err = torch.OnThread(o.Threads, func() error {
		r, err = linear(ctx, dev, train, val, o)
		return err
	})
	return r, err
}

func linear(ctx context.Context, dev torch.Device, train, val *Features, o LinearOptions) (LinearResult, error) {
	if err := errors.Join(checkLabels(train, o.Classes), checkLabels(val, o.Classes)); err != nil {
		return LinearResult{}, err
	}
	p, err := newProbe(dev, train.X.Size(1), train.Len(), o)
	if err != nil {
		return LinearResult{}, err
	}
	defer p.close()
	p.cached = true
	order := sampler.New(train.Len(), o.Seed)
	batch := int64(o.Config.Batch)
	rows, labels := make([]int64, batch), make([]int64, batch)
	return p.run(ctx, val, func(step int64) (*torch.Tensor, []int64, error) {
		for j := range rows {
			rows[j] = order.Global(step*batch + int64(j))
			labels[j] = train.Labels[rows[j]]
		}
		return train.X.IndexSelect(0, torch.FromInt64(rows, batch)).ToDevice(dev), labels, nil
	})
}

// LinearAugmented trains a classifier on random resized crops with flips: the trunk runs for every crop of every epoch.
// The steps see the images in the order in which [Linear] sees them.
func (b *Backbone) LinearAugmented(ctx context.Context, train Images, val *Features, o LinearOptions) (r LinearResult, err error) {
	err = torch.OnThread(o.Threads, func() error {
		r, err = b.linearAugmented(ctx, train, val, o)
		return err
	})
	return r, err
}

func (b *Backbone) linearAugmented(ctx context.Context, train Images, val *Features, o LinearOptions) (r LinearResult, err error) {
	if err := checkLabels(val, o.Classes); err != nil {
		return r, err
	}
	p, err := newProbe(b.Device, b.Trunk.Width(), train.Len(), o)
	if err != nil {
		return r, err
	}
	defer p.close()
	l, err := train.augmented(ctx, p.plan.Steps, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return p.run(ctx, val, func(int64) (*torch.Tensor, []int64, error) {
		batch, err := l.Next(ctx)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // the loader was asked for as many steps as there are
		}
		if err != nil {
			return nil, nil, err
		}
		defer batch.Release()
		x, err := b.checked(ctx, train.Source, batch)
		if err == nil {
			err = checkLabels(&Features{Labels: batch.Labels, Indices: batch.Indices}, o.Classes)
		}
		return x, batch.Labels, err
	})
}

// augmented loads random crops for a number of steps.
func (im *Images) augmented(ctx context.Context, steps int64, o LinearOptions) (*data.Loader, error) {
	spec := augment.RandomResizedCropFlip(im.Crop)
	spec.Groups[0].Scale = o.Config.Scale
	return data.NewLoader(ctx, data.Options{
		Source: im.Source, Sampler: im.Sampler, Spec: spec, Decode: jpeg.Options{Orient: im.Orient}, Seed: o.Seed,
		Batch: o.Config.Batch, Workers: im.Workers, Steps: steps, MaxBadFraction: im.MaxBadFraction, OnBad: im.OnBad,
	})
}

// probe is a classifier in training.
type probe struct {
	LinearOptions
	dev        torch.Device
	plan       *config.LinearPlan
	classifier *Classifier
	optimizer  *optim.SGD
	epoch      int64 // steps
	losses     []float64
	cached     bool // a step reads features that were computed before
}

func newProbe(dev torch.Device, width, images int64, o LinearOptions) (*probe, error) {
	plan, err := o.Config.Resolve(images)
	if err != nil {
		return nil, err
	}
	p := &probe{LinearOptions: o, dev: dev, plan: plan, epoch: max(images/int64(o.Config.Batch), 1)}
	if err := torch.Try(func() {
		torch.Seeded(o.Seed, func() { p.classifier = NewClassifier(dev, width, int64(o.Classes), o.Config.BatchNorm) })
	}); err != nil {
		return nil, fmt.Errorf("allocating a classifier of %d features and %d classes: %w", width, o.Classes, err)
	}
	params := nn.Parameters(p.classifier)
	settings := make([]rules.Setting, len(params))
	for i := range settings {
		settings[i] = rules.Default(o.Config.WeightDecay, false)
	}
	p.optimizer, err = optim.NewSGD(params, settings, optim.Options{
		Momentum: o.Config.Momentum, Nesterov: o.Config.Nesterov, Adaptation: optim.None,
	})
	return p, err
}

func (p *probe) close() {
	nn.Close(p.classifier)
	p.optimizer.Close()
}

// lossEvery is how often the loss is read back, which waits for the device.
const lossEvery = 50

// run trains for the plan's steps on what batch yields, then scores val.
func (p *probe) run(ctx context.Context, val *Features, batch func(step int64) (*torch.Tensor, []int64, error)) (r LinearResult, err error) {
	err = torch.OnThread(p.stepThreads(), func() error { return p.steps(ctx, batch) })
	if err != nil {
		return r, err
	}
	r.Steps, r.Loss = p.plan.Steps, p.meanLoss()
	r.Accuracy, err = p.score(ctx, val)
	return r, err
}

func (p *probe) steps(ctx context.Context, batch func(step int64) (*torch.Tensor, []int64, error)) error {
	for step := range p.plan.Steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := p.step(step, batch); err != nil {
			return err
		}
	}
	return nil
}

// smallStep is how many multiplications of a step are better done by one thread.
const smallStep = 1 << 25

// stepThreads is one where handing a step's work to several threads costs more than it gains: 160 features and 10 classes
// at a batch of 256 took 0.8 ms a step on one thread, and over 10 ms on two that other programs kept from their cores.
// Without cached features the trunk's forward pass is in the step too, and needs them all.
func (p *probe) stepThreads() int {
	w := p.classifier.Linear.Weight
	if p.dev.Type == torch.CPUType && p.cached && w.Numel()*int64(p.Config.Batch) < smallStep {
		return 1
	}
	return p.Threads
}

func (p *probe) step(step int64, batch func(int64) (*torch.Tensor, []int64, error)) (err error) {
	scope := torch.NewScope()
	defer scope.Close()
	failure := torch.Try(func() {
		var x *torch.Tensor
		var labels []int64
		if x, labels, err = batch(step); err != nil {
			return
		}
		target := torch.FromInt64(labels, int64(len(labels))).ToDevice(p.dev)
		loss := torch.CrossEntropy(p.classifier.Forward(&nn.Context{Training: true}, x), target)
		loss.Backward()
		rate := p.plan.Schedule.At(step)
		if norm, ok := p.optimizer.Step(step, rate); !ok {
			err = p.diverged("norm of the gradient", norm, step, rate)
			return
		}
		err = p.watch(step, rate, loss)
	})
	return errors.Join(failure, err)
}

func (p *probe) diverged(what string, value float64, step int64, rate float64) error {
	return fmt.Errorf("the %s of the linear probe is %v at step %d with a rate of %g: lower linear.base_lr (now %g for a batch of 256), or set linear.batch_norm = true",
		what, value, step, rate, p.Config.BaseLR)
}

// watch keeps the loss, reports it, and stops a training that has diverged.
func (p *probe) watch(step int64, rate float64, loss *torch.Tensor) error {
	last := step == p.plan.Steps-1
	if step%lossEvery != 0 && !last {
		return nil
	}
	v := loss.Item()
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return p.diverged("loss", v, step, rate)
	}
	if p.plan.Steps-step <= max(p.epoch, lossEvery) {
		p.losses = append(p.losses, v)
	}
	if p.Progress != nil {
		p.Progress(step+1, p.plan.Steps, v, rate)
	}
	return nil
}

func (p *probe) meanLoss() float64 {
	sum := 0.0
	for _, v := range p.losses {
		sum += v
	}
	return sum / float64(len(p.losses))
}

// scoreRows bounds the memory of scores: 1,000 classes need 16 MB.
const scoreRows = 4096

// score counts the accuracy on val with the batch norm's running statistics.
func (p *probe) score(ctx context.Context, val *Features) (a Accuracy, err error) {
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

func (p *probe) scores(features *torch.Tensor) []float32 {
	scope := torch.NewScope()
	defer scope.Close()
	return p.classifier.Forward(&nn.Context{}, features.ToDevice(p.dev)).Float32s()
}
