// SPDX-License-Identifier: MIT

package detect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"

	"seer/config"
	"seer/data/detection"
	"seer/data/sampler"
	"seer/data/source"
	"seer/eval"
	"seer/footprint"
	"seer/inputs"
	"seer/models/sketch"
	"seer/nn"
	"seer/recompute"
	"seer/runfolder"
	"seer/tasks/launch"
	"seer/torch"
	"seer/train"
)

// run is one training of a detector while it lasts.
type run struct {
	*launch.Launch
	set     *detection.Set
	images  *launch.Images
	batches *batches
	val     *validation
	plan    *config.Resolved

	backbone *eval.Backbone // its trunk is the method's
	method   *Method
	engine   *train.Engine
	program  *train.Program
}

// Run trains a detector to the end, or until ctx ends, and continues what the run folder holds. weights says where the trunk
// begins; a run that is continued needs none. Everything that can be checked is checked before the start takes effect. The
// scores are nil for a run that was complete already, or was interrupted, which is an error after a checkpoint was saved.
func Run(ctx context.Context, e *config.Experiment, weights eval.TrunkSource, o launch.StartOptions) (scores *Scores, err error) {
	o = o.Placed()
	err = torch.OnThread(e.Run.Threads, func() (err error) {
		warnings, err := e.Validate(config.Detection)
		for _, w := range warnings {
			fmt.Fprintf(o.Out, "warning: %v\n", w)
		}
		if err != nil {
			return err
		}
		if err := takeModel(e); err != nil {
			return err
		}
		r := &run{}
		if r.Launch, err = launch.Open(e, o); err != nil {
			return err
		}
		defer r.close()
		scores, err = r.run(ctx, weights)
		return err
	})
	return scores, err
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

func (r *run) run(ctx context.Context, weights eval.TrunkSource) (*Scores, error) {
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
	r.batches.loader = r.images.Loader
	r.program.Batches = r.batches
	r.describe()
	if err := r.program.Run(ctx, r.Folder); err != nil {
		return nil, err
	}
	r.images.SayCache()
	if !r.Mesh.Leads() {
		return nil, nil // rank 0 validates and has the scores
	}
	return &r.val.latest, nil
}

// prepare does all that can fail before the start takes effect.
func (r *run) prepare(ctx context.Context, weights eval.TrunkSource) error {
	e := r.Experiment
	if err := r.CheckMachine(); err != nil {
		return err
	}
	if err := inputs.Fit(TrainingViews(e).Crops(), max(e.Optim.Batch/r.Mesh.Size(), 1), e.Data.Prefetch); err != nil {
		return fmt.Errorf("optim.batch = %d, data.prefetch = %d: %w", e.Optim.Batch, e.Data.Prefetch, err)
	}
	if err := e.CheckData(config.Detection); err != nil {
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
	if r.Before == nil || !reflect.DeepEqual(r.Experiment.Model, r.Before.Model) || !reflect.DeepEqual(r.Experiment.Detect, r.Before.Detect) {
		return false, nil
	}
	clock, known, err := r.Clock()
	if err != nil || !known || clock.Epoch < 1 {
		return false, err
	}
	plan, _, err := r.Experiment.ResolveDetect(clock.Epoch, 1)
	if err != nil || clock.Step < plan.Steps {
		return false, nil // another error, or none, is found with the source
	}
	return true, r.SayComplete(clock, plan.Steps)
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
	e.Model, e.Augment.Mean, e.Augment.Std = r.backbone.Model, r.backbone.Mean, r.backbone.Std
	if weights.Random && r.Newest == nil && e.Detect.TrunkNorm == "frozen" {
		r.Say("warning: detect.trunk_norm = %q keeps the statistics of a trunk that has none yet; from scratch \"trained\" learns", e.Detect.TrunkNorm)
	}
	return nil
}

func (r *run) openImages(ctx context.Context) (err error) {
	e := r.Experiment
	if r.set, err = readAnnotated(e.Detect); err != nil {
		return err
	}
	if said := r.set.LeftOut.String(); said != "" {
		r.Say("detect.annotations: %s", said)
	}
	a := &annotated{}
	r.images, err = r.OpenImages(ctx, false, func(src source.Source, seed uint64) (*sampler.Sampler, error) { return a.order(src, e, r.set, seed) })
	if err != nil {
		return fmt.Errorf("data.source: %w", err)
	}
	viewing := TrainingViews(e)
	r.images.Views, r.images.View = viewing.Crops(), viewing.Crop
	r.batches = &batches{annotated: a, source: r.images.Source, viewing: viewing, design: e.Detect, seed: e.Run.Seed}
	if r.val, err = openValidation(ctx, r.Launch, a.classes); err != nil {
		return err
	}
	plan, warnings, err := e.ResolveDetect(r.images.Sampler.Len(), r.Mesh.Size())
	r.plan = plan
	r.Warn(warnings)
	return err
}

// build makes the method and the program that trains it.
func (r *run) build() error {
	e, trunk := r.Experiment, r.backbone.Trunk
	detector, err := newDetector(e, trunk, len(r.batches.classes), r.Device)
	if err != nil {
		return err
	}
	r.method = &Method{detector}
	if err := torch.Try(func() { nn.RequireGrad(r.method, true) }); err != nil {
		return err
	}
	if r.backbone.ChannelsLast, err = r.Layout(trunk, r.backbone.Precision, []train.Views{{Count: int64(min(e.Optim.Batch, layoutBatch)), Size: typicalSide(e.Detect)}}); err != nil {
		return err
	}
	again, err := recomputation(e)
	if err != nil {
		return err
	}
	if r.engine, err = launch.NewEngine(r.method, e, r.plan, r.Device, r.backbone.ChannelsLast, learning(detector, trunk, e.Detect)); err != nil {
		return err
	}
	r.Spread(r.engine, trunk)
	r.engine.Plan = again
	if r.program, err = r.NewProgram(r.engine, r.plan); err != nil {
		return err
	}
	r.val.model = &Model{Backbone: r.backbone, Detector: detector, Classes: r.batches.classes, Settings: e.Detect, Orient: e.Data.EXIFOrientation}
	r.program.Hooks = append(r.program.Hooks, train.Hook{Name: "validation", Every: r.plan.ValidateEvery, Run: r.validate, Leader: true})
	r.program.Parts = append(r.program.Parts, classesPart{r.batches.classes})
	r.images.Attach(r.program)
	return r.Fill(r.program)
}

// layoutBatch bounds the measurement of memory layouts.
const layoutBatch = 4

// typicalSide is that of a square with about as many pixels as an image, for which memory layouts are measured.
func typicalSide(d config.Detect) int64 {
	side := float64(d.Window)
	if d.Window == 0 {
		short := d.Sides[len(d.Sides)/2]
		side = math.Sqrt(float64(short) * float64(min(d.Longest, short*4/3)))
	}
	return max(stride, int64(side)/stride*stride)
}

// recomputation is what [memory] has the trunk keep, and compute again. The maps of its stages are kept always.
func recomputation(e *config.Experiment) (recompute.Plan, error) {
	n, err := e.Model.Trunk()
	if err != nil {
		return nil, err
	}
	drawn := sketch.Draw(n, 0, 0)
	step := &footprint.Step{Segments: make([]recompute.Costs, len(drawn.Segments)), Ends: drawn.Ends}
	return step.Plan(e.Memory)
}

// validate judges the detector, after its statistics were made those of the weights as they are.
func (r *run) validate(ctx context.Context, e train.Event) error {
	if err := r.precise(ctx); err != nil {
		return err
	}
	err := r.val.run(ctx, e)
	if err == nil {
		r.program.Scored(e.Step, 100*r.val.latest.Boxes.AP)
	}
	return err
}

// describe introduces the run before its first step.
func (r *run) describe() {
	e, all := r.Experiment, nn.CountParameters(r.method)
	trunk := nn.CountParameters(r.backbone.Trunk)
	r.Say("Mask R-CNN on %s from %s: trunk %.2f M parameters, pyramid and heads %.2f M, %d classes; on %v in %s", e.Model.Arch, r.backbone.Origin,
		float64(trunk)/1e6, float64(all-trunk)/1e6, len(r.batches.classes), r.Device, e.Run.Precision)
	r.Say("%d images, batch %d, %d steps (%.2f epochs), peak learning rate %.4g; %d images to validate on; run folder %s",
		r.plan.Images, r.plan.Batch, r.plan.Steps, r.plan.Epochs, r.plan.PeakLR, len(r.val.truth.Images), e.Run.Dir)
}

func (r *run) close() {
	if r.images != nil {
		r.images.Close()
	}
	if r.val != nil {
		r.val.Close()
	}
	switch {
	case r.engine != nil:
		r.engine.Close()
	case r.method != nil:
		nn.Close(r.method)
	case r.backbone != nil:
		r.backbone.Close()
	}
	_ = r.Close()
}
