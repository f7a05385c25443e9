// SPDX-License-Identifier: MIT

package formats

import (
	"errors"
	"fmt"
)

// Reason classifies why an image could not be used, for counting.
type Reason string

// The reasons, as they appear in logs and counters.
const (
	Empty       Reason = "empty"       // no bytes at all
	Unknown     Reason = "unknown"     // no known image format by its first bytes
	Truncated   Reason = "truncated"   // the data end before the image does
	Corrupt     Reason = "corrupt"     // the decoder gave up
	TooLarge    Reason = "too-large"   // more pixels than the limit
	Unsupported Reason = "unsupported" // a valid file of a kind that is not decoded
)

// Error is what every failure caused by the image's bytes is.
type Error struct {
	Reason Reason
	Format string // "jpeg", "png", …; empty if unknown
	Detail string // what was found, and what is allowed
}

func (e *Error) Error() string {
	if e.Format == "" {
		return fmt.Sprintf("image is %s: %s", e.Reason, e.Detail)
	}
	return fmt.Sprintf("%s image is %s: %s", e.Format, e.Reason, e.Detail)
}

// ReasonOf returns the reason behind err, or "" if the image is not to blame.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}
