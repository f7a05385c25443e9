// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"errors"

	"seer/config"
	"seer/data"
	"seer/data/jpeg"
	"seer/data/sampler"
	"seer/inputs"
	"seer/runfolder"
)

// images are the source of a run and the order in which it is seen.
type images struct {
	source  data.Source      // with data.refresh the list that the run began with
	refresh *data.Refresh    // nil without data.refresh
	first   *data.First      // likewise
	sampler *sampler.Sampler // of source
}

func (r *run) openSource(ctx context.Context) (err error) {
	e := r.Experiment
	if e.Data.Refresh.Value > 0 {
		err = r.openFirst(ctx)
	} else if err = e.CheckData(config.Pretrain); err == nil {
		r.source, err = data.OpenContext(ctx, inputs.Spec(e.Data))
	}
	if err != nil {
		return err
	}
	if said := data.ListingOf(r.source).String(); said != "" {
		r.Say("data.source: %s", said)
	}
	if r.sampler, err = inputs.Order(r.source, e.Data, e.Optim.Batch, e.Run.Seed); err != nil {
		return err
	}
	plan, warnings, err := e.Resolve(r.sampler.Len(), 1)
	if err != nil {
		return err
	}
	r.Warn(warnings)
	r.plan = plan
	return nil
}

// openFirst opens the list that the run began with, which only the run folder knows.
func (r *run) openFirst(ctx context.Context) (err error) {
	e := r.Experiment
	r.refresh = &data.Refresh{
		Source: inputs.Spec(e.Data), Dir: r.Folder.Path("snapshots"), Report: r.sayRefreshed,
		Sampler: func(src data.Source, seed uint64) (*sampler.Sampler, error) {
			return inputs.Order(src, e.Data, e.Optim.Batch, seed)
		},
	}
	if r.first, err = data.OpenFirst(ctx, *r.refresh, r.stagingFolder); err == nil {
		r.source = r.first.Source
	}
	return err
}

// stagingFolder is where the first list waits until the start takes effect. A start that is refused removes it.
func (r *run) stagingFolder() (dir string, err error) {
	if err := r.Folder.Make(); err != nil {
		return "", err
	}
	return r.Folder.Staging("snapshots")
}

func (r *run) sayRefreshed(s data.Snapshot) {
	switch {
	case s.Err != nil:
		r.Say("warning: step %d: data.source could not be listed anew, so its last list goes on: %v", s.FirstStep, s.Err)
	case s.Changed:
		r.Say("Step %d: a new list of data.source, %d images, serves until step %d", s.FirstStep, s.Images, s.EndStep)
	}
}

// checkLoader refuses what the loader would refuse.
func (r *run) checkLoader() error {
	opt := r.loaderOptions()
	opt.Source, opt.Sampler = r.source, r.sampler
	if r.refresh == nil {
		return opt.Check()
	}
	opt.StartPosition = 0
	return errors.Join(opt.Check(), r.refresh.Check(r.program.Clock.Step, int64(r.plan.Batch)))
}

func (r *run) loaderOptions() data.Options {
	e, clock := r.Experiment, r.program.Clock
	return data.Options{
		Spec:   e.Views(),
		Decode: jpeg.Options{Orient: e.Data.EXIFOrientation}, Seed: e.Run.Seed,
		Batch: r.plan.BatchPerRank, StartStep: clock.Step, StartPosition: clock.Position, Steps: r.plan.Steps,
		Workers: e.Data.Workers, Prefetch: e.Data.Prefetch, MaxBadFraction: inputs.BadFraction(e.Data.MaxBadFraction),
	}
}

// startLoader begins to load; the start has taken effect.
func (r *run) startLoader(ctx context.Context) (err error) {
	opt := r.loaderOptions()
	opt.BadLog = r.BadImages()
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

// sourcePart is the fingerprint of what the run has seen: another one is told.
type sourcePart struct{ *run }

// Name implements runfolder.Part.
func (sourcePart) Name() string { return "source" }

// Save implements runfolder.Part.
func (p sourcePart) Save(s *runfolder.Shard) error {
	if stream, ok := p.loader.(*data.Stream); ok {
		return s.Put(stream.Fingerprint())
	}
	return s.Put(data.Fingerprint(p.source))
}

// Load implements runfolder.Part.
func (p sourcePart) Load(s *runfolder.Shard) error {
	var before string
	found, err := s.Get(&before)
	if err != nil || !found {
		return err
	}
	if p.refresh == nil && before != data.Fingerprint(p.source) {
		p.Say("warning: data.source has changed since step %d: the order of its images continues, their content differs", p.Newest.Step)
	}
	return nil
}
