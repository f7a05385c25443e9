// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"seer/config"
	"seer/models"
	"seer/nn"
	"seer/tasks/launch"
	"seer/torch"
	"seer/train"
)

// run is one pretraining run while it lasts.
type run struct {
	*launch.Launch
	images  *launch.Images
	plan    *config.Resolved
	engine  *train.Engine
	method  *Method
	program *train.Program
	looks   *looks // nil without [probe]
}

// Run runs an experiment to its end, or until ctx ends, and continues what its run folder holds. Everything that can be
// checked is checked first, then the start takes effect: one that is refused has changed nothing. It returns nil when the
// run is complete, and the context's cause when it was interrupted, after saving a checkpoint.
func Run(ctx context.Context, e *config.Experiment, o launch.StartOptions) error {
	o = o.Placed()
	return torch.OnThread(e.Run.Threads, func() (err error) {
		warnings, err := e.Validate(config.Pretrain)
		for _, w := range warnings {
			fmt.Fprintf(o.Out, "warning: %v\n", w)
		}
		if err != nil {
			return err
		}
		return launch.WithRollbacks(e, o, func(o launch.StartOptions) (err error) {
			r := &run{}
			if r.Launch, err = launch.Open(e, o); err != nil {
				return err
			}
			defer r.close()
			return r.run(ctx)
		})
	})
}

func (r *run) run(ctx context.Context) error {
	if done, err := r.Decide(r.complete); done || err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if r.program.Clock.Step >= r.plan.Steps {
		return r.SayComplete(r.program.Clock, r.plan.Steps)
	}
	if err := r.Begin(); err != nil {
		return err
	}
	if err := r.images.Start(ctx, r.program, r.plan); err != nil {
		return err
	}
	r.program.Batches = launch.Batches{Images: r.images}
	r.describe()
	err := r.program.Run(ctx, r.Folder)
	if err == nil {
		r.images.SayCache()
	}
	return err
}

// prepare does all that can fail before the start takes effect.
func (r *run) prepare(ctx context.Context) error {
	if err := r.CheckMachine(); err != nil {
		return err
	}
	if err := r.openSource(ctx); err != nil {
		return err
	}
	if err := r.build(); err != nil {
		return err
	}
	return r.Accept(r.program, r.images, r.plan)
}

func (r *run) openSource(ctx context.Context) (err error) {
	if err := r.Experiment.CheckData(config.Pretrain); err != nil && r.Experiment.Data.Refresh.Value == 0 {
		return err
	}
	if r.images, err = r.OpenImages(ctx, false, r.Order); err != nil {
		return err
	}
	plan, warnings, err := r.Experiment.Resolve(r.images.Sampler.Len(), r.Mesh.Size())
	r.plan = plan
	r.Warn(warnings)
	return err
}

// complete tells a run that is at its end, before its source is opened: that may be gone by now, and so may its GPU. An
// experiment with another model is another matter: it is refused when it is found not to fit.
func (r *run) complete() (bool, error) {
	e := r.Experiment
	if r.Before == nil || !reflect.DeepEqual(e.Model, r.Before.Model) || !reflect.DeepEqual(e.SwAV, r.Before.SwAV) {
		return false, nil
	}
	clock, known, err := r.Clock()
	if err != nil || !known || clock.Epoch < 1 {
		return false, err
	}
	plan, _, err := e.Resolve(clock.Epoch, 1)
	if err != nil || clock.Step < plan.Steps {
		return false, nil // another error, or none, is found with the source
	}
	return true, r.SayComplete(clock, plan.Steps)
}

// build makes the system and the program that trains it.
func (r *run) build() error {
	system, err := NewSystem(r.Experiment, r.plan, r.Device)
	if err != nil {
		return err
	}
	precision, err := train.ParsePrecision(r.Experiment.Run.Precision)
	if err != nil {
		return err
	}
	channelsLast, err := r.Layout(system.Trunk, precision, r.layoutViews())
	if err != nil {
		return err
	}
	if r.engine, err = NewEngine(system, r.Experiment, r.plan, r.Device, channelsLast); err != nil {
		return err
	}
	r.Spread(r.engine, system.Trunk.(models.Trunk)) // newSystem has made it
	system.Group = r.Mesh.All()
	r.method = r.engine.Method.(*Method)
	return r.assemble()
}

// layoutBatch bounds the measurement of memory layouts: their ratio hardly depends on the batch.
const layoutBatch = 16

func (r *run) layoutViews() (views []train.Views) {
	for _, c := range r.Experiment.Crops {
		views = append(views, train.Views{Count: int64(c.Count * min(r.Experiment.Optim.Batch, layoutBatch)), Size: int64(c.Size)})
	}
	return views
}

func (r *run) assemble() (err error) {
	if r.program, err = r.NewProgram(r.engine, r.plan); err != nil {
		return err
	}
	watch := newCollapse(r.method, r.plan, r.Say)
	r.program.Detailed = watch.due
	r.program.Hooks = append(r.program.Hooks, train.Hook{Name: "collapse check", Every: 1, Run: watch.observe})
	r.program.Parts = append(r.program.Parts, watch)
	r.images.Attach(r.program)
	r.addLooks()
	return r.Fill(r.program)
}

func (r *run) close() {
	if r.looks != nil {
		r.looks.session.Close()
	}
	if r.images != nil {
		r.images.Close()
	}
	if r.engine != nil {
		r.engine.Close()
	}
	_ = r.Close()
}

// describe introduces the run before its first step.
func (r *run) describe() {
	e, system := r.Experiment, r.method
	r.Say("Pretraining %s: trunk %.2f M parameters, width %d; head and prototypes %.2f M; on %v in %s",
		e.Model.Arch, millions(system.Trunk), system.Trunk.Width(), millions(system.Head)+millions(system.Prototypes),
		r.Device, e.Run.Precision)
	var crops []string
	for _, c := range e.Crops {
		crops = append(crops, fmt.Sprintf("%dx%d", c.Count, c.Size))
	}
	r.Say("%d images, crops %s, batch %d, %d steps (%.2f epochs), peak learning rate %.4g; run folder %s",
		r.plan.Images, strings.Join(crops, "+"), r.plan.Batch, r.plan.Steps, r.plan.Epochs, r.plan.PeakLR, e.Run.Dir)
}

func millions(w nn.Walker) float64 { return float64(nn.CountParameters(w)) / 1e6 }
