// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"fmt"
	"math"

	"seer/runfolder"
)

// spikes finds a loss that leaves the band in which it was, and stays out: weights that were blown up rarely come back. It
// is a hook and a part, so that a restart changes nothing about it.
type spikes struct {
	Steps    int64   `json:"steps"` // in the band
	Mean     float64 `json:"mean"`  // of the loss in the band, recent steps counting more
	Variance float64 `json:"variance"`
	Over     int64   `json:"over"` // steps in a row above it
}

// A loss is in the band up to spikeSigmas standard deviations, and at least spikeShare, above its mean over some spikeMemory
// steps. It is a spike when spikeSteps in a row are above: single batches do that in sound runs.
const (
	spikeSigmas = 6
	spikeShare  = 0.1
	spikeMemory = 100
	spikeSteps  = 10
)

// SpikeError ends a run whose loss has spiked, where it may go back.
type SpikeError struct {
	Step       int64 // the last one in the band
	Loss, Mean float64
}

// Error says what has happened.
func (e *SpikeError) Error() string {
	return fmt.Sprintf("the loss has jumped after step %d, from %.4f to %.4f, and has stayed there for %d steps", e.Step, e.Mean, e.Loss, spikeSteps)
}

// observe takes the loss of a step, and tells whether it completes a spike.
func (s *spikes) observe(loss float64) bool {
	if s.Steps >= spikeMemory && loss > s.Mean+max(spikeSigmas*math.Sqrt(s.Variance), spikeShare*math.Abs(s.Mean)) {
		s.Over++
		return s.Over == spikeSteps
	}
	s.Over = 0
	s.Steps++
	weight := 1 / float64(min(s.Steps, spikeMemory))
	difference := loss - s.Mean
	s.Mean += weight * difference
	s.Variance = (1 - weight) * (s.Variance + weight*difference*difference)
	return false
}

// watchSpikes is the hook.
func (p *Program) watchSpikes(_ context.Context, e Event) error {
	loss := e.Result.Loss
	if e.Result.NonFinite != nil || !finite(loss) || !p.spikes.observe(loss) {
		return nil
	}
	spike := &SpikeError{Step: e.Step - spikeSteps, Loss: loss, Mean: p.spikes.Mean}
	if p.GoesBack {
		return spike
	}
	p.say("warning: step %d: %v. Usual causes: a learning rate that is too high, images that are unlike the rest. "+
		"With run.rollbacks the run goes back by itself; --from-checkpoint does it by hand", e.Step, spike)
	return nil
}

// Name implements runfolder.Part.
func (s *spikes) Name() string { return "spikes" }

// Save implements runfolder.Part.
func (s *spikes) Save(to *runfolder.Shard) error { return to.Put(s) }

// Load implements runfolder.Part.
func (s *spikes) Load(from *runfolder.Shard) error {
	_, err := from.Get(s)
	return err
}
