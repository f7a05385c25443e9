// SPDX-License-Identifier: MIT

package config

import (
	"fmt"
	"regexp"
	"strconv"
)

// Layer is an output of a frozen trunk that a probe takes as features. The zero value is
// the trunk's own pooled output.
type Layer struct {
	// Stage is the stage of a convolutional trunk, from 1, whose maps are averaged over
	// Rows × Columns cells.
	Stage, Rows, Columns int
	// Blocks is how many of a transformer's last blocks give their class token, each
	// normalised as the last one is; Mean puts the mean of the last one's patches behind
	// them.
	Blocks int
	Mean   bool
}

var layerText = regexp.MustCompile(`^(?:pool|stage([1-9]\d?)(?::([1-9]\d?)x([1-9]\d?))?|blocks([1-9]\d?)(\+mean)?)$`)

// ParseLayer reads "pool", "stage3:2x1", "blocks4" or "blocks4+mean"; "stage3" is
// "stage3:1x1".
func ParseLayer(text string) (l Layer, err error) {
	m := layerText.FindStringSubmatch(text)
	if m == nil {
		return l, fmt.Errorf("%q is no layer; write \"pool\", \"stage3:2x1\" (the third stage, averaged over 2×1 cells) "+
			"or, of a transformer, \"blocks4\" or \"blocks4+mean\"", text)
	}
	number := func(i, absent int) int {
		if m[i] == "" {
			return absent
		}
		n, _ := strconv.Atoi(m[i]) // the pattern has two digits
		return n
	}
	if l.Stage = number(1, 0); l.Stage > 0 {
		l.Rows, l.Columns = number(2, 1), number(3, 1)
	}
	l.Blocks, l.Mean = number(4, 0), m[5] != ""
	return l, nil
}

// String is the text form.
func (l Layer) String() string {
	switch {
	case l.Stage > 0:
		return fmt.Sprintf("stage%d:%dx%d", l.Stage, l.Rows, l.Columns)
	case l.Mean:
		return fmt.Sprintf("blocks%d+mean", l.Blocks)
	case l.Blocks > 0:
		return fmt.Sprintf("blocks%d", l.Blocks)
	}
	return "pool"
}

// MarshalText writes the text form.
func (l Layer) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads it.
func (l *Layer) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLayer(string(text))
	return err
}
