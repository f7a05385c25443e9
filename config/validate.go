// SPDX-License-Identifier: MIT

package config

import (
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"seer/models/arch"
	regnet "seer/models/regnet/arch"
	"seer/models/sketch"
	"seer/optim/rules"
)

// Task is what an experiment is used for; it decides which sections count.
type Task string

const (
	Pretrain   Task = "pretrain"
	FineTuning Task = "finetune"
	Detection  Task = "detect"
	LinearEval Task = "linear-eval"
	KNNEval    Task = "knn"
	SVMEval    Task = "svm"
)

// Far over what any machine has or any run needs: these bound typing errors.
const (
	maxThreads = 4096
	maxBatch   = 1 << 24
	maxWidth   = 1 << 20 // channels
)

// deviceName is the form of run.device; whether the device exists shows where it is used.
var deviceName = regexp.MustCompile(`^(auto|cpu|cuda(:(0|[1-9][0-9]{0,3}))?)$`)

// customArch is the architecture whose parameters stand in the file.
const customArch = "regnet_y"

// Validate checks the sections that the task uses, without touching any file. The
// error is an *Invalid with every problem; warnings are values that are allowed but
// no published run would have.
func (e *Experiment) Validate(task Task) (warnings []Problem, err error) {
	var c checker
	c.finite("", reflect.ValueOf(*e))
	c.name(e.Name)
	c.run(e.Run)
	c.mesh(e.Mesh)
	c.cache(e.Data.Cache)
	c.memory(e.Memory)
	switch task {
	case Pretrain:
		c.data(e.Data)
		c.shuffle(e.Data, int64(e.Optim.Batch))
		c.model(e.Model)
		c.crops(e.Crops, e.Model)
		c.views(e.Crops, e.Augment)
		c.normalise(e.Augment)
		c.swav(e)
		c.optim(e.Optim)
		c.schedule(e.Schedule)
		c.train(e.Train)
		c.refuse(e.Train.Accumulate > 1, "train.accumulate", e.Train.Accumulate, "SwAV assigns the images of a whole batch together (Sinkhorn-Knopp), and "+
			"small batches one after the other would each be balanced by itself: use more processes, memory.checkpoint, or swav.queue_length, and leave it at 1")
		c.probe(e)
	case FineTuning:
		c.labelledData(e.Data)
		c.shuffle(e.Data, int64(e.Optim.Batch))
		if e.Model.Arch != "" { // otherwise that of the weights
			c.model(e.Model)
		}
		c.oneView(e.Crops, e.Model)
		c.views(e.Crops, e.Augment)
		c.normalise(e.Augment)
		c.optim(e.Optim)
		c.schedule(e.Schedule)
		c.train(e.Train)
		c.finetune(e.Finetune)
		c.refuse(e.Data.ShuffleWindow > 0 && e.Finetune.Sampling != "uniform", "finetune.sampling", e.Finetune.Sampling,
			"draws images in any order, and data.shuffle_window reads whole shards; leave one of them out")
	case Detection:
		c.data(e.Data)
		c.refuse(e.Data.Refresh.Value > 0, "data.refresh", e.Data.Refresh.String(), "annotations do not change while training goes on; leave it out")
		c.refuse(e.Data.ShuffleWindow > 0, "data.shuffle_window", e.Data.ShuffleWindow, "annotations name their images in any order; leave it out")
		c.refuse(e.Memory.Checkpoint == "auto", "memory.checkpoint", e.Memory.Checkpoint, "what the heads of a detector take depends on what they find; choose none, selective, blocks or stages")
		if e.Model.Arch != "" { // otherwise that of the weights
			c.model(e.Model)
		}
		c.probability("augment.flip", e.Augment.Flip)
		c.normalise(e.Augment)
		c.optim(e.Optim)
		c.schedule(e.Schedule)
		c.train(e.Train)
		c.refuse(e.Train.Accumulate > 1, "train.accumulate", e.Train.Accumulate, "the images of a batch differ in size and in what is on them: use more processes or memory.checkpoint, and leave it at 1")
		c.detect(e.Detect)
	case LinearEval:
		c.linear(e.Linear)
		c.urls(e.Data.URLs)
		c.normalise(e.Augment)
	case KNNEval:
		c.knn(e.KNN, e.Linear)
		c.urls(e.Data.URLs)
		c.normalise(e.Augment)
	case SVMEval:
		c.svm(e.SVM, e.Linear)
		c.urls(e.Data.URLs)
		c.normalise(e.Augment)
	default:
		c.refuse(true, "task", string(task), "allowed are pretrain, finetune, detect, linear-eval, knn and svm")
	}
	return c.warnings, c.err()
}

// Trunk describes the trunk: one of models/arch, or the RegNetY whose parameters stand in the file.
func (m Model) Trunk() (sketch.Network, error) {
	if m.Arch != customArch {
		return arch.Lookup(m.Arch)
	}
	p := regnet.Params{Depth: m.Depth, W0: m.W0, WA: m.WA, WM: m.WM, GroupWidth: m.GroupWidth}
	_, err := p.Stages()
	return p, err
}

// name names a folder, where run.dir does not: it stays within runs/.
func (c *checker) name(name string) {
	odd := filepath.IsAbs(name) || slices.Contains(strings.Split(name, "/"), "..") || strings.ContainsFunc(name, unicode.IsControl)
	c.refuse(odd, "name", name, "is part of a folder's name: leave out .., a slash at the beginning and control characters")
}

func (c *checker) run(r Run) {
	c.refuse(r.Dir == "", "run.dir", r.Dir, "a run needs a folder")
	c.place("run.dir", r.Dir)
	c.refuse(!deviceName.MatchString(r.Device), "run.device", r.Device, "allowed are auto, cpu, cuda and cuda:N, N from 0")
	c.oneOf("run.precision", r.Precision, "fp32", "bf16", "fp16")
	c.oneOf("run.on_nonfinite", r.OnNonfinite, "stop", "skip")
	c.within("run.rollbacks", r.Rollbacks, 0, 1000)
	c.within("run.max_skipped_steps", r.MaxSkippedSteps, 1, 1_000_000)
	c.oneOf("run.channels_last", r.ChannelsLast, "auto", "on", "off")
	c.within("run.threads", r.Threads, 0, maxThreads)
	c.atLeast("run.keep", r.Keep, 0)
	c.length("run.log_every", r.LogEvery)
	c.length("run.checkpoint_every", r.CheckpointEvery)
	c.doubt(r.Keep == 1, "run.keep", r.Keep, "nothing is left should the only checkpoint be damaged; 2 are safer")
	c.doubt(r.Device == "cpu" && r.Precision == "fp16", "run.precision", r.Precision, "is slow on a CPU; bf16 or fp32 are not")
}

func (c *checker) mesh(m Mesh) {
	c.atLeast("mesh.batch_norm_group", m.BatchNormGroup, 0)
	const day = 86400
	timeout := func(key string, wait float64) {
		c.refuse(!(wait >= 1 && wait <= day), key, wait, "must be 1 to %d", day)
	}
	timeout("mesh.first_timeout_seconds", m.FirstTimeoutSeconds)
	timeout("mesh.timeout_seconds", m.TimeoutSeconds)
}

func (c *checker) memory(m Memory) {
	c.oneOf("memory.checkpoint", m.Checkpoint, "none", "selective", "blocks", "stages", "auto")
	c.refuse(m.Checkpoint == "auto" && m.Budget == 0, "memory.budget", "", "say what a process may take of its device, such as 28GiB, or choose another memory.checkpoint")
	c.refuse(m.Checkpoint != "auto" && m.Budget != 0, "memory.budget", m.Budget.String(), "is for memory.checkpoint = \"auto\", which is %q", m.Checkpoint)
}

func (c *checker) data(d Data) {
	c.kind("data.kind", d.Kind)
	c.images(d)
}

// labelledData may also be a data set as it is published, which needs labels to be one.
func (c *checker) labelledData(d Data) {
	c.labelledKind("data.kind", d.Kind)
	c.refuse(d.Refresh.Value > 0 && slices.Contains(Layouts, d.Kind), "data.refresh", d.Refresh.String(), "a published data set does not change; leave it out")
	c.images(d)
}

func (c *checker) images(d Data) {
	c.refuse(d.Source == "", "data.source", d.Source, "say where the images are, for example --set data.source=DIR")
	c.members(d)
	c.within("data.workers", d.Workers, 0, maxThreads)
	c.within("data.prefetch", d.Prefetch, 1, 1024)
	c.probability("data.max_bad_fraction", d.MaxBadFraction)
	c.refuse(d.Refresh.Value > 0 && d.Kind == "idx", "data.refresh", d.Refresh.String(), "an IDX file does not change; leave it out")
	c.subset("data.subset", d.Subset)
	c.urls(d.URLs)
	c.doubt(d.Kind == "urls" && d.MaxBadFraction < 0.05, "data.max_bad_fraction", d.MaxBadFraction, "is little for the web, where a tenth of the links and more may be dead: the run would stop")
	c.doubt(d.Kind == "urls" && d.URLs.Contact == "", "data.urls.contact", "", "give a URL or mail address for those who object to the requests")
}

func (c *checker) members(d Data) {
	c.refuse(len(d.Members) > 0 && (d.Kind == "idx" || d.Kind == "urls"), "data.members", d.Members, "is for folders, lists, tar shards and indexes, and data.kind is %q", d.Kind)
	for _, p := range d.Members {
		_, err := path.Match(p, "")
		c.refuse(err != nil || strings.Trim(p, "!/") == "", "data.members", d.Members, "%q is no pattern: write \"jpg\", \"*.jpg\", \"images/*\" or \"!*.seg.png\"", p)
	}
}

func (c *checker) urls(u URLs) {
	c.refuse(u.Concurrency < 1 || u.Concurrency > 4096, "data.urls.concurrency", u.Concurrency, "must be 1 to 4096 requests")
	c.atLeast("data.urls.per_host", u.PerHost, 1)
	c.refuse(!(u.TimeoutSeconds > 0 && u.TimeoutSeconds <= 3600), "data.urls.timeout_seconds", u.TimeoutSeconds, "must be over 0, at most 3600")
	c.refuse(u.MaxMB < 1 || u.MaxMB > 512, "data.urls.max_mb", u.MaxMB, "must be 1 to 512 MiB")
	odd := strings.ContainsFunc(u.Contact, func(r rune) bool { return r < ' ' || r > '~' || r == '(' || r == ')' })
	c.refuse(odd, "data.urls.contact", u.Contact, "must be of printable ASCII without brackets: it stands in a header")
}

func (c *checker) shuffle(d Data, batch int64) {
	if d.ShuffleWindow == 0 {
		c.refuse(d.ShuffleLanes != 1, "data.shuffle_lanes", d.ShuffleLanes, "has no meaning without data.shuffle_window")
		return
	}
	c.refuse(d.ShuffleWindow < 2, "data.shuffle_window", d.ShuffleWindow, "must be 0 (shuffle everything), or at least 2 images")
	c.refuse(d.Kind != "auto" && d.Kind != "tar" && d.Kind != "index", "data.shuffle_window", d.ShuffleWindow, "is for tar shards, and data.kind is %q", d.Kind)
	c.refuse(d.Subset != Subset{}, "data.shuffle_window", d.ShuffleWindow, "reads whole shards, and cannot be combined with data.subset")
	c.refuse(d.ShuffleLanes < 1 || batch%max(d.ShuffleLanes, 1) != 0, "data.shuffle_lanes", d.ShuffleLanes, "must divide optim.batch, %d", batch)
	c.doubt(d.ShuffleWindow*d.ShuffleLanes < 4*batch, "data.shuffle_window", d.ShuffleWindow, "is a few batches only: images that lie together in a shard will be seen together")
}

func (c *checker) cache(k Cache) {
	c.refuse(k.Dir != "" && k.Size == 0, "data.cache.size", "", "say how much of the disk the cache may take, such as 200GB")
	c.refuse(k.Dir == "" && k.Size != 0, "data.cache.dir", "", "name the cache's folder, or leave its size out")
	c.place("data.cache.dir", k.Dir)
	c.refuse(k.Size != 0 && k.Size < 64<<20, "data.cache.size", k.Size.String(), "must be 64MiB or more")
}

// Layouts are the kinds of labelled sources besides those of [data]: data sets as they
// are published, one folder for training and validation.
var Layouts = []string{"imagenet", "places", "inaturalist", "openimages", "voc", "coco"}

// labelledKind checks the kind of a source with labels.
func (c *checker) labelledKind(path, kind string) {
	if !slices.Contains(Layouts, kind) {
		c.refuse(!slices.Contains(sourceKinds, kind), path, kind, "allowed are %s and, for data sets as they are published, %s",
			strings.Join(sourceKinds, ", "), strings.Join(Layouts, ", "))
	}
}

var sourceKinds = []string{"auto", "folder", "list", "tar", "idx", "urls", "index"}

func (c *checker) kind(path, kind string) {
	c.oneOf(path, kind, sourceKinds...)
}

func (c *checker) subset(path string, s Subset) {
	c.refuse(s.First < 0, path+".first", s.First, "must be 0 (all) or more")
	c.refuse(!(s.Fraction >= 0 && s.Fraction < 1), path+".fraction", s.Fraction, "must be 0 (all) or between 0 and 1")
	c.refuse(s.Shots < 0, path+".shots", s.Shots, "must be 0 (all) or more")
	c.refuse(s.Balanced && s.Fraction == 0, path+".balanced", s.Balanced, "says how fraction is drawn, and needs one")
	given := 0
	for _, set := range []bool{s.First != 0, s.Fraction != 0, s.Shots != 0, s.List != ""} {
		if set {
			given++
		}
	}
	c.refuse(given > 1, path, s, "only one of first, fraction, shots and list can be given")
}

func (c *checker) model(m Model) {
	if m.Arch == "" {
		c.refuse(true, "model.arch", m.Arch, "name an architecture, such as regnet_y_16gf, or %s with depth, w0, wa, wm and group_width", customArch)
		return
	}
	_, err := m.Trunk()
	if err != nil {
		c.refuse(true, "model.arch", m.Arch, "%v", err)
		return
	}
	custom := m.Depth != 0 || m.W0 != 0 || m.WA != 0 || m.WM != 0 || m.GroupWidth != 0
	c.refuse(custom && m.Arch != customArch, "model.arch", m.Arch, "fixes depth, w0, wa, wm and group_width; remove them or use arch = %q", customArch)
}

func (c *checker) normalise(a Augment) {
	for i := range a.Mean {
		c.refuse(!(a.Mean[i] >= 0 && a.Mean[i] <= 1), "augment.mean", a.Mean, "every value must be 0 to 1: pixels are")
		c.refuse(!(a.Std[i] > 0 && a.Std[i] <= 1), "augment.std", a.Std, "every value must be over 0, at most 1: pixels are 0 to 1")
	}
}

func (c *checker) optim(o Optim) {
	c.refuse(o.Batch < 1, "optim.batch", o.Batch, "give the number of images a step over all processes")
	c.refuse(o.Batch > maxBatch, "optim.batch", o.Batch, "must be at most %d", maxBatch)
	c.positive("optim.base_lr", o.BaseLR)
	c.atLeast("optim.base_batch", o.BaseBatch, 1)
	c.oneOf("optim.scaling", o.Scaling, "linear", "sqrt", "none")
	c.momentum("optim", o.Momentum, o.Nesterov)
	c.notNegative("optim.weight_decay", o.WeightDecay)
	c.oneOf("optim.adaptation", o.Adaptation, "larc", "lars", "none")
	c.positive("optim.trust_coefficient", o.TrustCoefficient)
	ruleset := make([]rules.Rule, len(o.Rules))
	for i, r := range o.Rules {
		ruleset[i] = r.rule(0)
	}
	if err := rules.Check(ruleset); err != nil {
		c.refuse(true, "optim.rules", len(o.Rules), "%v", err)
	}
	for _, r := range o.Rules {
		c.refuse(r.Freeze && !r.FreezeUntil.IsZero(), "optim.rules", r.Match, "freeze and freeze_until exclude each other")
	}
}

func (c *checker) momentum(section string, momentum float64, nesterov bool) {
	c.refuse(!(momentum >= 0 && momentum < 1), section+".momentum", momentum, "must be 0 or more and below 1")
	c.refuse(nesterov && momentum == 0, section+".nesterov", nesterov, "needs a momentum over 0")
}

func (c *checker) schedule(s Schedule) {
	c.oneOf("schedule.kind", s.Kind, "cosine", "constant", "step", "plateau")
	c.oneOf("schedule.phase", s.Phase, "global", "restart")
	c.notNegative("schedule.warmup_start", s.WarmupStart)
	c.probability("schedule.end_factor", s.EndFactor)
	c.steps("schedule", s.Kind == "step", s.Milestones, s.Gamma)
	c.length("schedule.window", s.Window)
	c.refuse(!(s.Factor > 0 && s.Factor < 1), "schedule.factor", s.Factor, "must be between 0 and 1")
	c.refuse(!(s.Threshold >= 0 && s.Threshold < 1), "schedule.threshold", s.Threshold, "must be 0 or more and below 1")
}

// steps checks milestones and gamma of a stepwise schedule.
func (c *checker) steps(section string, used bool, milestones []Duration, gamma float64) {
	c.refuse(used && len(milestones) == 0, section+".milestones", milestones, "a step schedule needs at least one milestone")
	c.refuse(slices.ContainsFunc(milestones, Duration.IsZero), section+".milestones", milestones, "no milestone may be empty")
	c.refuse(!(gamma > 0 && gamma <= 1), section+".gamma", gamma, "must be over 0, at most 1")
}

func (c *checker) train(t Train) {
	c.refuse(t.Duration.IsZero(), "train.duration", "", "say how long to train, such as 100ep, 122070it or 1e9img")
	c.total("train.duration", t.Duration)
	c.atLeast("train.accumulate", t.Accumulate, 1)
}

// total checks the length of a whole run, which cannot be a share of itself.
func (c *checker) total(path string, d Duration) {
	c.refuse(d.Unit == Percent, path, d.String(), "a run cannot be a share of itself; use ep, it or img")
	c.refuse(!d.IsZero() && d.Unit != Percent && !(d.Value > 0), path, d.String(), "must be longer than nothing")
}
