// SPDX-License-Identifier: MIT

package refresh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
)

// Policy says how a [Stream] follows a source that changes while it is read.
type Policy struct {
	// Source is listed anew for every snapshot: a folder, a list, tar shards,
	// or an index that others replace.
	Source source.Location
	// Dir keeps the snapshots of the run; ranks share it.
	Dir string
	// EverySteps is the number of steps between snapshots; 0 takes one for
	// every epoch.
	EverySteps int64
	// Sampler makes the sampler of a snapshot; nil samples all of it.
	Sampler func(src source.Source, seed uint64) (*sampler.Sampler, error)
	// Keep is the number of snapshots to keep, 0 for all. A run can only be
	// resumed at a step whose snapshot is still there.
	Keep int
	// Report is told of every snapshot that is taken, by the goroutine that
	// calls Next.
	Report func(Snapshot)
}

// Snapshot is the list of images that serves a stretch of steps.
type Snapshot struct {
	FirstStep, EndStep int64
	Images             int64
	Fingerprint        string
	Changed            bool // since the snapshot before
	// Err says why the source could not be listed; the snapshot before goes on.
	Err error
}

// A Stream is a [loader.Loader] over a source that changes: new files in a folder,
// say. A list that is taken once stays as it is for an epoch or a number of
// steps, then the source is listed again. Which list served which step is on
// disk, so that a resumed run, also one that goes back to an older checkpoint,
// sees the same images in the same order as before.
//
// Rank 0 takes the snapshots; the other ranks wait for them in the folder that
// all share.
type Stream struct {
	opt   loader.BatchOptions
	ref   Policy
	snaps snapshots

	ctx    context.Context
	cancel context.CancelFunc
	seg    segment
	src    source.Source
	loader *loader.Loader
	past   loader.Stats // of loaders that are closed

	taking chan taken // the next snapshot, being taken in the background
	err    error
}

type taken struct {
	fingerprint string
	err         error
}

// NewStream opens the snapshot that serves opt.StartStep, or takes the first
// one. opt's Source, Sampler, Epochs and Sequential are of no use here, and the
// global batch must stay the same for the whole run.
func NewStream(ctx context.Context, opt loader.BatchOptions, ref Policy) (*Stream, error) {
	if opt.Source != nil || opt.Sampler != nil || opt.Epochs != 0 || opt.Sequential || opt.StartPosition != 0 {
		return nil, fmt.Errorf("data: a stream makes source and sampler itself and ends by steps; leave source, sampler, epochs, sequential and start position empty")
	}
	if ref.EverySteps < 0 || ref.Dir == "" {
		return nil, fmt.Errorf("data: a stream with snapshots every %d steps in folder %q; steps from 0 and a folder are needed", ref.EverySteps, ref.Dir)
	}
	if ref.Sampler == nil {
		ref.Sampler = func(src source.Source, seed uint64) (*sampler.Sampler, error) {
			return sampler.New(src.Len(), seed), nil
		}
	}
	opt.Pool = loader.NewPool(opt)
	s := &Stream{opt: opt, ref: ref, snaps: snapshots{dir: ref.Dir, images: ref.Source}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if err := s.find(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Check refuses what a stream refuses that continues at a step with a global batch
// of so many images. It changes nothing.
func (ref Policy) Check(step, globalBatch int64) error {
	seg, _, err := ref.find(step)
	if err != nil {
		return err
	}
	return ref.sameBatch(seg, globalBatch)
}

// find walks along the segments of the run to the one of a step. It is new where
// the next number has to begin there: the first segment of a run, or the one that
// a run which ended with a segment goes on with; seg is then the one before.
func (ref Policy) find(step int64) (seg segment, isNew bool, err error) {
	snaps := snapshots{dir: ref.Dir, images: ref.Source}
	for number := int64(0); ; number++ {
		next, ok, err := snaps.load(number)
		switch {
		case err != nil:
			return seg, false, err
		case !ok && step == seg.EndStep:
			return seg, true, nil
		case !ok:
			return seg, false, fmt.Errorf("data: the snapshots in %s serve the steps up to %d, and the run continues at %d: bring the folder back, or start anew", ref.Dir, seg.EndStep, step)
		case step < next.EndStep:
			return next, false, nil
		}
		seg = next
	}
}

func (ref Policy) sameBatch(seg segment, globalBatch int64) error {
	if seg.GlobalBatch == globalBatch || seg.EndStep == 0 { // none yet
		return nil
	}
	return fmt.Errorf("data: the global batch is %d, and was %d when the snapshots in %s were taken: it cannot change in a run that refreshes its data", globalBatch, seg.GlobalBatch, ref.Dir)
}

// find goes to the segment of the start step.
func (s *Stream) find(ctx context.Context) error {
	seg, isNew, err := s.ref.find(s.opt.StartStep)
	if err != nil {
		return err
	}
	s.seg = seg
	switch {
	case !isNew:
		return s.begin(seg)
	case seg.EndStep == 0:
		return s.advance(ctx, 0)
	}
	return s.advance(ctx, seg.Number+1)
}

// advance goes to a segment: the one on disk, which a run that was set back
// has left, or a new one.
func (s *Stream) advance(ctx context.Context, number int64) error {
	seg, ok, err := s.snaps.load(number)
	switch {
	case err != nil:
		return err
	case ok:
	case s.opt.Rank > 0:
		if seg, err = s.snaps.wait(ctx, number); err != nil {
			return err
		}
	default:
		if seg, err = s.create(ctx, number); err != nil {
			return err
		}
	}
	return s.begin(seg)
}

// create takes a snapshot, or collects the one taken in the background, and
// writes down the segment that it serves.
func (s *Stream) create(ctx context.Context, number int64) (segment, error) {
	t, err := s.list(ctx, number)
	if err != nil {
		return segment{}, err
	}
	seg := segment{Number: number, Snapshot: t.fingerprint, GlobalBatch: s.globalBatch()}
	if number > 0 {
		begun, err := s.epochs()
		if err != nil {
			return segment{}, err
		}
		seg.FirstStep, seg.FirstEpoch = s.seg.EndStep, s.seg.FirstEpoch+begun
		if t.err != nil {
			seg.Snapshot = s.seg.Snapshot // a source that is away for a while
		}
	}
	n, err := s.size(seg)
	if err != nil {
		return segment{}, err
	}
	seg.EndStep = seg.FirstStep + s.length(n)
	if s.ref.Report != nil {
		s.ref.Report(Snapshot{seg.FirstStep, seg.EndStep, n, seg.Snapshot, seg.Snapshot != s.seg.Snapshot, t.err})
	}
	if err := s.snaps.store(seg); err != nil {
		return segment{}, err
	}
	return seg, s.snaps.prune(number, s.ref.Keep)
}

// list is the snapshot for a segment: for the first the one that [First.Keep] has
// written down, if it has.
func (s *Stream) list(ctx context.Context, number int64) (taken, error) {
	if number == 0 {
		fingerprint, known, err := s.snaps.first()
		if known || err != nil {
			return taken{fingerprint: fingerprint}, err
		}
	}
	t, err := s.snapshot(ctx)
	if err == nil && number == 0 {
		err = t.err // there is no list before it that could go on
	}
	return t, err
}

// snapshot returns the list taken in the background, or takes one now. Its own
// error is that of a context.
func (s *Stream) snapshot(ctx context.Context) (t taken, err error) {
	if s.taking == nil {
		s.take(ctx)
	}
	select {
	case t = <-s.taking:
		s.taking = nil
	case <-ctx.Done():
	}
	for _, c := range []context.Context{ctx, s.ctx} {
		if c.Err() != nil {
			return t, context.Cause(c)
		}
	}
	return t, nil
}

// take begins to list the source.
func (s *Stream) take(ctx context.Context) {
	ch := make(chan taken, 1)
	s.taking = ch
	go func() {
		fingerprint, err := s.snaps.take(ctx)
		ch <- taken{fingerprint, err}
	}()
}

// size returns the number of images in an epoch of a segment.
func (s *Stream) size(seg segment) (int64, error) {
	src, err := s.snaps.open(seg)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	sm, err := s.ref.Sampler(src, s.opt.Seed)
	if err != nil {
		return 0, err
	}
	return sm.Len(), nil
}

// length returns the steps of a segment with n images in an epoch. Where an
// epoch does not fill its last batch, that one runs on into the next epoch of
// the same snapshot, or is left out.
func (s *Stream) length(n int64) int64 {
	switch {
	case s.ref.EverySteps > 0:
		return s.ref.EverySteps
	case s.opt.DropLast:
		return max(n/s.globalBatch(), 1)
	}
	return ceilDiv(n, s.globalBatch())
}

// epochs returns how many epochs the present segment has begun: the numbers of
// the next one's start behind them, for their orders to differ.
func (s *Stream) epochs() (uint64, error) {
	n, err := s.size(s.seg)
	if err != nil {
		return 0, err
	}
	steps := s.seg.EndStep - s.seg.FirstStep
	if s.opt.DropLast {
		return uint64(ceilDiv(steps, max(n/s.globalBatch(), 1))), nil
	}
	return uint64(ceilDiv(steps*s.globalBatch(), n)), nil
}

func (s *Stream) globalBatch() int64 {
	return int64(s.opt.Batch) * int64(max(s.opt.World, 1))
}

// begin opens a segment and its loader.
func (s *Stream) begin(seg segment) error {
	if err := s.ref.sameBatch(seg, s.globalBatch()); err != nil {
		return err
	}
	src, err := s.snaps.open(seg)
	if err != nil {
		return err
	}
	if s.src != nil {
		s.src.Close()
	}
	s.seg, s.src = seg, src
	opt := s.opt
	opt.Source, opt.Origin = src, loader.Origin{Step: seg.FirstStep, Epoch: seg.FirstEpoch}
	opt.StartStep = max(opt.StartStep, seg.FirstStep)
	opt.Steps = min(cmpOrMax(s.opt.Steps), seg.EndStep)
	if opt.Sampler, err = s.ref.Sampler(src, opt.Seed); err != nil {
		return err
	}
	next, err := loader.New(s.ctx, opt)
	if err != nil {
		return err
	}
	s.past, s.loader = s.Stats(), next
	return nil
}

// cmpOrMax reads 0 as no bound.
func cmpOrMax(steps int64) int64 {
	if steps == 0 {
		return math.MaxInt64
	}
	return steps
}

// Next returns the next batch, as Loader.Next does.
func (s *Stream) Next(ctx context.Context) (*loader.Batch, error) {
	for s.err == nil {
		b, err := s.loader.Next(ctx)
		if err == nil {
			s.prepare(b.Step)
			return b, nil
		}
		if err != io.EOF || s.seg.EndStep >= cmpOrMax(s.opt.Steps) {
			return nil, err
		}
		if err := s.turn(ctx); err != nil {
			s.err = err
		}
	}
	return nil, s.err
}

// turn goes on to the next segment.
func (s *Stream) turn(ctx context.Context) error {
	if err := s.loader.Close(); err != nil {
		return err
	}
	return s.advance(ctx, s.seg.Number+1)
}

// prepare begins to list the source when nine tenths of a segment are done, so
// that the turn does not have to wait for it.
func (s *Stream) prepare(step int64) {
	done, all := step+1-s.seg.FirstStep, s.seg.EndStep-s.seg.FirstStep
	if s.opt.Rank > 0 || s.taking != nil || done*10 < all*9 || s.seg.EndStep >= cmpOrMax(s.opt.Steps) {
		return
	}
	if _, ok, _ := s.snaps.load(s.seg.Number + 1); ok {
		return // left by a run that was set back
	}
	s.take(s.ctx)
}

// Fingerprint identifies the list that the last batch came from: a checkpoint
// of that step should hold it.
func (s *Stream) Fingerprint() string { return s.seg.Snapshot }

// Source returns the present snapshot. It is closed when the next one begins.
func (s *Stream) Source() source.Source { return s.src }

// Stats adds up the counts of all segments so far.
func (s *Stream) Stats() loader.Stats {
	if s.loader == nil {
		return s.past
	}
	return s.past.Plus(s.loader.Stats())
}

// Close stops everything, as Loader.Close does.
func (s *Stream) Close() error {
	s.cancel()
	if s.err == nil {
		s.err = loader.ErrClosed
	}
	var err error
	if s.loader != nil {
		err = s.loader.Close()
	}
	if s.taking != nil {
		select {
		case <-s.taking: // listing ends with the context
		case <-time.After(loader.CloseGrace):
		}
		s.taking = nil
	}
	if err == nil {
		s.opt.Pool.Close()
	}
	if s.src != nil && err == nil { // a worker left behind may still read
		err = errors.Join(err, s.src.Close())
		s.src = nil
	}
	return err
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
