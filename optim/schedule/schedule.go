// SPDX-License-Identifier: MIT

package schedule

import (
	"math"
	"slices"
)

// Schedule is the learning rate as a function of the step, counted from 0.
type Schedule interface {
	At(step int64) float64
}

// Constant is one rate for the whole run.
type Constant float64

// At is the rate.
func (c Constant) At(int64) float64 { return float64(c) }

// Warmup rises linearly from Start to Peak over Steps, then hands over to Then,
// which sees the same step count.
type Warmup struct {
	Start, Peak float64
	Steps       int64
	Then        Schedule
}

// At is the warm-up's rate below Steps, and that of Then from there on.
func (w Warmup) At(step int64) float64 {
	if step >= w.Steps {
		return w.Then.At(step)
	}
	return w.Start + (w.Peak-w.Start)*float64(step)/float64(w.Steps)
}

// Cosine falls from Peak at step From to End at step Until along half a cosine.
// Outside it stays at the nearer end.
type Cosine struct {
	Peak, End   float64
	From, Until int64
}

// At is the cosine's rate.
func (c Cosine) At(step int64) float64 {
	if step <= c.From {
		return c.Peak
	}
	if step >= c.Until {
		return c.End
	}
	where := float64(step-c.From) / float64(c.Until-c.From)
	return c.End + 0.5*(c.Peak-c.End)*(1+math.Cos(math.Pi*where))
}

// MultiStep starts at Peak and is multiplied by Gamma at each milestone.
// Milestones ascend.
type MultiStep struct {
	Peak, Gamma float64
	Milestones  []int64
}

// At is the rate behind all milestones up to step.
func (m MultiStep) At(step int64) float64 {
	passed, _ := slices.BinarySearch(m.Milestones, step+1)
	return m.Peak * math.Pow(m.Gamma, float64(passed))
}

// Phase is where the cosine stands when the warm-up ends.
type Phase string

const (
	Global  Phase = "global"  // in the middle: it started at step 0 (VISSL, SEER)
	Restart Phase = "restart" // at its beginning (SwAV)
)

// WarmupCosine is the schedule of SwAV and SEER: a linear rise from start to peak
// over warmup steps, then a cosine to end at total steps.
func WarmupCosine(peak, start, end float64, warmup, total int64, phase Phase) Schedule {
	c := Cosine{Peak: peak, End: end, Until: total}
	if phase == Restart {
		c.From = warmup
	}
	return WithWarmup(c, peak, start, warmup)
}

// WithWarmup puts a linear rise from start to peak before a schedule; none when
// warmup is 0.
func WithWarmup(s Schedule, peak, start float64, warmup int64) Schedule {
	if warmup <= 0 {
		return s
	}
	return Warmup{Start: start, Peak: peak, Steps: warmup, Then: s}
}
