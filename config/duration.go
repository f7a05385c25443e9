// SPDX-License-Identifier: MIT

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unit of a Duration, spelled as in its text.
type Unit string

// The units of a Duration. A percentage is one of the whole run.
const (
	Epochs  Unit = "ep"
	Steps   Unit = "it"
	Images  Unit = "img"
	Percent Unit = "%"
)

// Duration is a length of training: a number and exactly one unit. The trainer
// only ever sees steps; Steps converts. The zero Duration is "not given".
type Duration struct {
	Value float64
	Unit  Unit
}

// Scale is what a Duration is measured against.
type Scale struct {
	Images int64 // images an epoch; 0 when unknown
	Batch  int64 // images a step, over all processes
	Total  int64 // steps of the whole run; 0 when unknown
}

// ParseDuration reads "100ep", "313it", "1e9img" or "2.5%". Steps and images are
// whole numbers; none is negative.
func ParseDuration(text string) (Duration, error) {
	for _, unit := range []Unit{Images, Epochs, Steps, Percent} {
		number, found := strings.CutSuffix(text, string(unit))
		if !found {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil {
			return Duration{}, durationError(text, "the part before the unit is not a number")
		}
		d := Duration{Value: value, Unit: unit}
		if why := d.wrong(); why != "" {
			return Duration{}, durationError(text, why)
		}
		return d, nil
	}
	return Duration{}, durationError(text, "it has no unit")
}

func durationError(text, why string) error {
	return fmt.Errorf("duration %q: %s; write a number and one unit: \"100ep\" (epochs), \"313it\" (steps), \"1e9img\" (images) or \"2.5%%\" (of the run)", text, why)
}

// wrong says why the value does not fit its unit, or nothing.
func (d Duration) wrong() string {
	whole := d.Unit == Steps || d.Unit == Images
	switch {
	case math.IsNaN(d.Value) || math.IsInf(d.Value, 0):
		return "it is not finite"
	case d.Value < 0:
		return "it is negative"
	case d.Value > 1e15:
		return "it is over 1e15"
	case whole && d.Value != math.Trunc(d.Value):
		return "steps and images are whole numbers"
	case d.Unit == Percent && d.Value > 100:
		return "it is over 100 percent"
	}
	return ""
}

// IsZero tells a Duration that was not given from "0it".
func (d Duration) IsZero() bool { return d.Unit == "" }

// String is the text that ParseDuration reads back; empty when not given.
func (d Duration) String() string {
	if d.IsZero() {
		return ""
	}
	// The exponent as people write it: 1e9img and not 1e+09img.
	number := strconv.FormatFloat(d.Value, 'g', -1, 64)
	if whole := strconv.FormatFloat(d.Value, 'f', -1, 64); len(whole) <= 8 {
		number = whole
	}
	return strings.NewReplacer("e+0", "e", "e+", "e").Replace(number) + string(d.Unit)
}

// MarshalText writes the text form for TOML.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the text form; an empty text is "not given".
func (d *Duration) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Duration{}
		return nil
	}
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Steps converts to steps: epochs and images to the whole steps that fit,
// a percentage to the nearest step. What is longer than nothing is at least one
// step. It fails when the Scale lacks what the unit needs.
func (d Duration) Steps(s Scale) (int64, error) {
	var steps float64
	switch d.Unit {
	case "":
		return 0, nil
	case Steps:
		steps = d.Value
	case Images:
		if s.Batch <= 0 {
			return 0, fmt.Errorf("duration %q needs the batch", d)
		}
		steps = math.Floor(d.Value / float64(s.Batch))
	case Epochs:
		if s.Images <= 0 || s.Batch <= 0 {
			return 0, fmt.Errorf("duration %q needs the number of images and the batch; give it in steps (\"100it\") or images", d)
		}
		// The tolerance keeps 0.1 epochs of 1000 images at batch 10 at ten steps.
		steps = math.Floor(d.Value*float64(s.Images)/float64(s.Batch) + 1e-9)
	case Percent:
		if s.Total <= 0 {
			return 0, fmt.Errorf("duration %q is a share of the whole run, whose length it cannot give itself", d)
		}
		steps = math.Round(d.Value / 100 * float64(s.Total))
	}
	if d.Value > 0 {
		steps = max(steps, 1)
	}
	return int64(steps), nil
}
