// SPDX-License-Identifier: MIT

package train

import (
	"fmt"

	"seer/runfolder"
)

// ClockPart is the name of the part that a program's [Clock] is.
const ClockPart = "clock"

// Clock says how far a run is.
type Clock struct {
	Step     int64 `json:"step"`     // steps done
	Position int64 `json:"position"` // images consumed over all processes: the sampler's whole state
	// Epoch is the number of images of an epoch, by which a run that is complete knows it without looking at its source.
	Epoch   int64   `json:"epoch"`
	Seconds float64 `json:"seconds"` // of training so far, over all restarts
	// Skipped counts the steps that were left out, because gradients overflowed float16 or were not finite, SkippedInARow
	// those since the last that was not. NonFinite are those of the second kind.
	Skipped       int64 `json:"skipped,omitempty"`
	SkippedInARow int64 `json:"skipped_in_a_row,omitempty"`
	NonFinite     int64 `json:"nonfinite,omitempty"`
	// Rollbacks is how often the run has gone back to a checkpoint by itself: each has other images and crops follow.
	Rollbacks int64 `json:"rollbacks,omitempty"`
	// ChannelsLast is the memory layout: another one rounds differently.
	ChannelsLast bool `json:"channels_last"`
}

// Name implements runfolder.Part.
func (*Clock) Name() string { return ClockPart }

// Save implements runfolder.Part.
func (c *Clock) Save(s *runfolder.Shard) error { return s.Put(c) }

// Load implements runfolder.Part.
func (c *Clock) Load(s *runfolder.Shard) error {
	found, err := s.Get(c)
	if err == nil && !found {
		return fmt.Errorf("the checkpoint has no %s: it is of another program", ClockPart)
	}
	return err
}

// count notes whether a step was left out.
func (c *Clock) count(r Result) {
	if r.NonFinite != nil {
		c.NonFinite++
	}
	if !r.Skipped {
		c.SkippedInARow = 0
		return
	}
	c.Skipped++
	c.SkippedInARow++
}

// skips is a remark on steps that were left out.
func (c *Clock) skips() string {
	if c.Skipped == 0 {
		return ""
	}
	why := "gradients overflowed float16"
	if c.NonFinite > 0 {
		why = "they were not finite"
	}
	return fmt.Sprintf(", %d of them left out because %s", c.Skipped, why)
}
