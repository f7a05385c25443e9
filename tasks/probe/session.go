// SPDX-License-Identifier: MIT

package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/BurntSushi/toml"

	"seer/config"
	"seer/data/loader"
	"seer/data/source"
	"seer/eval"
	"seer/inputs"
	"seer/internal/redact"
)

// Session runs the probes of one experiment on one backbone. Features that both probes need are computed once.
type Session struct {
	Backbone   *eval.Backbone
	Experiment *config.Experiment
	// Progress is told how far a stage is; may be nil. The stages of a probe follow each other.
	Progress func(stage string, done, total int64)
	// Warn is told what the user should know; may be nil.
	Warn func(message string)
	// State is the beginning of a path: folders of names that begin so keep the state of trainings that take long until
	// they are done. Empty: nothing is kept.
	State string

	sets map[imageSet]*labelled
}

// imageSet says which images are looked at and how: the key of the features that are kept.
type imageSet struct {
	path, kind   string
	layer        string // of the trunk, or several
	validation   bool   // the part of a data set whose folder holds both
	subset       config.Subset
	resize, crop int
}

// labelled is an open source and, once computed, its features.
type labelled struct {
	name     string
	images   eval.Images
	backbone *eval.Backbone // reads the layers
	features *eval.Features
}

// Result is one line of a table, and of results.jsonl.
type Result struct {
	Task       string `json:"task"`       // "linear-eval" or "knn"
	Experiment string `json:"experiment"` // its name
	eval.Origin
	Top1        float64 `json:"top1"` // per cent
	Top5        float64 `json:"top5"`
	Classes     int     `json:"classes"`
	TrainImages int64   `json:"train_images"`
	ValImages   int64   `json:"val_images"`
	Train       string  `json:"train"`
	Val         string  `json:"val"`
	Seed        uint64  `json:"seed"`
	Seconds     float64 `json:"seconds"`
	// Linear probe only.
	Loss  float64 `json:"loss,omitempty"`
	Steps int64   `json:"steps,omitempty"`
	// Cost is the C that logistic regression has chosen.
	Cost float64 `json:"cost,omitempty"`
	// MAP is the mean over classes of the average precision, per cent, and Shots those of fewer training images: support
	// vector machines only.
	MAP   float64 `json:"map,omitempty"`
	Shots []Shots `json:"shots,omitempty"`
	// Trials are the figures of all settings that were tried at once, where there are several; Best names the one that the
	// result is of.
	Trials []Trial `json:"trials,omitempty"`
	Best   string  `json:"best,omitempty"`
	// Settings is the section of the experiment that was used, under its names in the file.
	Settings map[string]any `json:"settings"`
}

// Close frees the features and closes the sources. The backbone stays open.
func (s *Session) Close() error {
	var errs []error
	for _, set := range s.sets {
		if set.features != nil {
			set.features.Close()
		}
		errs = append(errs, set.images.Source.Close())
	}
	s.sets = nil
	return errors.Join(errs...)
}

// Forget frees the features and keeps the sources open, for a trunk that goes on learning.
func (s *Session) Forget() {
	for _, set := range s.sets {
		if set.features != nil {
			set.features.Close()
			set.features = nil
		}
	}
}

// Linear trains and scores the linear probe of the experiment's [linear].
func (s *Session) Linear(ctx context.Context) (Result, error) {
	begin := time.Now()
	l := s.Experiment.Linear
	backbone, widths, err := s.Backbone.Reading(l.Layers)
	if err != nil {
		return Result{}, fmt.Errorf("linear.layers: %w", err)
	}
	train, val, err := s.pair(ctx, "linear", imageSet{path: l.Train, kind: l.Kind, subset: l.TrainSubset, resize: l.Resize, crop: l.Crop}, l.Val, l.Batch, backbone)
	if err != nil {
		return Result{}, err
	}
	if err := s.compute(ctx, "features of the validation images", val); err != nil {
		return Result{}, err
	}
	o := LinearOptions{Config: l, Classes: train.classes(), Widths: widths, Seed: s.Experiment.Run.Seed, Threads: s.Backbone.Threads, Progress: s.linearProgress(), Warn: s.Warn}
	scored := val.features
	if rows := train.rows(); rows != nil {
		o.Train, o.Val = rows, val.rows()
	} else if scored, err = aligned(train, val); err != nil {
		return Result{}, err
	}
	if o.Keep, err = s.keep(l, train); err != nil {
		return Result{}, err
	}
	r, err := s.train(ctx, train, scored, o)
	if err != nil {
		return Result{}, err
	}
	out := s.result("linear-eval", train, val, begin)
	out.take(r.Trials)
	l.Train, l.Val = redact.URL(l.Train), redact.URL(l.Val)
	out.Loss, out.Steps, out.Cost, out.Train, out.Val = r.Loss, r.Steps, r.Cost, l.Train, l.Val
	out.Settings, err = settings(l)
	return out, err
}

// pair opens training and validation images that are looked at alike, and compares their classes.
func (s *Session) pair(ctx context.Context, section string, key imageSet, valPath string, batch int, b *eval.Backbone) (train, val *labelled, err error) {
	key.layer = b.Layers()
	if train, err = s.open(ctx, key, batch, b); err != nil {
		return nil, nil, fmt.Errorf("%s.train: %w", section, err)
	}
	key.path, key.subset, key.validation = valPath, config.Subset{}, slices.Contains(config.Layouts, key.kind)
	if val, err = s.open(ctx, key, batch, b); err != nil {
		return nil, nil, fmt.Errorf("%s.val: %w", section, err)
	}
	switch several := train.rows() != nil; {
	case several && (section == "knn" || section == "linear" && s.Experiment.Linear.Solver == "lbfgs"):
		return nil, nil, fmt.Errorf("%s.train: %s has several classes an image: seer svm and seer linear-eval (linear.solver = \"sgd\") take such data sets", section, redact.URL(train.name))
	case several:
		err = sameClasses(train, val)
	default:
		err = s.comparable(ctx, train, val)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s.val: %w", section, err)
	}
	return train, val, nil
}

// both computes the features of both, and gives those of val with labels that number the training classes.
func (s *Session) both(ctx context.Context, train, val *labelled) (*eval.Features, error) {
	if err := s.compute(ctx, "features of the training images", train); err != nil {
		return nil, err
	}
	if err := s.compute(ctx, "features of the validation images", val); err != nil {
		return nil, err
	}
	if train.rows() != nil {
		return val.features, nil
	}
	return aligned(train, val)
}

// rows are the labels of a set with several classes an image; nil for one class each.
func (l *labelled) rows() inputs.Rows { return inputs.RowsOf(l.images.Source) }

// sameClasses wants both parts of a data set with several classes an image to have the same.
func sameClasses(train, val *labelled) error {
	if val.rows() == nil || !slices.Equal(train.images.Source.Classes(), val.images.Source.Classes()) {
		return errors.New("its classes are not those of the training images: are both of one data set?")
	}
	return nil
}

// keep says where a training through the trunk leaves its state.
func (s *Session) keep(l config.Linear, train *labelled) (k Keep, err error) {
	if s.State == "" || !l.Augment {
		return k, nil
	}
	plan, err := l.Resolve(train.images.Len())
	if err != nil {
		return k, err
	}
	every, err := s.Experiment.Run.CheckpointEvery.Steps(config.Scale{Images: train.images.Len(), Batch: int64(l.Batch), Total: plan.Steps})
	if err != nil {
		return k, fmt.Errorf("run.checkpoint_every: %w", err)
	}
	name, err := s.stateOf(l, train)
	return Keep{Dir: s.State + name, Every: every}, err
}

// train works on features computed once, unless every epoch sees other crops.
func (s *Session) train(ctx context.Context, train *labelled, val *eval.Features, o LinearOptions) (LinearResult, error) {
	if o.Config.Augment {
		return LinearAugmented(ctx, train.backbone, train.images, val, o)
	}
	if err := s.compute(ctx, "features of the training images", train); err != nil {
		return LinearResult{}, err
	}
	if o.Config.Solver == "lbfgs" {
		return s.logistic(ctx, train.features, val, o.Classes)
	}
	return Linear(ctx, s.Backbone.Device, train.features, val, o)
}

func (s *Session) linearProgress() func(step, steps int64, loss, rate float64) {
	return func(step, steps int64, _, _ float64) { s.progress("linear classifier", step, steps) }
}

// KNN votes with the settings of the experiment's [knn].
func (s *Session) KNN(ctx context.Context) (Result, error) {
	begin := time.Now()
	k := s.Experiment.KNN
	trainPath, valPath, kind := s.Experiment.KNNSources()
	backbone, _, err := s.Backbone.Reading([]config.Layer{k.Layer})
	if err != nil {
		return Result{}, fmt.Errorf("knn.layer: %w", err)
	}
	train, val, err := s.pair(ctx, "knn", imageSet{path: trainPath, kind: kind, subset: k.TrainSubset, resize: k.Resize, crop: k.Crop}, valPath, k.Batch, backbone)
	if err != nil {
		return Result{}, err
	}
	if err := eval.EnoughNeighbours(k.K, train.images.Len()); err != nil {
		return Result{}, err
	}
	scored, err := s.both(ctx, train, val)
	if err != nil {
		return Result{}, err
	}
	counts, err := eval.KNN(ctx, s.Backbone.Device, train.features, scored, eval.KNNOptions{
		K: k.K, Temperature: k.Temperature, Classes: train.classes(), Threads: s.Backbone.Threads,
		Progress: func(done, total int64) { s.progress("nearest neighbours", done, total) },
	})
	if err != nil {
		return Result{}, err
	}
	var trials []Trial
	for i, c := range counts {
		t := Trial{K: k.K[i]}
		t.Top1, t.Top5 = topK(c)
		trials = append(trials, t)
	}
	out := s.result("knn", train, val, begin)
	out.take(trials)
	k.Train, k.Val = redact.URL(k.Train), redact.URL(k.Val)
	out.Train, out.Val = redact.URL(trainPath), redact.URL(valPath)
	out.Settings, err = settings(k)
	return out, err
}

// result has what all probes tell besides their figures.
func (s *Session) result(task string, train, val *labelled, begin time.Time) Result {
	return Result{
		Task: task, Experiment: s.Experiment.Name, Origin: s.Backbone.Origin, Classes: train.classes(),
		TrainImages: train.images.Len(), ValImages: val.features.Len(), Seed: s.Experiment.Run.Seed,
		Seconds: time.Since(begin).Seconds(),
	}
}

// take has the result be that of the best trial.
func (r *Result) take(trials []Trial) {
	b := best(trials)
	r.Top1, r.Top5, r.MAP = b.Top1, b.Top5, b.MAP
	r.Trials, r.Best = tried(trials)
}

// settings gives a section of the experiment the names that it has in the file.
func settings(section any) (map[string]any, error) {
	text, err := toml.Marshal(section)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, toml.Unmarshal(text, &out)
}

func (l *labelled) classes() int { return len(l.images.Source.Classes()) }

// open opens a labelled source once.
func (s *Session) open(ctx context.Context, key imageSet, batch int, b *eval.Backbone) (*labelled, error) {
	if set := s.sets[key]; set != nil {
		return set, nil
	}
	src, err := inputs.Labelled(ctx, s.Experiment.Data, key.path, key.kind, key.validation)
	if err != nil {
		return nil, err
	}
	if said := source.ListingOf(src).String(); said != "" && s.Warn != nil {
		s.Warn(key.path + ": " + said)
	}
	order, err := inputs.Sampler(src, key.subset, s.Experiment.Run.Seed)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	d := s.Experiment.Data
	set := &labelled{name: key.path, backbone: b, images: eval.Images{
		Source: src, Sampler: order, Resize: key.resize, Crop: key.crop, Batch: batch, Workers: d.Workers,
		Orient: d.EXIFOrientation, MaxBadFraction: inputs.BadFraction(d.MaxBadFraction),
	}}
	if s.sets == nil {
		s.sets = map[imageSet]*labelled{}
	}
	s.sets[key] = set
	return set, nil
}

// compute extracts the features of a set, unless that is done.
func (s *Session) compute(ctx context.Context, stage string, set *labelled) (err error) {
	if set.features != nil {
		return nil
	}
	im := set.images
	var bad []loader.Bad
	im.OnBad = func(b loader.Bad) { bad = append(bad, b) }
	im.Progress = func(done, total int64) { s.progress(stage, done, total) }
	if set.features, err = set.backbone.Extract(ctx, im); err != nil {
		return fmt.Errorf("%s: %w", stage, err)
	}
	if set.features.Len() == 0 {
		return fmt.Errorf("%s: none of the %d images could be used; the first is %s (%s: %v)", stage, im.Len(), bad[0].Name, bad[0].Reason, bad[0].Err)
	}
	if len(bad) > 0 && s.Warn != nil {
		s.Warn(fmt.Sprintf("%s: %d of %d images could not be used and do not count; the first is %s (%s: %v)",
			stage, len(bad), im.Len(), bad[0].Name, bad[0].Reason, bad[0].Err))
	}
	return nil
}

func (s *Session) progress(stage string, done, total int64) {
	if s.Progress != nil {
		s.Progress(stage, done, total)
	}
}

// numbers maps the labels of the validation images to those of the training images.
func numbers(train, val *labelled) []int64 {
	return inputs.AlignClasses(train.images.Source.Classes(), val.images.Source.Classes())
}

// comparable checks, before the trunk runs, that the validation images have labels and that training has their classes.
func (s *Session) comparable(ctx context.Context, train, val *labelled) error {
	to := numbers(train, val)
	seen, err := train.seen(ctx)
	if err != nil {
		return err
	}
	missing := map[string]bool{}
	err = val.each(ctx, func(i int64, label int) error {
		if err := known(val, i, int64(label), to, train.classes()); err != nil {
			return err
		}
		if seen != nil && !seen[to[label]] {
			missing[val.images.Source.Classes()[label]] = true
		}
		return nil
	})
	if err == nil && len(missing) > 0 && s.Warn != nil {
		s.Warn(fmt.Sprintf("%d of the %d classes of the validation images have no training image in the subset, and cannot be found: %q for one",
			len(missing), val.classes(), slices.Min(slices.Collect(maps.Keys(missing)))))
	}
	return err
}

// seen tells which classes the training images of a subset have; nil for all images.
func (l *labelled) seen(ctx context.Context) (map[int64]bool, error) {
	if l.images.Len() == l.images.Source.Len() {
		return nil, nil
	}
	seen := map[int64]bool{}
	return seen, l.each(ctx, func(_ int64, label int) error { seen[int64(label)] = true; return nil })
}

// each goes through the labels of a set; i is the place of the image in the source.
func (l *labelled) each(ctx context.Context, do func(i int64, label int) error) error {
	for k := range l.images.Len() {
		if k%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		i := l.images.Sampler.Sequential(k)
		if err := do(i, l.images.Source.Label(i)); err != nil {
			return err
		}
	}
	return nil
}

// known wants image i of the validation images to have a class, and one of the training images'.
func known(val *labelled, i, label int64, to []int64, classes int) error {
	if label < 0 || label >= int64(len(to)) {
		return fmt.Errorf("validation image %s has no class", val.images.Source.Name(i))
	}
	if to[label] < 0 {
		return fmt.Errorf("the validation images have a class %q that the %d classes of the training images lack: are both of one data set?",
			val.images.Source.Classes()[label], classes)
	}
	return nil
}

// aligned gives the validation features with labels that number the training classes.
func aligned(train, val *labelled) (*eval.Features, error) {
	to := numbers(train, val)
	out := *val.features
	out.Labels = make([]int64, len(val.features.Labels))
	for i, label := range val.features.Labels {
		if err := known(val, val.features.Indices[i], label, to, train.classes()); err != nil {
			return nil, err
		}
		out.Labels[i] = to[label]
	}
	return &out, nil
}
