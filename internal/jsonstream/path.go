// SPDX-License-Identifier: MIT

package jsonstream

import (
	"fmt"
	"strings"
)

// pathError is an error of a value that lies somewhere in a file.
type pathError struct {
	path string // such as .annotations[3].bbox
	err  error
}

func (e *pathError) Error() string { return strings.TrimPrefix(e.path, ".") + ": " + e.err.Error() }

func (e *pathError) Unwrap() error { return e.err }

func inElement(i int, err error) error { return in(fmt.Sprintf("[%d]", i), err) }

func inMember(key string, err error) error {
	if len(key) > 40 {
		key = key[:40] + "…"
	}
	return in("."+key, err)
}

// in puts a step before the path of an error.
func in(step string, err error) error {
	if e, ok := err.(*pathError); ok { //nolint:errorlint // one that is wrapped in other words keeps its own path
		return &pathError{step + e.path, e.err}
	}
	return &pathError{step, err}
}
