// SPDX-License-Identifier: MIT

package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// httpObject is a file of a web server that serves ranges (RFC 9110, section 14).
type httpObject struct{ url *url.URL }

// client follows redirects and reads no proxy of its own; the watch over silence is the caller's.
var client = &http.Client{Transport: &http.Transport{
	Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
	TLSHandshakeTimeout: 30 * time.Second, ForceAttemptHTTP2: true, DisableCompression: true,
}}

// stat asks for the first byte: HEAD is refused where URLs are signed for GET.
func (h *httpObject) stat(ctx context.Context) (int64, string, error) {
	answer, err := h.get(ctx, "bytes=0-0", "")
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	_, size, err := contentRange(answer)
	version := answer.Header.Get("ETag")
	if version == "" {
		version = answer.Header.Get("Last-Modified")
	}
	return size, version, err
}

// versionLike is the version of an answer in terms of an older one: a tag, or a date where that is one.
func versionLike(old string, answer *http.Response) string {
	if _, err := http.ParseTime(old); err == nil {
		return answer.Header.Get("Last-Modified")
	}
	return answer.Header.Get("ETag")
}

func (h *httpObject) open(ctx context.Context, off, n, size int64, version string) (io.ReadCloser, error) {
	answer, err := h.get(ctx, fmt.Sprintf("bytes=%d-%d", off, off+n-1), version)
	if err != nil {
		return nil, err
	}
	start, total, err := contentRange(answer)
	now := versionLike(version, answer)
	switch {
	case err != nil:
	case total != size || version != "" && now != "" && now != version:
		err = fmt.Errorf("%w: it has %d bytes and version %s, and had %d and %s", ErrChanged, total, now, size, version)
	case start != off:
		err = fmt.Errorf("bytes from %d were asked for, and the server sends those from %d", off, start)
	}
	if err != nil {
		answer.Body.Close()
		return nil, err
	}
	return answer.Body, nil
}

func (h *httpObject) get(ctx context.Context, bytes, version string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url.String(), nil)
	if err != nil {
		return nil, final("its URL cannot be read")
	}
	r.Header.Set("Range", bytes)
	if version != "" && strings.HasPrefix(version, `"`) {
		r.Header.Set("If-Match", version) // weak tags do not match, and a date would need another header
	}
	answer, err := client.Do(r)
	if err != nil {
		if u, ok := err.(*url.Error); ok {
			err = u.Err // without the URL: it may be signed
		}
		return nil, err
	}
	if answer.StatusCode == http.StatusPartialContent {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, refusal(answer)
}

// refusal says what an answer without bytes means.
func refusal(a *http.Response) error {
	switch a.StatusCode {
	case http.StatusOK:
		return final("the server does not serve ranges (it answered 200 to a range): copy the shards to a store that does")
	case http.StatusPreconditionFailed:
		return ErrChanged
	case http.StatusRequestedRangeNotSatisfiable:
		return final("the server has none of the bytes (%s): the object is empty or has shrunk", a.Status)
	case http.StatusUnauthorized, http.StatusForbidden:
		return final("the server refuses it (%s): the link may have expired, or credentials are missing", a.Status)
	case http.StatusNotFound, http.StatusGone:
		return final("there is no such object (%s)", a.Status)
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		if a.StatusCode < 500 {
			return final("the server answers %s", a.Status)
		}
	}
	return &laterError{fmt.Errorf("the server answers %s", a.Status), RetryAfter(a.Header.Get("Retry-After"))}
}

// RetryAfter reads the header of that name, seconds or a date; 0 where there is neither.
func RetryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// contentRange reads "bytes 0-99/1234".
func contentRange(a *http.Response) (start, size int64, err error) {
	text := a.Header.Get("Content-Range")
	var end int64
	if _, err := fmt.Sscanf(text, "bytes %d-%d/%d", &start, &end, &size); err != nil || start < 0 || end < start || size <= end {
		return 0, 0, fmt.Errorf("the server sends the range %q, which makes no sense", text)
	}
	return start, size, nil
}
