// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"seer/data/fetch"
	"seer/data/formats"
	"seer/data/remote"
)

// A Reason says in a word why an image could not be used. Besides those below
// it takes the values of [formats.Reason].
type Reason string

// Reasons that come from reading and downloading. Decoding adds jpeg's: empty, unknown,
// truncated, corrupt, too-large, unsupported.
const (
	Missing    Reason = "missing"    // no such file
	Unreadable Reason = "unreadable" // permission, input/output error, no regular file, a server that fails
	TooLarge   Reason = "too-large"  // more bytes or pixels than the limit
	Stale      Reason = "stale"      // the shard is not the one that was indexed
	Panicked   Reason = "panic"      // the decoder broke down on these bytes

	DeadLink       Reason = Reason(fetch.DeadLink)       // no such host, nobody answers there, 4xx, a web page
	Timeout        Reason = Reason(fetch.Timeout)        // the download took too long
	RefusedAddress Reason = Reason(fetch.RefusedAddress) // a URL that leads into a private network
	Disallowed     Reason = Reason(fetch.Disallowed)     // the server asks not to use the image
)

// ReadError is the failure to read or decode one image.
type ReadError struct {
	Name   string
	Reason Reason
	Err    error
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("%s: %s: %v", printable(e.Name), e.Reason, e.Err)
}
func (e *ReadError) Unwrap() error { return e.Err }

var (
	errTooLarge = errors.New("the file is too large")
	errStale    = errors.New("the file has changed")
)

// ReasonOf returns the reason for which err makes an image unusable.
func ReasonOf(err error) Reason {
	var r *ReadError
	if errors.As(err, &r) {
		return r.Reason
	}
	if reason := formats.ReasonOf(err); reason != "" {
		return Reason(reason)
	}
	var f *fetch.Error
	if errors.As(err, &f) {
		return Reason(f.Reason)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Missing
	case errors.Is(err, errTooLarge):
		return TooLarge
	case errors.Is(err, errStale), errors.Is(err, remote.ErrChanged):
		return Stale
	}
	return Unreadable
}

// readError wraps what went wrong with an image, but leaves a cancelled
// context alone: it says nothing about the image.
func readError(name string, err error) error {
	if err == nil || isContextError(err) || IsStoreError(err) {
		return err
	}
	return &ReadError{Name: name, Reason: ReasonOf(err), Err: err}
}

// IsStoreError tells that a far shard could not be read, for all patience: to replace its images would lose a part of the
// data without a word, so it ends the stream. A shard that has changed is another matter: its images are stale.
func IsStoreError(err error) bool {
	var e *remote.Error
	return errors.As(err, &e) && !errors.Is(err, remote.ErrChanged) && !errors.Is(err, io.EOF)
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
