// SPDX-License-Identifier: MIT

package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"seer/config"
	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/refresh"
	"seer/data/sampler"
	"seer/data/source"
	"seer/inputs"
	"seer/internal/cpus"
	"seer/mesh"
	"seer/runfolder"
	"seer/train"
)

// Images are the source of a run, the order in which it is seen, and the loader that makes views of it.
type Images struct {
	Source  source.Source // with data.refresh the list that the run began with
	Sampler *sampler.Sampler
	Loader  Loader // once started

	// Views and View, if set, are in place of the experiment's crops: see [loader.BatchOptions]. The crops are in the batches
	// then.
	Views augment.MultiCrop
	View  func(pass uint64, index int64, width, height int) augment.Crop

	launch  *Launch
	order   Order
	refresh *refresh.Policy // nil without data.refresh
	first   *refresh.First  // likewise
}

// Order decides in which order the images of a source are seen, given a seed.
type Order func(src source.Source, seed uint64) (*sampler.Sampler, error)

// Order is that of [data]: the subset, shuffled as a whole or in windows.
func (l *Launch) Order(src source.Source, seed uint64) (*sampler.Sampler, error) {
	return inputs.Order(src, l.Experiment.Data, l.Experiment.Optim.Batch, seed)
}

// OpenImages opens the source of [data], with a class for every image if labels is set.
func (l *Launch) OpenImages(ctx context.Context, labels bool, order Order) (*Images, error) {
	e, r := l.Experiment, &Images{launch: l, order: order}
	if e.Data.Refresh.Value > 0 && l.Mesh != nil {
		return nil, fmt.Errorf("data.refresh = %v: lists that change are for runs of one process, and this one has %d; leave it out", e.Data.Refresh, l.Mesh.Size())
	}
	spec := inputs.Location(e.Data)
	spec.Labels = spec.Labels || labels
	var err error
	switch {
	case slices.Contains(config.Layouts, e.Data.Kind):
		r.Source, err = inputs.Labelled(ctx, e.Data, e.Data.Source, e.Data.Kind, false)
	case e.Data.Refresh.Value > 0:
		err = r.openFirst(ctx, spec)
	default:
		r.Source, err = source.OpenContext(ctx, spec)
	}
	if err != nil {
		return nil, err
	}
	if said := source.ListingOf(r.Source).String(); said != "" {
		l.Say("data.source: %s", said)
	}
	if r.Sampler, err = order(r.Source, l.seed()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.sameEverywhere(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// sameEverywhere refuses a source that is not the one of rank 0: the processes would take their parts of other batches.
func (r *Images) sameEverywhere() error {
	own := source.Fingerprint(r.Source)
	first, err := r.launch.Mesh.Lead(func() (string, error) { return own, nil })
	if err != nil || own == first {
		return err
	}
	return fmt.Errorf("data.source: %v finds other images than rank 0 (%s there, %s here): all machines must see the same files under the same names",
		r.launch.Mesh.At(), first, own)
}

// openFirst opens the list that the run began with, which only the run folder knows.
func (r *Images) openFirst(ctx context.Context, spec source.Location) (err error) {
	r.refresh = &refresh.Policy{
		Source: spec, Dir: r.launch.Folder.Path("snapshots"), Report: r.sayRefreshed, Sampler: r.order,
	}
	if r.first, err = refresh.OpenFirst(ctx, *r.refresh, r.stagingFolder); err == nil {
		r.Source = r.first.Source
	}
	return err
}

// stagingFolder is where the first list waits until the start takes effect. A start that is refused removes it.
func (r *Images) stagingFolder() (dir string, err error) {
	if err := r.launch.Folder.Make(); err != nil {
		return "", err
	}
	return r.launch.Folder.Staging("snapshots")
}

func (r *Images) sayRefreshed(s refresh.Snapshot) {
	switch {
	case s.Err != nil:
		r.launch.Say("warning: step %d: data.source could not be listed anew, so its last list goes on: %v", s.FirstStep, s.Err)
	case s.Changed:
		r.launch.Say("Step %d: a new list of data.source, %d images, serves until step %d", s.FirstStep, s.Images, s.EndStep)
	}
}

// check refuses what the loader would refuse of a program.
func (r *Images) check(p *train.Program, plan *config.Resolved) error {
	opt := r.options(p, plan)
	opt.Source, opt.Sampler = r.Source, r.Sampler
	if r.refresh == nil {
		return opt.Check()
	}
	opt.StartPosition = 0
	return errors.Join(opt.Check(), r.refresh.Check(p.Clock.Step, int64(plan.Batch)))
}

func (r *Images) options(p *train.Program, plan *config.Resolved) loader.BatchOptions {
	e := r.launch.Experiment
	views := e.Views()
	if r.View != nil {
		views = r.Views
	}
	return loader.BatchOptions{
		Crops: views, View: r.View, KeepCrops: r.View != nil,
		Decode: jpeg.DecodeOptions{Orient: e.Data.EXIFOrientation}, Seed: r.launch.seed(),
		Batch: plan.BatchPerRank, Rank: r.launch.Mesh.At().Rank, World: r.launch.Mesh.Size(), StartStep: p.Clock.Step, StartPosition: p.Clock.Position, Steps: plan.Steps,
		Workers: workers(e.Data.Workers, r.launch.Mesh.At()), Prefetch: e.Data.Prefetch, MaxBadFraction: inputs.BadFraction(e.Data.MaxBadFraction),
	}
}

// workers of data.workers: where it leaves that open, the processes of a machine share its CPUs.
func workers(asked int, p mesh.Place) int {
	if asked > 0 || p.LocalWorld <= 1 {
		return asked
	}
	return max(cpus.Workers().N/p.LocalWorld, 1)
}

// Start begins to load for a program; the start has taken effect.
func (r *Images) Start(ctx context.Context, p *train.Program, plan *config.Resolved) (err error) {
	opt := r.options(p, plan)
	opt.BadLog = r.launch.badImages()
	if r.refresh != nil {
		if err := r.first.Keep(); err != nil {
			return err
		}
		r.refresh.EverySteps = plan.RefreshEvery
		opt.StartPosition = 0
		r.Loader, err = opened(refresh.NewStream(ctx, opt, *r.refresh))
		return err
	}
	opt.Source, opt.Sampler = r.Source, r.Sampler
	r.Loader, err = opened(loader.New(ctx, opt))
	return err
}

// Attach gives a program what belongs to its images: figures of the loader, advice, what must survive a restart.
func (r *Images) Attach(p *train.Program) {
	p.Start = source.Fingerprint(r.Source) + " " + r.launch.Version
	p.Counts = func() []train.Metric {
		return []train.Metric{{Name: "bad_images", Value: float64(r.Loader.Stats().Replaced())}} // by this process so far
	}
	p.SlowLoader = func() string {
		return fmt.Sprintf("the slowest stage of the loader is %s. Raise data.workers, or give the loader faster storage or smaller images", r.Loader.Stats().Slowest())
	}
	p.Hooks = append(p.Hooks, train.Hook{Name: "cache", Every: 1, Run: (&cacheWatch{Launch: r.launch}).observe})
	p.Parts = append(p.Parts, sourcePart{r})
}

// SayCache tells what the cache of far shards was good for.
func (r *Images) SayCache() {
	if s := inputs.Location(r.launch.Experiment.Data).Cache.Stats(); s.Hits+s.Misses > 0 {
		r.launch.Say("Cache: %v", s)
	}
}

// Close ends the loader and closes the source.
func (r *Images) Close() error {
	var err error
	if r.Loader != nil {
		err = r.Loader.Close()
	}
	return errors.Join(err, r.Source.Close())
}

// opened keeps a nil pointer out of the interface.
func opened[L Loader](l L, err error) (Loader, error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

// sourcePart is the fingerprint of what the run has seen: another one is told.
type sourcePart struct{ *Images }

// Name implements runfolder.Part.
func (sourcePart) Name() string { return "source" }

// Save implements runfolder.Part.
func (p sourcePart) Save(s *runfolder.Shard) error {
	if stream, ok := p.Loader.(*refresh.Stream); ok {
		return s.Put(stream.Fingerprint())
	}
	return s.Put(source.Fingerprint(p.Source))
}

// Load implements runfolder.Part.
func (p sourcePart) Load(s *runfolder.Shard) error {
	var before string
	found, err := s.Get(&before)
	if err != nil || !found {
		return err
	}
	if p.refresh == nil && before != source.Fingerprint(p.Source) {
		p.launch.Say("warning: data.source has changed since step %d: the order of its images continues, their content differs", p.launch.Newest.Step)
	}
	return nil
}
