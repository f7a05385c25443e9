// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"seer/config"
	"seer/data"
	"seer/data/jpeg"
	"seer/data/sampler"
	"seer/inputs"
	"seer/nn"
	"seer/optim/schedule"
	"seer/ssl/swav"
	"seer/torch"
)

// Options say how a run presents itself.
type Options struct {
	Out      io.Writer // messages and progress, for people
	Terminal bool      // Out is a terminal: show a progress bar in place of lines
	Version  string    // of seer, for the run folder
	// From is the checkpoint to continue from: FromLatest or "" for the newest, FromPrevious for the one before, or the
	// number of a step. Newer ones are set aside. A start that would only repeat the end of the last one needs it.
	From string
	// Hooks run behind the run's own, before its checkpoints. An error of theirs ends the run after saving it.
	Hooks []Hook
}

// run is one pretraining run while it lasts.
type run struct {
	e    *config.Experiment
	plan *config.Plan
	opt  Options
	dev  torch.Device

	source  data.Source      // with data.refresh the list that the run began with
	refresh *data.Refresh    // nil without data.refresh
	first   *data.First      // likewise
	sampler *sampler.Sampler // of source
	loader  loader

	trainer  *Trainer
	schedule schedule.Schedule
	plateau  *schedule.Plateau
	collapse swav.CollapseDetector

	folder   *folder
	state    State
	torn     bool      // a step has begun and is not complete: there is nothing to save
	begun    time.Time // this process's steps
	progress *progress
}

// loader is a data.Loader, or a data.Stream where the source changes.
type loader interface {
	Next(context.Context) (*data.Batch, error)
	Stats() data.Stats
	Close() error
}

// Pretrain runs an experiment to its end, or until ctx ends, and continues what its run folder holds. Everything that
// can be checked is checked first, then the start takes effect: one that is refused has changed nothing. It returns nil
// when the run is complete, and the context's cause when it was interrupted, after saving a checkpoint.
func Pretrain(ctx context.Context, e *config.Experiment, opt Options) error {
	return torch.OnThread(e.Run.Threads, func() error {
		r := &run{e: e, opt: opt}
		defer r.close()
		return r.pretrain(ctx)
	})
}

func (r *run) pretrain(ctx context.Context) error {
	if err := r.validate(); err != nil {
		return err
	}
	if err := r.openFolder(); err != nil {
		return err
	}
	if done, err := r.complete(); done || err != nil {
		return err
	}
	for _, prepare := range []func(context.Context) error{
		r.checkMachine, r.openSource, r.buildSystem, r.resume, r.checkLoader, r.refuseDeadEnd,
	} {
		if err := prepare(ctx); err != nil {
			return err
		}
	}
	if r.state.Step >= r.plan.Steps {
		return r.sayComplete(r.state, r.plan.Steps)
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	return r.train(ctx)
}

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.opt.Out, format+"\n", args...) }

func (r *run) warn(problems []config.Problem) {
	for _, p := range problems {
		r.say("warning: %v", p)
	}
}

func (r *run) validate() error {
	warnings, err := r.e.Validate(config.Pretrain)
	r.warn(warnings)
	return err
}

// checkMachine refuses what this machine cannot do.
func (r *run) checkMachine(context.Context) (err error) {
	if err = inputs.CheckMemory(r.e, 1); err != nil {
		return err
	}
	if r.dev, err = torch.ParseDevice(r.e.Run.Device); err != nil {
		return fmt.Errorf("run.device: %w", err)
	}
	return nil
}

func (r *run) openSource(ctx context.Context) (err error) {
	if r.e.Data.Refresh.Value > 0 {
		err = r.openFirst(ctx)
	} else if err = r.e.CheckData(config.Pretrain); err == nil {
		r.source, err = data.OpenContext(ctx, inputs.Spec(r.e.Data))
	}
	if err != nil {
		return err
	}
	if said := data.ListingOf(r.source).String(); said != "" {
		r.say("data.source: %s", said)
	}
	if r.sampler, err = inputs.Order(r.source, r.e.Data, r.e.Optim.Batch, r.e.Run.Seed); err != nil {
		return err
	}
	plan, warnings, err := r.e.Resolve(r.sampler.Len(), 1)
	if err != nil {
		return err
	}
	r.warn(warnings)
	r.plan = plan
	r.schedule, r.plateau, err = plan.Schedule()
	return err
}

// openFirst opens the list that the run began with, which only the run folder knows.
func (r *run) openFirst(ctx context.Context) (err error) {
	r.refresh = &data.Refresh{
		Source: inputs.Spec(r.e.Data), Dir: r.folder.Path("snapshots"), Report: r.sayRefreshed,
		Sampler: func(src data.Source, seed uint64) (*sampler.Sampler, error) {
			return inputs.Order(src, r.e.Data, r.e.Optim.Batch, seed)
		},
	}
	if r.first, err = data.OpenFirst(ctx, *r.refresh, r.stagingFolder); err == nil {
		r.source = r.first.Source
	}
	return err
}

// stagingFolder is where the first list waits until the start takes effect. A start that is refused removes it.
func (r *run) stagingFolder() (dir string, err error) {
	if err := r.folder.Make(); err != nil {
		return "", err
	}
	return r.folder.Staging("snapshots")
}

func (r *run) sayRefreshed(s data.Snapshot) {
	if r.progress != nil {
		r.progress.clear()
	}
	switch {
	case s.Err != nil:
		r.say("warning: step %d: data.source could not be listed anew, so its last list goes on: %v", s.FirstStep, s.Err)
	case s.Changed:
		r.say("Step %d: a new list of data.source, %d images, serves until step %d", s.FirstStep, s.Images, s.EndStep)
	}
}

func (r *run) openFolder() (err error) {
	r.folder, err = openFolder(r.e, r.opt.From, r.opt.Out)
	return err
}

func (r *run) buildSystem(context.Context) error {
	system, err := NewSystem(r.e, r.plan, r.dev)
	if err != nil {
		return err
	}
	channelsLast, err := r.chooseLayout(system)
	if err != nil {
		return err
	}
	r.trainer, err = NewTrainer(system, r.e, r.plan, r.dev, channelsLast)
	r.collapse = swav.CollapseDetector{K: int64(r.e.SwAV.Prototypes), Window: collapseWindow(r.plan.Steps)}
	return err
}

// collapseWindow is how many steps at ln K are too many: a twentieth of the run, at least a hundred.
func collapseWindow(steps int64) int64 { return max(100, steps/20) }

// chooseLayout follows run.channels_last. A measured choice is kept in the run folder before the first step, because
// layouts round differently: a run that starts again must not choose again.
func (r *run) chooseLayout(system *swav.SwAV) (bool, error) {
	switch r.e.Run.ChannelsLast {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	if on, known, err := r.folder.layout(); known || err != nil {
		return on, err
	}
	on, report, err := fasterLayout(system, r.e, r.dev)
	if err != nil {
		return false, err
	}
	r.say("Memory layout: %s", report)
	r.folder.keepLayout(on)
	return on, nil
}

// resume continues the newest complete checkpoint, if there is one.
func (r *run) resume(context.Context) error {
	r.state = State{Source: data.Fingerprint(r.source), ChannelsLast: r.trainer.ChannelsLast}
	found, err := r.folder.load(r.trainer, &r.state)
	if err != nil || !found {
		return err
	}
	if fp := data.Fingerprint(r.source); fp != r.state.Source && r.refresh == nil {
		r.say("warning: data.source has changed since step %d: the order of its images continues, their content differs", r.state.Step)
		r.state.Source = fp
	}
	if r.state.ChannelsLast != r.trainer.ChannelsLast {
		nn.SetChannelsLast(r.trainer.System, r.trainer.ChannelsLast)
		r.say("warning: run.channels_last has changed since step %d: the run goes on, but not bit for bit", r.state.Step)
		r.state.ChannelsLast = r.trainer.ChannelsLast
	}
	if r.plateau != nil && r.state.Plateau != nil {
		r.plateau.Restore(*r.state.Plateau)
	}
	r.collapse.At = r.state.AtLnK
	if err := torch.SetRNGState(torch.CPU, r.state.CPURandom); err != nil {
		return fmt.Errorf("restoring the random state: %w", err)
	}
	if r.dev.Type == torch.CUDAType && len(r.state.DeviceRandom) > 0 {
		if err := torch.SetRNGState(r.dev, r.state.DeviceRandom); err != nil {
			return fmt.Errorf("restoring the random state of %v: %w", r.dev, err)
		}
	}
	r.say("Continuing at step %d of %d from %s", r.state.Step, r.plan.Steps, r.folder.latest())
	return nil
}

// checkLoader refuses what the loader would refuse.
func (r *run) checkLoader(context.Context) error {
	opt := r.loaderOptions()
	opt.Source, opt.Sampler = r.source, r.sampler
	if r.refresh == nil {
		return opt.Check()
	}
	opt.StartPosition = 0
	return errors.Join(opt.Check(), r.refresh.Check(r.state.Step, int64(r.plan.Batch)))
}

func (r *run) loaderOptions() data.Options {
	return data.Options{
		Spec:   r.e.Views(),
		Decode: jpeg.Options{Orient: r.e.Data.EXIFOrientation}, Seed: r.e.Run.Seed,
		Batch: r.plan.BatchPerRank, StartStep: r.state.Step, StartPosition: r.state.Position, Steps: r.plan.Steps,
		Workers: r.e.Data.Workers, Prefetch: r.e.Data.Prefetch, MaxBadFraction: inputs.BadFraction(r.e.Data.MaxBadFraction),
	}
}

// begin makes the start take effect: nothing is refused any more.
func (r *run) begin(ctx context.Context) (err error) {
	if err := r.folder.begin(r.opt.Version); err != nil {
		return err
	}
	if err := r.folder.forgetEnd(); err != nil {
		return err
	}
	opt := r.loaderOptions()
	opt.BadLog = r.folder.badImages()
	if r.refresh != nil {
		if err := r.first.Keep(); err != nil {
			return err
		}
		r.refresh.EverySteps = r.plan.RefreshEvery
		opt.StartPosition = 0
		r.loader, err = opened(data.NewStream(ctx, opt, *r.refresh))
		return err
	}
	opt.Source, opt.Sampler = r.source, r.sampler
	r.loader, err = opened(data.NewLoader(ctx, opt))
	return err
}

// opened keeps a nil pointer out of the interface.
func opened[L loader](l L, err error) (loader, error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (r *run) close() {
	if r.loader != nil {
		r.loader.Close()
	}
	if r.trainer != nil {
		r.trainer.Close()
	}
	if r.source != nil {
		r.source.Close()
	}
	if r.folder != nil {
		r.folder.close()
	}
}

// describe introduces the run before its first step.
func (r *run) describe() {
	system := r.trainer.System
	r.say("Pretraining %s: trunk %.2f M parameters, width %d; head and prototypes %.2f M; on %v in %s",
		r.e.Model.Arch, millions(system.Trunk), system.Trunk.Width(), millions(system.Head)+millions(system.Prototypes),
		r.dev, r.e.Run.Precision)
	var crops []string
	for _, c := range r.e.Crops {
		crops = append(crops, fmt.Sprintf("%dx%d", c.Count, c.Size))
	}
	r.say("%d images, crops %s, batch %d, %d steps (%.2f epochs), peak learning rate %.4g; run folder %s",
		r.plan.Images, strings.Join(crops, "+"), r.plan.Batch, r.plan.Steps, r.plan.Epochs, r.plan.PeakLR, r.e.Run.Dir)
}

func millions(w nn.Walker) float64 { return float64(nn.CountParameters(w)) / 1e6 }
