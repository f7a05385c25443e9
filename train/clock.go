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
	// Skipped counts the steps whose gradients overflowed float16, SkippedInARow those since the last that did not.
	Skipped       int64 `json:"skipped,omitempty"`
	SkippedInARow int64 `json:"skipped_in_a_row,omitempty"`
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
func (c *Clock) count(skipped bool) {
	if !skipped {
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
	return fmt.Sprintf(", %d of them left out because gradients overflowed float16", c.Skipped)
}
