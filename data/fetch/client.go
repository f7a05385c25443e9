// SPDX-License-Identifier: MIT

package fetch

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"seer/internal/release"
)

// DownloadOptions bound what is asked of the web, and what it may ask of this program. The zero value is the default.
type DownloadOptions struct {
	// Concurrency is the number of requests at once, 0 means 64; PerHost of those to one host and port, 0 means 4.
	Concurrency, PerHost int
	// Timeout is the time that a download may take, with its redirects, repeats and the pauses between them, but without
	// waiting for its turn; 0 means 10 s.
	Timeout time.Duration
	// MaxBytes refuses larger files; 0 means 20 MB.
	MaxBytes int64
	// MaxRedirects in a row; 0 means 5, negative none.
	MaxRedirects int
	// Retries after 429, 5xx and broken connections; 0 means 2, negative none.
	Retries int
	// AllowPrivate allows all addresses, and the proxy of the environment.
	AllowPrivate bool
	// IgnoreRobotsTag uses images whatever X-Robots-Tag says.
	IgnoreRobotsTag bool
	// Contact is a URL or mail address for those who object to the requests.
	Contact string
}

// Defaults are what zero means.
var Defaults = DownloadOptions{Concurrency: 64, PerHost: 4, Timeout: 10 * time.Second, MaxBytes: 20 << 20, MaxRedirects: 5, Retries: 2}

func (o DownloadOptions) normal() DownloadOptions {
	o.Concurrency = orDefault(o.Concurrency, Defaults.Concurrency)
	o.PerHost = orDefault(o.PerHost, Defaults.PerHost)
	o.Timeout = orDefault(o.Timeout, Defaults.Timeout)
	o.MaxBytes = orDefault(o.MaxBytes, Defaults.MaxBytes)
	o.MaxRedirects = max(orDefault(o.MaxRedirects, Defaults.MaxRedirects), 0)
	o.Retries = max(orDefault(o.Retries, Defaults.Retries), 0)
	return o
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// agent is how requests introduce themselves.
func (o DownloadOptions) agent() string {
	to := "to object, send X-Robots-Tag: noai"
	if o.IgnoreRobotsTag {
		to = "reads single images"
	}
	if o.Contact != "" {
		to = "+" + strings.Map(printable, o.Contact) + "; " + to
	}
	return fmt.Sprintf("seer/%s (%s)", release.Version, to)
}

// printable drops what a header cannot hold.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// A Client downloads. Its methods may be called from any number of goroutines.
type Client struct {
	opt   DownloadOptions
	agent string
	http  *http.Client
	slots *slots
	// allowed judges addresses, and pause is the first between attempts; tests have their own.
	allowed func(netip.Addr) error
	pause   time.Duration
	closing context.Context
	close   context.CancelFunc
}

// New returns a client; connections are made when they are needed.
func New(opt DownloadOptions) *Client {
	opt = opt.normal()
	c := &Client{opt: opt, agent: opt.agent(), slots: newSlots(opt.Concurrency, opt.PerHost), allowed: checkAddress, pause: 250 * time.Millisecond}
	c.closing, c.close = context.WithCancel(context.Background())
	transport := &http.Transport{
		DialContext: c.dial, TLSHandshakeTimeout: opt.Timeout, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxIdleConns: opt.Concurrency, MaxIdleConnsPerHost: opt.PerHost, IdleConnTimeout: 15 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if opt.AllowPrivate {
		c.allowed = func(netip.Addr) error { return nil }
		transport.Proxy = http.ProxyFromEnvironment
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

// dial connects. The transport goes on with it when its request has ended, hence the limit and the end at Close.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)()
	return (&net.Dialer{ControlContext: c.control}).DialContext(ctx, network, address)
}

// Close frees connections. No Get may be running.
func (c *Client) Close() {
	c.close()
	c.http.CloseIdleConnections()
}

// Get downloads a URL into buf, whose length is ignored, or into new memory. The error is ctx's or an [*Error].
func (c *Client) Get(ctx context.Context, location string, buf []byte) ([]byte, error) {
	u, err := parseURL(location)
	if err != nil {
		return nil, err
	}
	d := &download{c: c, url: u, buf: buf, left: c.opt.Timeout}
	b, err := d.run(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return b, err
}
