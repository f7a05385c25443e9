// SPDX-License-Identifier: MIT

package finetune

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"seer/config"
	"seer/eval"
	"seer/internal/redact"
	"seer/nn"
	"seer/optim"
	"seer/runfolder"
	"seer/supervised"
	"seer/tasks/launch"
	"seer/tasks/probe"
	"seer/torch"
	"seer/train"
)

// run is one fine-tuning while it lasts.
type run struct {
	*launch.Launch
	images *launch.Images
	val    *validation
	plan   *config.Resolved

	backbone  *eval.Backbone // its trunk is the method's
	projector projector
	method    *Method
	engine    *train.Engine
	program   *train.Program
}

// Run fine-tunes to the end, or until ctx ends, and continues what the run folder holds. weights says where the trunk
// begins; a run that is continued needs none. Everything that can be checked is checked before the start takes effect. The
// result is nil for a run that was complete already, or was interrupted, which is an error after a checkpoint was saved.
func Run(ctx context.Context, e *config.Experiment, weights eval.TrunkSource, o launch.StartOptions) (result *probe.Result, err error) {
	o = o.Placed()
	err = torch.OnThread(e.Run.Threads, func() (err error) {
		warnings, err := e.Validate(config.FineTuning)
		for _, w := range warnings {
			fmt.Fprintf(o.Out, "warning: %v\n", w)
		}
		if err != nil {
			return err
		}
		if err := takeModel(e); err != nil {
			return err
		}
		return launch.WithRollbacks(e, o, func(o launch.StartOptions) (err error) {
			r := &run{}
			if r.Launch, err = launch.Open(e, o); err != nil {
				return err
			}
			defer r.close()
			result, err = r.run(ctx, weights)
			return err
		})
	})
	return result, err
}

// takeModel has an experiment without an architecture go on with that of its run: it came from the weights.
func takeModel(e *config.Experiment) error {
	file, _, err := runfolder.Experiment(e.Run.Dir)
	if err != nil || file == "" || e.Model.Arch != "" {
		return nil // there is no run yet
	}
	before, err := config.Load(file, nil)
	if err != nil {
		return nil // which is told where the run is opened
	}
	e.Model, e.Augment.Mean, e.Augment.Std = before.Model, before.Augment.Mean, before.Augment.Std
	return nil
}

func (r *run) run(ctx context.Context, weights eval.TrunkSource) (*probe.Result, error) {
	if done, err := r.Decide(r.complete); done || err != nil {
		return nil, err
	}
	if err := r.prepare(ctx, weights); err != nil {
		return nil, err
	}
	if r.program.Clock.Step >= r.plan.Steps {
		return nil, r.SayComplete(r.program.Clock, r.plan.Steps)
	}
	if err := r.Begin(); err != nil {
		return nil, err
	}
	if err := r.images.Start(ctx, r.program, r.plan); err != nil {
		return nil, err
	}
	r.program.Batches = launch.Batches{Images: r.images, Targets: targets(r.images.Source)}
	r.describe()
	if err := r.program.Run(ctx, r.Folder); err != nil {
		return nil, err
	}
	r.images.SayCache()
	if !r.Mesh.Leads() {
		return nil, nil // rank 0 validates and has the result
	}
	return r.result(), nil
}

// prepare does all that can fail before the start takes effect.
func (r *run) prepare(ctx context.Context, weights eval.TrunkSource) error {
	if err := r.checkMesh(); err != nil {
		return err
	}
	if err := r.CheckMachine(); err != nil {
		return err
	}
	if err := r.Experiment.CheckData(config.FineTuning); err != nil {
		return err
	}
	if err := r.openTrunk(weights); err != nil {
		return err
	}
	if err := r.openImages(ctx); err != nil {
		return err
	}
	if err := r.build(); err != nil {
		return err
	}
	return r.Accept(r.program, r.images, r.plan)
}

// complete tells a run that is at its end before anything is opened: images and weights may be gone by now.
func (r *run) complete() (bool, error) {
	if r.Before == nil || !reflect.DeepEqual(r.Experiment.Model, r.Before.Model) || !r.sameHead() {
		return false, nil
	}
	clock, known, err := r.Clock()
	if err != nil || !known || clock.Epoch < 1 {
		return false, err
	}
	plan, _, err := r.Experiment.ResolveFinetune(clock.Epoch, 1)
	if err != nil || clock.Step < plan.Steps {
		return false, nil // another error, or none, is found with the source
	}
	return true, r.SayComplete(clock, plan.Steps)
}

// sameHead tells whether the head is as wide as the run's so far.
func (r *run) sameHead() bool {
	now, before := r.Experiment.Finetune, r.Before.Finetune
	return slices.Equal(now.Hidden, before.Hidden) && now.ProjectorLayers == before.ProjectorLayers
}

// openTrunk opens the weights to begin with; what a checkpoint holds takes their place. The experiment gets the
// architecture and the normalisation that they were trained with.
func (r *run) openTrunk(weights eval.TrunkSource) (err error) {
	e := r.Experiment
	if r.Newest != nil {
		weights = eval.TrunkSource{Random: true}
	} else if weights.Weights == "" && !weights.Random {
		return errors.New("which trunk? Give --weights with a run folder, a checkpoint or a file, or --random-init to train from scratch")
	}
	weights.Experiment, weights.Warn = e, func(message string) { r.Say("warning: %s", message) }
	if r.backbone, err = eval.OpenBackbone(weights); err != nil {
		return err
	}
	if r.projector, err = r.openProjector(weights); err != nil {
		return err
	}
	e.Model, e.Augment.Mean, e.Augment.Std = r.backbone.Model, r.backbone.Mean, r.backbone.Std
	return nil
}

func (r *run) openImages(ctx context.Context) (err error) {
	if r.images, err = r.OpenImages(ctx, true, r.sampling); err != nil {
		return fmt.Errorf("data.source: %w", err)
	}
	if err := fits("data.source", r.Experiment.Data.Source, r.images.Source, r.Experiment.Finetune.MultiLabel); err != nil {
		return err
	}
	if r.val, err = openValidation(ctx, r.Launch, r.images.Source.Classes()); err != nil {
		return err
	}
	plan, warnings, err := r.Experiment.ResolveFinetune(r.images.Sampler.Len(), r.Mesh.Size())
	r.plan = plan
	r.Warn(warnings)
	return err
}

// build makes the method and the program that trains it.
func (r *run) build() (err error) {
	e, classes := r.Experiment, r.images.Source.Classes()
	r.method = &Method{Trunk: r.backbone.Trunk, Classes: int64(len(classes)), MultiLabel: e.Finetune.MultiLabel, Projector: e.Finetune.ProjectorLayers, Smoothing: e.Finetune.LabelSmoothing,
		Mix: supervised.Mix{Mixup: e.Finetune.Mixup, Cutmix: e.Finetune.Cutmix, Seed: e.Run.Seed}}
	if err := r.buildHead(int64(len(classes))); err != nil {
		return err
	}
	if err := r.weigh(); err != nil {
		return err
	}
	crop := e.Crops[0]
	channelsLast, err := r.Layout(r.method.Trunk, r.backbone.Precision, []train.Views{{Count: int64(min(e.Optim.Batch, layoutBatch)), Size: int64(crop.Size)}})
	if err != nil {
		return err
	}
	r.backbone.ChannelsLast = channelsLast
	passes := e.Train.Accumulate
	if r.plan.BatchPerRank%passes != 0 {
		return fmt.Errorf("train.accumulate = %d: must divide the %d images that a process has of optim.batch = %d", passes, r.plan.BatchPerRank, r.plan.Batch)
	}
	again, err := launch.Recomputation(e, config.FineTuning, r.plan.BatchPerRank/passes, len(classes))
	if err != nil {
		return err
	}
	if r.engine, err = launch.NewEngine(r.method, e, r.plan, r.Device, channelsLast, r.method.regularise(e.Finetune)); err != nil {
		return err
	}
	r.Spread(r.engine, r.method.Trunk)
	r.method.Group = r.Mesh.All()
	r.engine.Plan, r.engine.Passes = again, passes
	if e.Finetune.EMA > 0 {
		if r.engine.Average, err = optim.NewEMA(r.method, e.Finetune.EMA); err != nil {
			return fmt.Errorf("finetune.ema: allocating the average of the weights: %w", err)
		}
	}
	if r.program, err = r.NewProgram(r.engine, r.plan); err != nil {
		return err
	}
	r.val.model = &Model{Backbone: r.backbone, Head: r.method.Head, Classes: classes, Settings: e.Finetune}
	r.program.Hooks = append(r.program.Hooks, train.Hook{Name: "validation", Every: r.plan.ValidateEvery, Run: r.validate, Leader: true})
	r.program.Parts = append(r.program.Parts, classesPart{classes})
	r.images.Attach(r.program)
	return r.Fill(r.program)
}

// buildHead makes the head of the method, which begins with what is kept of SwAV's.
func (r *run) buildHead(classes int64) error {
	e := r.Experiment
	widths := slices.Concat(r.projector.widths, e.Finetune.Hidden)
	if err := torch.Try(func() {
		torch.Seeded(e.Run.Seed, func() {
			r.method.Head = supervised.NewHead(r.Device, r.backbone.Trunk.Width(), widths, classes)
		})
	}); err != nil {
		return fmt.Errorf("allocating a head of %d classes: %w", classes, err)
	}
	if err := r.projector.fill(r.method.Head); err != nil {
		return fmt.Errorf("finetune.projector_layers = %d: %w", e.Finetune.ProjectorLayers, err)
	}
	return torch.Try(func() { nn.RequireGrad(r.method, true) })
}

// validate judges the weights that a checkpoint of this step offers: the averaged ones, if there is an average.
func (r *run) validate(ctx context.Context, e train.Event) error {
	err := r.engine.Averaged(func() error { return r.val.run(ctx, e) })
	if err == nil {
		r.program.Scored(e.Step, r.val.latest.score())
	}
	return err
}

// layoutBatch bounds the measurement of memory layouts.
const layoutBatch = 16

// describe introduces the run before its first step.
func (r *run) describe() {
	e := r.Experiment
	r.Say("Fine-tuning %s from %s: trunk %.2f M parameters, head %.2f M, %d classes; on %v in %s", e.Model.Arch, r.backbone.Origin,
		float64(nn.CountParameters(r.method.Trunk))/1e6, float64(nn.CountParameters(r.method.Head))/1e6, len(r.val.model.Classes), r.Device, e.Run.Precision)
	r.Say("%d images of %d pixels, batch %d, %d steps (%.2f epochs), peak learning rate %.4g; %d images to validate on; run folder %s",
		r.plan.Images, e.Crops[0].Size, r.plan.Batch, r.plan.Steps, r.plan.Epochs, r.plan.PeakLR, r.val.images.Source.Len(), e.Run.Dir)
	if r.engine.Average != nil {
		r.Say("Validated and saved for use: the average of the weights, decay %g", r.engine.Average.Decay())
	}
}

// result is how good the run is behind its last step.
func (r *run) result() *probe.Result {
	e := r.Experiment
	out := &probe.Result{
		Task: "finetune", Experiment: e.Name, Origin: eval.Origin{Weights: r.Folder.SavedDir(), Arch: e.Model.Arch, Step: r.plan.Steps, Run: e.Run.Dir},
		Classes: len(r.val.model.Classes), TrainImages: r.plan.Images,
		Train: redact.URL(e.Data.Source), Val: redact.URL(e.Finetune.Val), Seed: e.Run.Seed, Seconds: r.program.Clock.Seconds,
		Steps: r.plan.Steps, Settings: settings(e.Finetune),
	}
	r.val.latest.fill(out)
	return out
}

func (r *run) close() {
	if r.images != nil {
		r.images.Close()
	}
	if r.val != nil {
		r.val.Close()
	}
	if r.method != nil && r.method.Weights != nil {
		r.method.Weights.Close()
	}
	switch {
	case r.engine != nil:
		r.engine.Close()
	case r.method != nil && r.method.Head != nil:
		nn.Close(r.method)
	case r.backbone != nil:
		r.backbone.Close()
	}
	_ = r.Close()
}
