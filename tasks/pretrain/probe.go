// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"fmt"

	"seer/data/sampler"
	"seer/eval"
	"seer/eval/rankme"
	"seer/inputs"
	"seer/models"
	"seer/runfolder"
	"seer/tasks/probe"
	"seer/train"
)

// looks are what [probe] does while the run goes on: k-NN on labelled images, and RankMe without labels. They draw no
// random numbers and leave weights and statistics as they are.
type looks struct {
	*run
	session *probe.Session
}

// addLooks has the program look every so often; nothing without [probe].
func (r *run) addLooks() {
	if r.plan.ProbeEvery == 0 {
		return
	}
	e := r.Experiment
	r.looks = &looks{run: r, session: &probe.Session{Experiment: e, Backbone: &eval.Backbone{
		Trunk:  r.method.SwAV.Trunk.(models.Trunk), // newSystem has made it
		Device: r.Device, Precision: r.engine.Precision, ChannelsLast: r.engine.ChannelsLast,
		Threads: e.Run.Threads, Mean: e.Augment.Mean, Std: e.Augment.Std, Model: e.Model,
	}}}
	r.program.Hooks = append(r.program.Hooks, train.Hook{Name: "probe", Every: r.plan.ProbeEvery, Run: r.looks.look, Leader: true})
}

// found is a line of metrics.jsonl.
type found struct {
	Step   int64    `json:"step"`
	KNN    *float64 `json:"knn_top1,omitempty"`
	RankMe *float64 `json:"rankme,omitempty"`
}

// score is what a checkpoint is judged by, where the best is kept.
func (f found) score() float64 {
	if f.KNN != nil {
		return *f.KNN
	}
	return *f.RankMe
}

// look is the hook.
func (l *looks) look(ctx context.Context, e train.Event) error {
	line, said := found{Step: e.Step}, ""
	if l.Experiment.ProbesKNN() {
		r, err := l.session.KNN(ctx)
		if err != nil {
			return err
		}
		line.KNN, said = &r.Top1, fmt.Sprintf("  k-NN top-1 %.2f %%", r.Top1)
		l.session.Forget()
	}
	if l.Experiment.Probe.Images > 0 {
		rank, err := l.rankMe(ctx)
		if err != nil {
			return fmt.Errorf("RankMe: %w", err)
		}
		line.RankMe, said = &rank, said+fmt.Sprintf("  RankMe %.1f of %d", rank, l.session.Backbone.Trunk.Width())
	}
	l.program.Scored(e.Step, line.score())
	l.Say("step %d/%d%s", e.Step, e.Total, said)
	return l.Folder.Log(runfolder.MetricsLog).Append(line)
}

// rankMe looks at the first images of the source, the same ones each time.
func (l *looks) rankMe(ctx context.Context) (rank float64, err error) {
	e, src := l.Experiment, l.images.Source
	n := min(int64(e.Probe.Images), src.Len())
	some, err := sampler.First(src.Len(), n, 0)
	if err != nil {
		return 0, err
	}
	f, err := l.session.Backbone.Extract(ctx, eval.Images{
		Source: src, Sampler: some, Resize: e.KNN.Resize, Crop: e.KNN.Crop, Batch: e.KNN.Batch, Workers: e.Data.Workers,
		Orient: e.Data.EXIFOrientation, MaxBadFraction: inputs.BadFraction(e.Data.MaxBadFraction),
	})
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return rankme.Of(f.X)
}
