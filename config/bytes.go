// SPDX-License-Identifier: MIT

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size on a disk. Its text is a number and one unit; the zero Bytes is "not given".
type Bytes int64

// byteUnits are in the order in which a text is tried: "B" is the end of all others.
var byteUnits = []struct {
	name string
	size float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"B", 1},
}

// ParseBytes reads "200GB", "1.5TB" or "500GiB", rounded down to whole bytes.
func ParseBytes(text string) (Bytes, error) {
	for _, unit := range byteUnits {
		number, found := strings.CutSuffix(text, unit.name)
		if !found {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		switch n := value * unit.size; {
		case err != nil:
			return 0, bytesError(text, "the part before the unit is not a number")
		case !(n >= 1 && n < math.MaxInt64/2):
			return 0, bytesError(text, "it is not between 1 byte and 4 million TB")
		default:
			return Bytes(n), nil
		}
	}
	return 0, bytesError(text, "it has no unit")
}

func bytesError(text, why string) error {
	return fmt.Errorf("size %q: %s; write a number and one unit: \"200GB\", \"1.5TB\", \"500MB\", or \"500GiB\", \"1TiB\", \"500MiB\" in powers of 1024", text, why)
}

// String is the shortest text that ParseBytes reads back; empty when not given.
func (b Bytes) String() string {
	if b == 0 {
		return ""
	}
	best := ""
	for _, unit := range byteUnits {
		if float64(b) < unit.size {
			continue // nobody writes 0.2TB
		}
		text := strconv.FormatFloat(float64(b)/unit.size, 'f', -1, 64) + unit.name
		if back, err := ParseBytes(text); err == nil && back == b && (best == "" || len(text) < len(best)) {
			best = text
		}
	}
	return best
}

// MarshalText writes the text form for TOML.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads the text form; an empty text is "not given".
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b = 0
	if len(text) > 0 {
		*b, err = ParseBytes(string(text))
	}
	return err
}
