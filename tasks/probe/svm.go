// SPDX-License-Identifier: MIT

package probe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"seer/config"
	"seer/eval"
	"seer/eval/logistic"
	"seer/eval/metrics"
	"seer/eval/svm"
	"seer/internal/redact"
	"seer/torch"
)

// Shots is the outcome of one number of training images a class.
type Shots struct {
	K    int     `json:"k"`
	Mean float64 `json:"map"` // per cent, over the samples
	Std  float64 `json:"std"`
}

// SVM trains and scores the support vector machines of the experiment's [svm].
func (s *Session) SVM(ctx context.Context) (Result, error) {
	begin := time.Now()
	v := s.Experiment.SVM
	trainPath, valPath, kind := s.Experiment.SVMSources()
	backbone, _, err := s.Backbone.Reading([]config.Layer{v.Layer})
	if err != nil {
		return Result{}, fmt.Errorf("svm.layer: %w", err)
	}
	train, val, err := s.pair(ctx, "svm", imageSet{path: trainPath, kind: kind, subset: v.TrainSubset, resize: v.Resize, crop: v.Crop}, valPath, v.Batch, backbone)
	if err != nil {
		return Result{}, err
	}
	scored, err := s.both(ctx, train, val)
	if err != nil {
		return Result{}, err
	}
	sets := [2]svm.Set{}
	for i, f := range []*eval.Features{train.features, scored} {
		if sets[i], err = svmSet(f, []*labelled{train, val}[i], train.classes()); err != nil {
			return Result{}, err
		}
	}
	if train.rows() != nil {
		s.leaveOut(&sets, train.images.Source.Classes())
	}
	o := svm.Defaults()
	o.Costs, o.Seed = v.Costs, s.Experiment.Run.Seed
	if v.Choice == "test" {
		o.Choice = svm.OnTest
	}
	s.progress("support vector machines", 0, 1)
	r, err := svm.Evaluate(ctx, sets[0], sets[1], o)
	if err != nil {
		return Result{}, err
	}
	if n := r.Unconverged(); n > 0 && s.Warn != nil {
		s.Warn(fmt.Sprintf("%d of %d machines have not converged within %d passes over the images", n, len(r.Models), o.MaxIterations))
	}
	shots, err := svm.LowShot(ctx, sets[0], sets[1], v.Shots, v.Samples, o)
	if err != nil {
		return Result{}, err
	}
	s.progress("support vector machines", 1, 1)
	out := s.result("svm", train, val, begin)
	if train.rows() == nil {
		if out.Top1, out.Top5, err = decide(r.Models, sets[1], scored.Labels); err != nil {
			return Result{}, err
		}
	}
	v.Train, v.Val = redact.URL(v.Train), redact.URL(v.Val)
	out.Classes = len(r.Models)
	out.Train, out.Val, out.MAP = redact.URL(trainPath), redact.URL(valPath), 100*r.Mean()
	for _, k := range shots {
		out.Shots = append(out.Shots, Shots{k.K, 100 * k.Mean, 100 * k.Std})
	}
	out.Settings, err = settings(v)
	return out, err
}

// leaveOut takes classes away that nothing can be learned about: those that no training image has, or all have. In a data
// set with several classes an image that happens, for its classes are fixed.
func (s *Session) leaveOut(sets *[2]svm.Set, names []string) {
	var kept [2][][]int8
	var without []string
	for c, labels := range sets[0].Labels {
		if !slices.Contains(labels, 1) || !slices.Contains(labels, 0) {
			without = append(without, names[c])
			continue
		}
		for i := range kept {
			kept[i] = append(kept[i], sets[i].Labels[c])
		}
	}
	for i := range kept {
		sets[i].Labels = kept[i]
	}
	if len(without) > 0 && s.Warn != nil {
		s.Warn(fmt.Sprintf("%d of %d classes do not count, because no training image has them, or all have: %q for one", len(without), len(names), without[0]))
	}
}

// svmSet has the features divided by their length, and a label for each class and image.
func svmSet(f *eval.Features, of *labelled, classes int) (set svm.Set, err error) {
	var features []float32
	if err := torch.Try(func() { features = f.X.Float32s() }); err != nil {
		return set, err
	}
	if set.Rows, err = svm.NewRows(features, int(f.X.Size(1))); err != nil {
		return set, err
	}
	set.Rows = set.Rows.Normalized()
	rowsOf := of.rows()
	if rowsOf == nil {
		set.Labels, err = svm.OneVsRest(f.Labels, classes)
		return set, err
	}
	set.Labels = make([][]int8, classes)
	row := make([]int8, classes)
	for c := range set.Labels {
		set.Labels[c] = make([]int8, len(f.Indices))
	}
	for i, index := range f.Indices {
		rowsOf.Row(index, row)
		for c, label := range row {
			set.Labels[c][i] = label
		}
	}
	return set, nil
}

// decide counts images whose class has the largest decision value of all machines.
func decide(models []*svm.Model, test svm.Set, labels []int64) (top1, top5 float64, err error) {
	n := test.Rows.Len()
	scores := make([]float32, n*len(models))
	for c, m := range models {
		for i, v := range m.Decide(test.Rows) {
			scores[i*len(models)+c] = float32(v)
		}
	}
	count, err := metrics.NewClassification(len(models), 1, 5)
	if err == nil {
		err = count.Add(scores, labels)
	}
	if err != nil {
		return 0, 0, err
	}
	top1, top5 = topK(count)
	return top1, top5, nil
}

// logistic is the linear probe by logistic regression in float64.
func (s *Session) logistic(ctx context.Context, train, val *eval.Features, classes int) (LinearResult, error) {
	o := logistic.Defaults()
	o.Seed, o.Threads = s.Experiment.Run.Seed, s.Backbone.Threads
	o.Progress = func(done, total int) { s.progress("logistic regression", int64(done), int64(total)) }
	dev := s.Backbone.Device
	r, err := logistic.Evaluate(ctx, dev, logistic.Set{X: train.X, Labels: train.Labels}, classes, o)
	if err != nil {
		return LinearResult{}, err
	}
	if !r.Converged && s.Warn != nil {
		s.Warn(fmt.Sprintf("the logistic regression has not converged within %d iterations; the largest element of its gradient is %.1e", r.Iterations, r.Gradient))
	}
	counts, err := r.Classify(dev, o.Threads, logistic.Set{X: val.X, Labels: val.Labels})
	if err != nil {
		return LinearResult{}, err
	}
	t := Trial{Loss: r.Objective}
	t.Top1, t.Top5 = topK(counts)
	return LinearResult{Trial: t, Trials: []Trial{t}, Steps: int64(r.Iterations), Cost: r.Cost}, nil
}
