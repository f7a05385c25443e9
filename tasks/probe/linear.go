// SPDX-License-Identifier: MIT

package probe

import (
	"context"
	"errors"
	"fmt"

	"seer/config"
	"seer/eval"
	"seer/inputs"
	"seer/nn"
	"seer/optim"
	"seer/runfolder"
	"seer/torch"
	"seer/train"
)

// LinearOptions configure [Linear] and [LinearAugmented].
type LinearOptions struct {
	Config  config.Linear
	Classes int
	// Widths are those of Config.Layers, whose features stand beside each other; nil for one layer.
	Widths []int64
	// Train and Val are the targets of images with several classes, training's and validation's; nil: one class an image.
	Train, Val inputs.Rows
	Seed       uint64                                      // of the classifiers' weights and of the order of the images
	Threads    int                                         // of an operation on the CPU; 0 means those of torch.SetThreads
	Progress   func(step, steps int64, loss, rate float64) // called every few steps; may be nil
	Keep       Keep                                        // of [LinearAugmented]
	Warn       func(message string)                        // told what the user should know; may be nil
}

// LinearResult is the outcome of a grid of classifiers, one or several.
type LinearResult struct {
	Trial          // the best one on the validation images
	Trials []Trial // of all, in the order of the grid: layers, then batch norm, then rates
	Steps  int64
	Cost   float64 // C that was chosen; logistic regression only
}

// Linear trains classifiers on features that were computed once, and scores val. It computes on dev.
func Linear(ctx context.Context, dev torch.Device, features, val *eval.Features, o LinearOptions) (r LinearResult, err error) {
	if o.Train == nil {
		err = errors.Join(features.CheckLabels(o.Classes), val.CheckLabels(o.Classes))
	}
	if err != nil {
		return r, err
	}
	err = torch.OnThread(o.Threads, func() error {
		p, err := newLinear(dev, features.X.Size(1), features.Len(), o)
		if err != nil {
			return err
		}
		defer p.program.Engine.Close()
		p.program.Batches = newCached(features, o)
		r, err = p.run(ctx, val, func() error {
			return torch.OnThread(p.smallThreads(), func() error { return p.program.Run(ctx, nil) })
		})
		return err
	})
	return r, err
}

// LinearAugmented trains classifiers on random resized crops with flips: the trunk runs for every crop of every epoch.
// The steps see the images in the order in which [Linear] sees them.
func LinearAugmented(ctx context.Context, b *eval.Backbone, images eval.Images, val *eval.Features, o LinearOptions) (r LinearResult, err error) {
	if o.Train == nil {
		err = val.CheckLabels(o.Classes)
	}
	if err != nil {
		return r, err
	}
	err = torch.OnThread(o.Threads, func() error {
		p, err := newLinear(b.Device, b.Width(), images.Len(), o)
		if err != nil {
			return err
		}
		defer p.program.Engine.Close()
		crops := &augmented{backbone: b, source: images.Source, rows: o.Train, classes: o.Classes}
		p.program.Batches = crops
		r, err = p.run(ctx, val, func() error {
			return p.keptRun(ctx, func(step int64) (err error) {
				crops.loader, err = openCrops(ctx, images, step, p.program.Steps, o)
				return err
			})
		})
		return errors.Join(err, crops.Close())
	})
	if err != nil {
		return r, err
	}
	return r, o.Keep.forget()
}

// linear is a grid of classifiers in training.
type linear struct {
	LinearOptions
	program *train.Program
	heads   *heads
	epoch   int64 // steps
}

func newLinear(dev torch.Device, width, images int64, o LinearOptions) (*linear, error) {
	plan, err := o.Config.Resolve(images)
	if err != nil {
		return nil, err
	}
	widths := o.Widths
	if widths == nil {
		widths = []int64{width}
	}
	p := &linear{LinearOptions: o, epoch: max(images/int64(o.Config.Batch), 1)}
	if p.heads, err = newHeads(dev, plan, widths, o); err != nil {
		return nil, err
	}
	optimizer, err := optim.NewSGD(nn.Parameters(p.heads), p.heads.settings(o.Config), optim.SGDOptions{
		Momentum: o.Config.Momentum, Nesterov: o.Config.Nesterov, Adaptation: optim.None,
	})
	p.program = &train.Program{
		Engine: &train.Engine{Method: p.heads, Optimizer: optimizer, Device: dev, Precision: torch.Float32},
		Rate:   plan.Schedule, Steps: plan.Steps, Batch: o.Config.Batch,
		Hooks: []train.Hook{{Name: "loss", Every: 1, Run: p.watch}}, Parts: []runfolder.Part{p.heads}, Clock: train.Clock{Epoch: images},
	}
	return p, err
}

// lossEvery is how often the loss is kept and shown.
const lossEvery = 50

// watch is the hook that keeps the losses and reports their sum.
func (p *linear) watch(_ context.Context, e train.Event) error {
	if (e.Step-1)%lossEvery != 0 && e.Step != e.Total {
		return nil
	}
	if e.Total-e.Step < max(p.epoch, lossEvery) {
		for _, h := range p.heads.all {
			if h.diverged == 0 {
				h.losses = append(h.losses, h.loss)
			}
		}
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
	largest := int64(0) // a head's operations follow each other
	for _, h := range p.heads.all {
		largest = max(largest, h.Linear.Weight.Numel())
	}
	if p.program.Engine.Device.Type == torch.CPUType && largest*int64(p.Config.Batch) < smallStep {
		return 1
	}
	return p.Threads
}

// run does all steps, then scores val.
func (p *linear) run(ctx context.Context, val *eval.Features, steps func() error) (r LinearResult, err error) {
	err = steps()
	var broken *train.NonFiniteError
	if errors.As(err, &broken) {
		return r, p.diverged(broken)
	}
	if err != nil {
		return r, err
	}
	r.Steps = p.program.Steps
	if r.Trials, err = p.judge(ctx, val); err != nil {
		return r, err
	}
	r.Trial = best(r.Trials)
	return r, nil
}

func (p *linear) diverged(e *train.NonFiniteError) error {
	whose, rate := "the linear probe", fmt.Sprintf("%g", p.Config.BaseLR[0])
	if len(p.heads.all) > 1 {
		whose, rate = fmt.Sprintf("all %d classifiers", len(p.heads.all)), fmt.Sprint(p.Config.BaseLR)
	}
	return fmt.Errorf("the loss of %s is %v and the norm of its gradient %v at step %d with a rate of %g: lower linear.base_lr (now %s for a batch of 256), or set linear.batch_norm = true",
		whose, e.Loss, e.Norm, e.Step, p.program.Rate.At(e.Step), rate)
}
