// SPDX-License-Identifier: MIT

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"seer/data/remote"
)

// download is one call of Get.
type download struct {
	c    *Client
	url  *url.URL
	buf  []byte
	left time.Duration // of its time
}

// maxURL is the longest URL that is asked for; servers refuse longer ones.
const maxURL = 8 << 10

func parseURL(location string) (*url.URL, error) {
	if len(location) > maxURL {
		return nil, failure(DeadLink, "a URL of more than %d bytes", maxURL)
	}
	u, err := url.Parse(strings.TrimSpace(location))
	if err != nil {
		return nil, failure(DeadLink, "the URL cannot be read")
	}
	return u, checkURL(u)
}

func checkURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return failure(DeadLink, "a URL of scheme %.20q; allowed are http and https", u.Scheme)
	}
	if u.Hostname() == "" {
		return failure(DeadLink, "the URL names no host")
	}
	return nil
}

// run repeats attempts that broke, as long as time and patience last.
func (d *download) run(ctx context.Context) ([]byte, error) {
	for failed := 0; ; failed++ {
		b, err := d.attempt(ctx)
		var again *againError
		if !errors.As(err, &again) {
			return b, err
		}
		pause := again.pause
		if pause == 0 {
			pause = d.c.pause<<failed/2 + rand.N(d.c.pause<<failed)
		}
		if failed >= d.c.opt.Retries || pause >= d.left {
			return nil, again.error
		}
		d.left -= pause
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// attempt follows redirects. Each host on the way gives a slot of its own, after the one before was given back.
func (d *download) attempt(ctx context.Context) ([]byte, error) {
	at := d.url
	for range d.c.opt.MaxRedirects + 1 {
		b, next, err := d.visit(ctx, at)
		if err != nil && at != d.url {
			err = redirected(at, err)
		}
		if err != nil || next == nil {
			return b, err
		}
		at = next
	}
	return nil, failure(DeadLink, "more than %d redirects, the last to %s", d.c.opt.MaxRedirects, remote.Name(at.String()))
}

// redirected says where an error came from, in its innermost text.
func redirected(at *url.URL, err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Err = fmt.Errorf("redirected to %s: %w", remote.Name(at.String()), e.Err)
	}
	return err
}

// visit makes one request. It returns the file or where to go on.
func (d *download) visit(ctx context.Context, at *url.URL) (body []byte, next *url.URL, err error) {
	release, err := d.c.slots.acquire(ctx, hostOf(at))
	if err != nil {
		return nil, nil, err
	}
	defer release()
	begin := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, d.left, errTime)
	defer cancel()
	defer func() { d.left -= time.Since(begin) }()
	answer, err := d.ask(ctx, at)
	if err != nil {
		return nil, nil, d.judge(ctx, err)
	}
	defer answer.Body.Close()
	if next, err = forward(at, answer); err != nil || next != nil {
		return nil, next, err
	}
	if err := d.accept(answer); err != nil {
		return nil, nil, err
	}
	body, err = d.read(answer)
	if err != nil {
		return nil, nil, d.judge(ctx, err)
	}
	return body, nil, nil
}

// hostOf names a host for its limit: with its port, because that is a server.
func hostOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func (d *download) ask(ctx context.Context, at *url.URL) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, failure(DeadLink, "the URL cannot be read")
	}
	r.Header.Set("User-Agent", d.c.agent)
	r.Header.Set("Accept", "image/*")
	return d.c.http.Do(r)
}

// forward returns where a redirect leads, nil for another answer. A user in it is not taken over.
func forward(at *url.URL, answer *http.Response) (*url.URL, error) {
	switch answer.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	next, err := at.Parse(answer.Header.Get("Location"))
	if err != nil || answer.Header.Get("Location") == "" {
		return nil, failure(DeadLink, "a redirect (%s) to nowhere", answer.Status)
	}
	next.User = nil
	return next, checkURL(next)
}

// accept judges an answer by its head.
func (d *download) accept(answer *http.Response) error {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	switch status := answer.StatusCode; {
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status >= 500:
		return &againError{failure(Broken, "the server answers %s", answer.Status), remote.RetryAfter(answer.Header.Get("Retry-After"))}
	case status != http.StatusOK:
		return failure(DeadLink, "the server answers %s", answer.Status)
	case kind == "text/html" || kind == "application/xhtml+xml":
		return failure(DeadLink, "the server answers with a web page (%s)", kind)
	case answer.ContentLength > d.c.opt.MaxBytes:
		return failure(TooLarge, "%d bytes; allowed are %d", answer.ContentLength, d.c.opt.MaxBytes)
	}
	if word := objection(answer.Header.Values("X-Robots-Tag")); word != "" && !d.c.opt.IgnoreRobotsTag {
		return failure(Disallowed, "the server sends X-Robots-Tag: %s", word)
	}
	return nil
}

// A file that says how long it is is read into one piece of memory, up to mostAtOnce: words are cheap.
const (
	firstRead  = 64 << 10
	mostAtOnce = 4 << 20
)

// read takes the body in, at most one byte more than is allowed.
func (d *download) read(answer *http.Response) ([]byte, error) {
	want := int64(firstRead)
	if answer.ContentLength >= 0 {
		want = min(answer.ContentLength+1, mostAtOnce)
	}
	buf := grown(d.buf[:0], want)
	for {
		n, err := answer.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > d.c.opt.MaxBytes:
			return nil, failure(TooLarge, "more than %d bytes", d.c.opt.MaxBytes)
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		case len(buf) == cap(buf):
			buf = grown(buf, 2*int64(cap(buf)))
		}
	}
}

// grown is buf in at least n bytes of memory.
func grown(buf []byte, n int64) []byte {
	if n <= int64(cap(buf)) {
		return buf
	}
	return append(make([]byte, 0, n), buf...)
}
