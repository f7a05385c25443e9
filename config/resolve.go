// SPDX-License-Identifier: MIT

package config

import (
	"fmt"
	"math"
	"slices"

	"seer/optim/rules"
	"seer/optim/schedule"
)

// Resolved is an experiment in steps: what a trainer works from. All learning rates in
// it are scaled by the batch already.
type Resolved struct {
	Images       int64   `json:"images"` // an epoch
	World        int     `json:"world"`  // processes
	Batch        int     `json:"batch"`  // images a step, all processes
	BatchPerRank int     `json:"batch_per_rank"`
	Steps        int64   `json:"steps"`  // of the whole run
	Epochs       float64 `json:"epochs"` // that these steps are

	LogEvery        int64 `json:"log_every"`
	CheckpointEvery int64 `json:"checkpoint_every"`
	KeepEvery       int64 `json:"keep_every"` // 0: never
	// RefreshEvery is the steps between two lists of the source; 0: never, or after
	// every pass over the list of the time (data.refresh = "1ep").
	RefreshEvery int64 `json:"refresh_every"`

	Kind          string  `json:"kind"` // of schedule
	PeakLR        float64 `json:"peak_lr"`
	WarmupStartLR float64 `json:"warmup_start_lr"`
	EndLR         float64 `json:"end_lr"`
	Warmup        int64   `json:"warmup"`
	Phase         string  `json:"phase"`
	Milestones    []int64 `json:"milestones,omitempty"`
	Gamma         float64 `json:"gamma"`
	Window        int64   `json:"window"`
	Factor        float64 `json:"factor"`
	Threshold     float64 `json:"threshold"`

	ValidateEvery int64 `json:"validate_every"` // steps, fine-tuning only
	ProbeEvery    int64 `json:"probe_every"`    // steps, pretraining only; 0: never

	QueueStart       int64        `json:"queue_start"`
	FreezePrototypes int64        `json:"freeze_prototypes"`
	Rules            []rules.Rule `json:"-"`
}

// resolver converts durations and collects what does not convert.
type resolver struct {
	checker
	scale Scale
}

func (r *resolver) steps(path string, d Duration) int64 {
	n, err := d.Steps(r.scale)
	if err != nil {
		r.refuse(true, path, d.String(), "%v", err)
	}
	return n
}

func (r *resolver) list(path string, ds []Duration) []int64 {
	var steps []int64
	for i, d := range ds {
		steps = append(steps, r.steps(entry(path, i), d))
	}
	r.refuse(!slices.IsSorted(steps), path, ds, "must ascend; they are steps %v", steps)
	return steps
}

// total resolves the length of the run first: percentages need it.
func (r *resolver) total(path string, d Duration) int64 {
	r.scale.Total = r.steps(path, d)
	return r.scale.Total
}

// ResolveFinetune is Resolve for fine-tuning, which has no prototypes and no queue.
func (e *Experiment) ResolveFinetune(images int64, world int) (*Resolved, []Problem, error) {
	labelled := *e
	labelled.SwAV.QueueStart, labelled.SwAV.FreezePrototypes = Duration{0, Steps}, Duration{0, Steps}
	return labelled.Resolve(images, world)
}

// Resolve converts a pretraining experiment to steps, given the number of images in
// the source and of processes, and scales the learning rate by the batch. Both
// happen here and nowhere else. The experiment itself stays as it is.
func (e *Experiment) Resolve(images int64, world int) (*Resolved, []Problem, error) {
	r := resolver{scale: Scale{Images: images, Batch: int64(e.Optim.Batch)}}
	r.world(e.Optim.Batch, images, world)
	if err := r.err(); err != nil {
		return nil, nil, err
	}
	peak := scaledLR(e.Optim.BaseLR, e.Optim.Scaling, e.Optim.Batch, e.Optim.BaseBatch)
	s := e.Schedule
	p := &Resolved{
		Images: images, World: world, Batch: e.Optim.Batch, BatchPerRank: e.Optim.Batch / world,
		Steps:    r.total("train.duration", e.Train.Duration),
		LogEvery: r.steps("run.log_every", e.Run.LogEvery), CheckpointEvery: r.steps("run.checkpoint_every", e.Run.CheckpointEvery),
		KeepEvery: r.steps("run.keep_every", e.Run.KeepEvery),
		Kind:      s.Kind, PeakLR: peak, WarmupStartLR: s.WarmupStart, EndLR: peak * s.EndFactor,
		Warmup: r.steps("schedule.warmup", s.Warmup), Phase: s.Phase, Milestones: r.list("schedule.milestones", s.Milestones), Gamma: s.Gamma,
		Window: r.steps("schedule.window", s.Window), Factor: s.Factor, Threshold: s.Threshold,
		ValidateEvery:    r.steps("finetune.validate_every", e.Finetune.ValidateEvery),
		ProbeEvery:       r.steps("probe.every", e.Probe.Every),
		QueueStart:       r.steps("swav.queue_start", e.SwAV.QueueStart),
		FreezePrototypes: r.steps("swav.freeze_prototypes", e.SwAV.FreezePrototypes),
		Rules:            r.rules(e.Optim.Rules),
	}
	if e.Data.Refresh != (Duration{1, Epochs}) {
		p.RefreshEvery = r.steps("data.refresh", e.Data.Refresh)
	}
	p.Epochs = float64(p.Steps) * float64(p.Batch) / float64(images)
	r.plan(p)
	return p, r.warnings, r.err()
}

// world checks what the data and the machine have to fit.
func (r *resolver) world(batch int, images int64, world int) {
	r.refuse(world < 1, "world", world, "must be at least one process")
	r.refuse(images < 1, "data.source", images, "holds no images")
	r.refuse(batch < 1 || world > 0 && batch%world != 0, "optim.batch", batch, "must be over 0 and divide by the %d processes", world)
}

// fewestInABatch are what assignments need to be spread over: with fewer images a batch has each several times, as other
// crops, and a smaller batch would not be better.
const fewestInABatch = 8

// plan checks what only shows in steps.
func (r *resolver) plan(p *Resolved) {
	r.refuse(p.Steps < 1, "train.duration", p.Steps, "is less than one step")
	r.refuse(p.Warmup > p.Steps, "schedule.warmup", p.Warmup, "is longer than the run of %d steps", p.Steps)
	r.doubt(p.Warmup > 0 && p.WarmupStartLR > p.PeakLR, "schedule.warmup_start", p.WarmupStartLR, "is over the peak rate of %g, so the rate falls during the warm-up", p.PeakLR)
	r.doubt(2*p.FreezePrototypes > p.Steps, "swav.freeze_prototypes", p.FreezePrototypes, "steps are most of the %d-step run; in short runs prototypes learn from the start: 0it", p.Steps)
	r.doubt(int64(p.Batch) > max(p.Images, fewestInABatch), "optim.batch", p.Batch, "is more than the %d images there are, so a batch holds some twice", p.Images)
}

func (r *resolver) rules(ruleset []Rule) []rules.Rule {
	var out []rules.Rule
	for i, rule := range ruleset {
		out = append(out, rule.rule(r.steps(entry("optim.rules", i)+".freeze_until", rule.FreezeUntil)))
	}
	return out
}

// rule is the resolved form, given FreezeUntil in steps.
func (r Rule) rule(until int64) rules.Rule {
	if r.Freeze {
		until = rules.Forever
	}
	return rules.Rule{Match: r.Match, LRMult: r.LRMult, WeightDecay: r.WeightDecay, Adapt: r.Adapt, FreezeUntil: until}
}

// scaledLR is the peak rate at a batch (Goyal et al., arXiv 1706.02677, for linear).
func scaledLR(base float64, scaling string, batch, baseBatch int) float64 {
	ratio := float64(batch) / float64(baseBatch)
	switch scaling {
	case "linear":
		return base * ratio
	case "sqrt":
		return base * math.Sqrt(ratio)
	}
	return base
}

// Schedule is the learning rate of every step. For the kind "plateau" the second
// result is the state to feed with losses and to save; it is nil for the others.
func (p *Resolved) Schedule() (schedule.Schedule, *schedule.Plateau, error) {
	var s schedule.Schedule
	switch p.Kind {
	case "cosine":
		return schedule.WarmupCosine(p.PeakLR, p.WarmupStartLR, p.EndLR, p.Warmup, p.Steps, schedule.Phase(p.Phase)), nil, nil
	case "constant":
		s = schedule.Constant(p.PeakLR)
	case "step":
		s = schedule.MultiStep{Peak: p.PeakLR, Gamma: p.Gamma, Milestones: p.Milestones}
	case "plateau":
		plateau, err := schedule.NewPlateau(p.PeakLR, p.Window, p.Factor, p.Threshold)
		if err != nil {
			return nil, nil, err
		}
		return schedule.WithWarmup(plateau, p.PeakLR, p.WarmupStartLR, p.Warmup), plateau, nil
	default:
		return nil, nil, fmt.Errorf("schedule.kind = %q: allowed are cosine, constant, step and plateau", p.Kind)
	}
	return schedule.WithWarmup(s, p.PeakLR, p.WarmupStartLR, p.Warmup), nil, nil
}

// LinearPlan is the linear probe in steps, its rates scaled by the batch.
type LinearPlan struct {
	Steps    int64
	PeakLR   float64           // of the first of several rates
	Schedule schedule.Schedule // likewise
	Heads    []LinearHead
}

// LinearHead is one classifier of the grid.
type LinearHead struct {
	Layer     int // its place in [Linear.Layers]
	BatchNorm bool
	BaseLR    float64
	Multiple  float64 // of the schedule's rate
}

// heads lists the grid, the rates innermost.
func (l Linear) heads() (all []LinearHead) {
	for layer := range l.Layers {
		for _, norm := range l.BatchNorm {
			for _, rate := range l.BaseLR {
				all = append(all, LinearHead{layer, norm, rate, rate / l.BaseLR[0]})
			}
		}
	}
	return all
}

// Resolve converts the probe to steps, given the number of training images.
func (l Linear) Resolve(images int64) (*LinearPlan, error) {
	r := resolver{scale: Scale{Images: images, Batch: int64(l.Batch)}}
	r.refuse(images < 1, "linear.train", images, "holds no images")
	r.atLeast("linear.batch", l.Batch, 1)
	r.grid(l)
	if err := r.err(); err != nil {
		return nil, err
	}
	p := &LinearPlan{PeakLR: scaledLR(l.BaseLR[0], "linear", l.Batch, 256), Steps: r.total("linear.duration", l.Duration), Heads: l.heads()}
	milestones := r.list("linear.milestones", l.Milestones)
	switch l.Schedule {
	case "step":
		p.Schedule = schedule.MultiStep{Peak: p.PeakLR, Gamma: l.Gamma, Milestones: milestones}
	case "cosine":
		p.Schedule = schedule.Cosine{Peak: p.PeakLR, Until: p.Steps}
	default:
		p.Schedule = schedule.Constant(p.PeakLR)
	}
	return p, r.err()
}
