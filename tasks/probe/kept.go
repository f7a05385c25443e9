// SPDX-License-Identifier: MIT

package probe

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"seer/config"
	"seer/data/source"
	"seer/nn"
	"seer/runfolder"
	"seer/torch"
	"seer/train"
)

// Keep says where a training through the trunk, which may take days, leaves its state, so that the same command goes on
// where it was stopped. The folder is there until the classifiers are judged.
type Keep struct {
	Dir   string // "": nothing is kept
	Every int64  // steps between checkpoints
}

// keptRun trains all steps that are left, begin with the first of them, and keeps the state on the way.
func (p *linear) keptRun(ctx context.Context, begin func(step int64) error) (err error) {
	if p.Keep.Dir == "" {
		if err := begin(0); err != nil {
			return err
		}
		return p.program.Run(ctx, nil)
	}
	folder, err := runfolder.Open(p.Keep.Dir, runfolder.KeepOptions{Needs: []string{runfolder.ModelFile, runfolder.OptimizerFile}, Warn: p.Warn})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := p.goOn(folder); err != nil {
		return err
	}
	p.program.CheckpointEvery, p.program.LogEvery = p.Keep.Every, p.Keep.Every
	p.program.Hooks = append(p.program.Hooks, train.Hook{Name: "classifiers", Every: p.Keep.Every, Run: p.heads.setAside})
	if err := begin(p.program.Clock.Step); err != nil {
		return err
	}
	err = p.program.Run(ctx, folder)
	if err != nil && folder.SavedStep() > 0 {
		p.warn("the linear probe was stopped; the same command goes on behind step %d of %d", folder.SavedStep(), p.program.Steps)
	}
	return err
}

// goOn loads what a folder holds, and begins in it.
func (p *linear) goOn(folder *runfolder.Folder) error {
	c, err := folder.Newest()
	switch {
	case errors.Is(err, runfolder.ErrNoCheckpoint):
	case err != nil:
		return err
	default:
		if err := p.program.Load(c); err != nil {
			return err
		}
		p.warn("the linear probe goes on behind step %d of %d (%s)", c.Step, p.program.Steps, p.Keep.Dir)
	}
	return folder.Begin(runfolder.Start{Logs: map[string]int64{runfolder.MetricsLog: p.program.Clock.Step}})
}

func (p *linear) warn(format string, args ...any) {
	if p.Warn != nil {
		p.Warn(fmt.Sprintf(format, args...))
	}
}

// forget removes the state of a training that has its result.
func (k Keep) forget() error {
	if k.Dir == "" {
		return nil
	}
	return os.RemoveAll(k.Dir)
}

// headState is what a head knows besides its weights.
type headState struct {
	Losses   []float64 `json:"losses,omitempty"`
	Diverged int64     `json:"diverged,omitempty"`
}

// Name implements runfolder.Part.
func (*heads) Name() string { return "classifiers" }

// Save implements runfolder.Part.
func (m *heads) Save(s *runfolder.Shard) error {
	var all []headState
	for _, h := range m.all {
		all = append(all, headState{h.losses, h.diverged})
	}
	return s.Put(all)
}

// Load implements runfolder.Part.
func (m *heads) Load(s *runfolder.Shard) error {
	var all []headState
	if _, err := s.Get(&all); err != nil {
		return err
	}
	if len(all) != len(m.all) {
		return fmt.Errorf("the checkpoint has %d classifiers, the experiment %d", len(all), len(m.all))
	}
	for i, state := range all {
		m.all[i].losses, m.all[i].diverged = state.Losses, state.Diverged
	}
	return nil
}

// setAside is the hook that ends heads whose weights a step has broken, so that a checkpoint can be made of the others.
// Where none is left, the engine says so.
func (m *heads) setAside(_ context.Context, e train.Event) error {
	return torch.Try(func() {
		for i, h := range m.all {
			if h.broken() && m.others(i) {
				h.end(e.Step)
			}
		}
	})
}

// others tells whether a head besides this one is learning.
func (m *heads) others(than int) bool {
	for i, h := range m.all {
		if i != than && h.diverged == 0 {
			return true
		}
	}
	return false
}

// broken tells a head in training whose weights or statistics are not finite.
func (h *head) broken() bool {
	scope := torch.NewScope()
	defer scope.Close()
	for _, e := range nn.Entries(h) {
		if h.diverged == 0 && e.Tensor.IsFinite().All().Item() == 0 {
			return true
		}
	}
	return false
}

// end takes a head out at a step. Zeros stand for its weights: checkpoints hold what is finite.
func (h *head) end(step int64) {
	h.diverged, h.losses = step, nil
	torch.NoGrad(func() {
		for _, e := range nn.Entries(h) {
			e.Tensor.ZeroInPlace()
		}
	})
}

// stateOf is a name for the state of a training: another one has another name, so that none goes on with a state that is
// not its own.
func (s *Session) stateOf(l config.Linear, train *labelled) (string, error) {
	weights, err := train.backbone.Digest()
	if err != nil {
		return "", err
	}
	e := s.Experiment
	text, err := json.Marshal(map[string]any{
		"weights": weights, "linear": l, "images": source.Fingerprint(train.images.Source), "seed": e.Run.Seed,
		"exif": e.Data.EXIFOrientation, "device": train.backbone.Device.String(),
	})
	return fmt.Sprintf("%x", sha256.Sum256(text))[:12], err
}
