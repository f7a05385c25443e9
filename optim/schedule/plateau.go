// SPDX-License-Identifier: MIT

package schedule

import (
	"fmt"
	"math"
)

// Plateau lowers the rate when the loss stops falling: after every Window steps the
// window's mean loss is compared with the best before it, and unless it is lower by
// the share Threshold, the rate is multiplied by Factor. With a Factor of 0.5 this
// is the "fixed" schedule of SEER, for runs whose end is not known.
//
// The settings are the experiment's, and may change when a run starts again: a new
// peak takes effect, lowered as often as the run has lowered it. The JSON of a
// Plateau is what the run itself has found out, and one restored from it goes on
// exactly where it stopped. Windows are counted from the first observation, so the
// warm-up, where the loss falls by itself, is best not observed.
type Plateau struct {
	Peak      float64 `json:"-"` // rate at the start
	Window    int64   `json:"-"` // steps a comparison, at least 1
	Factor    float64 `json:"-"` // in (0,1)
	Threshold float64 `json:"-"` // relative improvement that counts, in [0,1)

	// Reduction is the product of the factors by which the rate was lowered so far.
	Reduction float64 `json:"reduction"`
	Seen      int64   `json:"seen"` // observations in the open window
	Sum       float64 `json:"sum"`  // of their losses
	// Best is the lowest mean of a closed window, nothing before the first one.
	Best *float64 `json:"best,omitempty"`
}

// NewPlateau checks the settings and returns a fresh state.
func NewPlateau(peak float64, window int64, factor, threshold float64) (*Plateau, error) {
	p := &Plateau{Peak: peak, Window: window, Factor: factor, Threshold: threshold, Reduction: 1}
	switch {
	case window < 1:
		return nil, fmt.Errorf("plateau: window of %d steps; at least 1 is needed", window)
	case !(factor > 0 && factor < 1):
		return nil, fmt.Errorf("plateau: factor %g; must be between 0 and 1", factor)
	case !(threshold >= 0 && threshold < 1):
		return nil, fmt.Errorf("plateau: threshold %g; must be 0 or more and below 1", threshold)
	}
	return p, nil
}

// At is the present rate; it does not depend on the step but on what was observed,
// and so makes a Plateau a Schedule that WithWarmup can precede.
func (p *Plateau) At(int64) float64 {
	return p.Peak * p.Reduction
}

// Restore takes over what an earlier process of the run has found out.
func (p *Plateau) Restore(found Plateau) {
	p.Reduction, p.Seen, p.Sum, p.Best = found.Reduction, found.Seen, found.Sum, found.Best
}

// Observe takes the loss of one step and tells whether the rate was lowered by it.
// A loss that is not finite is left out: whoever sees one stops the run anyway.
func (p *Plateau) Observe(loss float64) bool {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return false
	}
	p.Sum += loss
	p.Seen++
	if p.Seen < p.Window {
		return false
	}
	return p.close()
}

// close compares the full window with the best one and opens the next.
func (p *Plateau) close() bool {
	mean := p.Sum / float64(p.Seen)
	p.Sum, p.Seen = 0, 0
	if p.Best == nil || mean < *p.Best-p.Threshold*math.Abs(*p.Best) {
		p.Best = &mean
		return false
	}
	// A little lower is no improvement, but still the mark for the next window.
	*p.Best = math.Min(*p.Best, mean)
	p.Reduction *= p.Factor
	return true
}
