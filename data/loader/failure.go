// SPDX-License-Identifier: MIT

package loader

import (
	"errors"
	"strings"

	"seer/data/formats"
	"seer/data/source"
)

// imageError marks every failure of a source to read an image, of whatever
// type: sources of other packages need not know ours.
type imageError struct{ error }

func (e *imageError) Unwrap() error { return e.error }

// isImageError tells errors that an image is to blame for from those of the
// machine (no memory) or of the program.
func isImageError(err error) bool {
	var read *imageError
	var panicked *source.ReadError
	return errors.As(err, &read) || errors.As(err, &panicked) || formats.ReasonOf(err) != ""
}

// bare takes off what a [Bad] says beside its error: the name and the reason.
func bare(err error) error {
	var marked *imageError
	if errors.As(err, &marked) {
		err = marked.error
	}
	var read *source.ReadError
	if errors.As(err, &read) {
		err = read.Err
	}
	return err
}

// origin finds the first line of a stack that is outside the run-time and this
// package: where a decoder broke down.
func origin(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") && i+3 < len(lines) {
			at := strings.TrimSpace(lines[i+3])
			if cut := strings.LastIndexByte(at, ' '); cut > 0 {
				at = at[:cut]
			}
			return at
		}
	}
	return "an unknown place"
}
