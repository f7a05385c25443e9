// SPDX-License-Identifier: MIT

package train

import (
	"fmt"
	"strconv"
	"time"

	"seer/runfolder"
)

// best is the step whose score was best: a part.
type best struct {
	Step  int64   `json:"step"` // 0: none yet
	Score float64 `json:"score"`
}

// Name implements runfolder.Part.
func (*best) Name() string { return "best" }

// Save implements runfolder.Part.
func (b *best) Save(s *runfolder.Shard) error { return s.Put(b) }

// Load implements runfolder.Part.
func (b *best) Load(s *runfolder.Shard) error {
	_, err := s.Get(b)
	return err
}

// Scored says how good the weights are after a step, more being better: where the best are to be kept, and these are, the
// step gets a checkpoint. It is for hooks.
func (p *Program) Scored(step int64, score float64) {
	if p.KeepBest && (p.best.Step == 0 || score > p.best.Score) {
		p.best = best{step, score}
	}
}

// checkpoint saves what is due after a step, and says how the one before has gone.
func (p *Program) checkpoint(e Event) error {
	if err := p.written(false); err != nil {
		return err
	}
	due, err := e.Due(p.CheckpointEvery), error(nil)
	if !due && p.KeepBest {
		due, err = p.leads(p.best.Step == e.Step) // rank 0 alone knows which is the best
	}
	if err != nil || !due || !p.saves() {
		return err
	}
	return p.save(e)
}

// saves tells whether this process has a part in checkpoints: rank 0 has, and where momentum is divided, all have.
func (p *Program) saves() bool {
	return p.folder != nil || p.Engine.Optimizer.Sharded() && !p.Engine.Mesh.Leads()
}

// leads is what rank 0 says, where all need to know.
func (p *Program) leads(says bool) (bool, error) {
	if !p.Engine.Optimizer.Sharded() {
		return says, nil
	}
	answer, err := p.Engine.Mesh.Lead(func() (string, error) { return strconv.FormatBool(says), nil })
	return answer == strconv.FormatBool(true), err
}

// save has a checkpoint of the state after this step written while training goes on. What holds it up is the copy, and the
// checkpoint before if that is not written yet.
func (p *Program) save(e Event) error {
	begun := time.Now()
	defer func() { p.stall += time.Since(begun) }()
	if p.folder == nil { // rank 0 keeps the momentum that this process has
		return p.Engine.Optimizer.Gathered(nil)
	}
	if err := p.written(true); err != nil { // one copy at a time
		return err
	}
	if err := soundWeights(p.Engine.Method, e); err != nil {
		return err
	}
	p.Clock.ChannelsLast = p.Engine.ChannelsLast
	var snapshot *runfolder.Snapshot
	if err := p.Engine.Optimizer.Gathered(func() (err error) {
		snapshot, err = runfolder.Snap(e.Step, p.AllParts(), p.metadata(), p.Files...)
		return err
	}); err != nil {
		return err
	}
	p.folder.Retain(p.KeepEvery, p.best.Step)
	return p.folder.Write(snapshot)
}

// written is the error of the checkpoint that was written in the background, once it is, or of none.
func (p *Program) written(wait bool) error {
	if p.folder == nil || !wait && p.folder.Writing() {
		return nil
	}
	if err := p.folder.Written(); err != nil {
		return fmt.Errorf("writing a %w; the one before it is complete", err)
	}
	return nil
}
