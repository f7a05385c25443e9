// SPDX-License-Identifier: MIT

package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"
)

// Reason says in a word why a URL gave no image.
type Reason string

// The reasons.
const (
	DeadLink       Reason = "dead-link"       // no such host, nobody answers there, 4xx, a web page, a wrong certificate
	Timeout        Reason = "timeout"         // the download took too long
	RefusedAddress Reason = "refused-address" // the host is in a private network
	Disallowed     Reason = "disallowed"      // the server asks not to use it
	TooLarge       Reason = "too-large"       // more bytes than the limit
	Truncated      Reason = "truncated"       // fewer bytes than promised
	Broken         Reason = "unreadable"      // 429, 5xx, connections that break, answers that are not HTTP
)

// Error is the failure to download. Its text does not name the URL that was asked for, which the caller knows, and never
// the user or the query of another.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func failure(r Reason, format string, args ...any) error {
	return &Error{r, fmt.Errorf(format, args...)}
}

// againError is worth another attempt, after a pause if the server asks for one.
type againError struct {
	error
	pause time.Duration
}

func (e *againError) Unwrap() error { return e.error }

// errTime ends an attempt. It is no context's error: that would look like a cancelled run.
var errTime = errors.New("no more time")

// judge finds the reason of an error that came from below HTTP.
func (d *download) judge(ctx context.Context, err error) error {
	var known *Error
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(context.Cause(ctx), errTime):
		return failure(Timeout, "not complete after %v", d.c.opt.Timeout)
	case errors.As(err, &name) && name.IsNotFound:
		return failure(DeadLink, "there is no host of that name")
	case errors.As(err, &name):
		return &againError{error: failure(DeadLink, "the host's name cannot be looked up: %s", name.Err)}
	case errors.As(err, &certificate):
		return failure(DeadLink, "the server's certificate: %w", certificate.Err)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return failure(DeadLink, "nobody answers there: %w", plain(err))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &againError{error: failure(Truncated, "the connection ends before the file does")}
	}
	return &againError{error: failure(Broken, "%.200s", plain(err))}
}

// plain takes the URL off an error, which may hold secrets.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
