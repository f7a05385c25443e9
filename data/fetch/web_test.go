// SPDX-License-Identifier: MIT

package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"seer/data/datatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// web is a server whose pages are functions of how often they were asked for.
type web struct {
	url   string
	asked sync.Map // path to *atomic.Int64
	now   atomic.Int64
	most  atomic.Int64 // requests at once
	heads sync.Map     // path to the header of its last request
}

type page func(n int64, w http.ResponseWriter, r *http.Request)

func newWeb(t *testing.T, pages map[string]page) *web {
	s := &web{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := s.now.Add(1)
		defer s.now.Add(-1)
		for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
		}
		s.heads.Store(r.URL.Path, r.Header.Clone())
		if p := pages[r.URL.Path]; p != nil {
			p(s.count(r.URL.Path).Add(1), w, r)
		} else {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *web) count(path string) *atomic.Int64 {
	n, _ := s.asked.LoadOrStore(path, new(atomic.Int64))
	return n.(*atomic.Int64)
}

func (s *web) head(path string) http.Header {
	h, _ := s.heads.Load(path)
	return h.(http.Header)
}

var picture = datatest.JPEG(60, 40, 1)

func send(_ int64, w http.ResponseWriter, _ *http.Request) { w.Write(picture) }

func stall(_ int64, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// status answers so often, and well from then on.
func status(code int, times int64) page {
	return func(n int64, w http.ResponseWriter, r *http.Request) {
		if n > times {
			send(n, w, r)
			return
		}
		w.WriteHeader(code)
	}
}

func with(key, value string, next page) page {
	return func(n int64, w http.ResponseWriter, r *http.Request) { w.Header().Set(key, value); next(n, w, r) }
}

func redirect(to string) page {
	return func(_ int64, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// broken sends a part of what it promises.
func broken(bytes int, times int64) page {
	return func(n int64, w http.ResponseWriter, r *http.Request) {
		if n > times {
			send(n, w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(picture)))
		w = datatest.Breaking(w, bytes)
		w.Write(picture)
	}
}

func endless(_ int64, w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 8192)); err != nil {
			return
		}
	}
}

func newClient(t *testing.T, opt DownloadOptions) *Client {
	if opt.Timeout == 0 {
		opt.Timeout = 20 * time.Second // a test of something else
	}
	c := New(opt)
	c.pause = time.Millisecond
	t.Cleanup(c.Close)
	return c
}

func requireReason(t *testing.T, want Reason, err error) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Reason, "%v", err)
}

func TestGet(t *testing.T) {
	pages := map[string]page{
		"/well":             send,
		"/no type":          with("Content-Type", "application/octet-stream", send),
		"/empty":            func(_ int64, w http.ResponseWriter, _ *http.Request) {},
		"/503, then well":   status(503, 1),
		"/500, then well":   status(500, 2),
		"/429, then well":   with("Retry-After", "0", status(429, 1)),
		"/reset, then well": broken(100, 1),
		"/hops":             redirect("/hop"),
		"/hop":              redirect("/well"),
		"/404":              status(404, 9),
		"/403":              status(403, 9),
		"/204":              status(204, 9),
		"/304":              status(304, 9),
		"/always 500":       status(500, 9),
		"/come back later":  with("Retry-After", "3600", status(429, 9)),
		"/stall":            stall,
		"/stall in the body": func(_ int64, w http.ResponseWriter, r *http.Request) {
			w.Write(picture[:9])
			w.(http.Flusher).Flush()
			stall(0, w, r)
		},
		"/truncated":  broken(100, 9),
		"/endless":    endless,
		"/large":      with("Content-Length", "100001", send),
		"/html":       with("Content-Type", "text/html; charset=utf-8", send),
		"/loop":       redirect("/loop"),
		"/to a file":  redirect("file:///etc/passwd"),
		"/to nowhere": status(302, 9),
		"/to 404":     redirect("/404?token=SECRET"),
		"/noai":       with("X-Robots-Tag", "noai", send),
		"/noindex":    with("X-Robots-Tag", "all, NoIndex", send),
		"/other":      with("X-Robots-Tag", "otherbot: noindex, noai", send),
	}
	s := newWeb(t, pages)
	c := newClient(t, DownloadOptions{AllowPrivate: true, MaxBytes: 100_000})
	impatient := newClient(t, DownloadOptions{AllowPrivate: true, Timeout: 300 * time.Millisecond})
	for path, want := range map[string]struct {
		reason Reason
		text   string
	}{
		"/404":               {DeadLink, "the server answers 404 Not Found"},
		"/none":              {DeadLink, "404"},
		"/403":               {DeadLink, "403"},
		"/204":               {DeadLink, "204"},
		"/304":               {DeadLink, "304"},
		"/always 500":        {Broken, "500"},
		"/come back later":   {Broken, "429"},
		"/stall":             {Timeout, "not complete after 300ms"},
		"/stall in the body": {Timeout, "not complete after 300ms"},
		"/truncated":         {Truncated, "the connection ends before the file does"},
		"/endless":           {TooLarge, "more than 100000 bytes"},
		"/large":             {TooLarge, "100001 bytes; allowed are 100000"},
		"/html":              {DeadLink, "a web page (text/html)"},
		"/loop":              {DeadLink, "more than 5 redirects, the last to " + s.url + "/loop"},
		"/to a file":         {DeadLink, `scheme "file"`},
		"/to nowhere":        {DeadLink, "to nowhere"},
		"/to 404":            {DeadLink, "redirected to " + s.url + "/404: the server answers 404"},
		"/noai":              {Disallowed, "the server sends X-Robots-Tag: noai"},
		"/noindex":           {Disallowed, "noindex"},
	} {
		t.Run(path[1:], func(t *testing.T) {
			client := c
			if want.reason == Timeout {
				client = impatient
			}
			b, err := client.Get(t.Context(), s.url+path+"?key=SECRET", nil)
			requireReason(t, want.reason, err)
			require.ErrorContains(t, err, want.text)
			require.NotContains(t, err.Error(), "SECRET")
			require.Nil(t, b)
		})
	}
	for _, path := range []string{"/well", "/no type", "/503, then well", "/500, then well", "/429, then well", "/reset, then well", "/hops", "/other"} {
		t.Run(path[1:], func(t *testing.T) {
			b, err := c.Get(t.Context(), s.url+path, make([]byte, 7))
			require.NoError(t, err)
			require.Equal(t, picture, b)
		})
	}
	b, err := c.Get(t.Context(), s.url+"/empty", nil)
	require.NoError(t, err)
	require.Empty(t, b)
	require.EqualValues(t, 3, s.count("/always 500").Load())
	require.EqualValues(t, 1, s.count("/come back later").Load(), "no pause beyond the time of the download")
	require.EqualValues(t, 1, s.count("/404").Load()-1, "what a server denies is not asked for again")
	require.Empty(t, c.slots.hosts)
}

func TestURLsThatAreNone(t *testing.T) {
	c := newClient(t, DownloadOptions{})
	for location, want := range map[string]string{
		"": "scheme", "photo.jpg": "scheme", "ftp://h/a": `scheme "ftp"`, "http:///a": "no host", "http://[::1": "cannot be read",
		"data:image/png;base64,xx": `scheme "data"`, "http://h/" + strings.Repeat("x", maxURL): "more than 8192 bytes",
	} {
		_, err := c.Get(t.Context(), location, nil)
		requireReason(t, DeadLink, err)
		require.ErrorContains(t, err, want)
	}
}

// What is sent, and that secrets stay where they belong.
func TestRequestsAreFriendly(t *testing.T) {
	other := newWeb(t, map[string]page{"/there": send})
	s := newWeb(t, map[string]page{
		"/here": redirect(strings.Replace(other.url, "http://", "http://user:OTHER@", 1) + "/there"),
	})
	c := newClient(t, DownloadOptions{AllowPrivate: true, Contact: "https://example.org/\nseer"})
	_, err := c.Get(t.Context(), strings.Replace(s.url, "http://", "http://user:SECRET@", 1)+"/here?key=SECRET", nil)
	require.NoError(t, err)
	require.NotEmpty(t, s.head("/here").Get("Authorization"), "the user of a URL is for its host")
	got := other.head("/there")
	require.Empty(t, got.Get("Authorization"))
	require.Empty(t, got.Get("Referer"))
	require.Equal(t, "image/*", got.Get("Accept"))
	require.Regexp(t, `^seer/\S+ \(\+https://example.org/seer; to object, send X-Robots-Tag: noai\)$`, got.Get("User-Agent"))
	require.NotContains(t, newClient(t, DownloadOptions{IgnoreRobotsTag: true}).agent, "noai")
}

func TestRobotsTagMayBeIgnored(t *testing.T) {
	s := newWeb(t, map[string]page{"/noai": with("X-Robots-Tag", "noai", send)})
	_, err := newClient(t, DownloadOptions{AllowPrivate: true, IgnoreRobotsTag: true}).Get(t.Context(), s.url+"/noai", nil)
	require.NoError(t, err)
	for header, want := range map[string]string{
		"": "", "all": "", "noindex": "noindex", "nofollow, NOIMAGEAI": "noimageai", "none": "none", "seer: noimageindex": "noimageindex",
		"googlebot: noindex": "", "googlebot: nofollow, noindex": "", "max-snippet: 5, noai": "noai", "unavailable_after: 25 Jun 2030 15:00:00 PST": "",
	} {
		require.Equal(t, want, objection([]string{"x", header}), header)
	}
}

// Neither a list nor a redirect reaches what is not on the web.
func TestPrivateAddressesAreRefused(t *testing.T) {
	s := newWeb(t, map[string]page{"/well": send, "/metadata": redirect("http://169.254.169.254/latest/meta-data")})
	port := s.url[strings.LastIndexByte(s.url, ':'):]
	c := newClient(t, DownloadOptions{})
	for _, location := range []string{s.url + "/well", "http://localhost" + port + "/well", "http://[::ffff:127.0.0.1]" + port + "/well",
		"http://10.0.0.1/", "http://0.0.0.0" + port + "/well", "http://[fe80::1]/", "http://2130706433" + port + "/well"} {
		_, err := c.Get(t.Context(), location, nil)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, []Reason{RefusedAddress, DeadLink}, e.Reason, "%s: %v", location, err)
		require.Zero(t, s.count("/well").Load(), location)
	}
	_, err := c.Get(t.Context(), s.url+"/well", nil)
	requireReason(t, RefusedAddress, err)
	require.ErrorContains(t, err, "the host is at 127.0.0.1, in 127.0.0.0/8")

	c.allowed = func(a netip.Addr) error {
		if a.IsLoopback() {
			return nil
		}
		return checkAddress(a)
	}
	_, err = c.Get(t.Context(), s.url+"/metadata", nil)
	requireReason(t, RefusedAddress, err)
	require.ErrorContains(t, err, "redirected to http://169.254.169.254/latest/meta-data: the host is at 169.254.169.254, in 169.254.0.0/16")
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{
		"127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"100.127.255.255", "192.0.0.170", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "fe80::1%eth0", "fc00::1", "fdff::1", "ff02::1", "fec0::1", "2001:db8::1",
		"2001::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "100::1",
	} {
		require.Error(t, checkAddress(netip.MustParseAddr(bad)), bad)
	}
	for _, good := range []string{"1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.169.0.1",
		"2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"} {
		require.NoError(t, checkAddress(netip.MustParseAddr(good)), good)
	}
}

func TestNobodyAnswers(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c := newClient(t, DownloadOptions{AllowPrivate: true})
	_, err := c.Get(t.Context(), s.URL+"/a", nil)
	requireReason(t, DeadLink, err)
	require.ErrorContains(t, err, "nobody answers there")
	_, err = c.Get(t.Context(), "http://host.invalid/a?key=SECRET", nil)
	requireReason(t, DeadLink, err)
	require.NotContains(t, err.Error(), "SECRET")
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	_, err = c.Get(t.Context(), tls.URL, nil)
	requireReason(t, DeadLink, err)
	require.ErrorContains(t, err, "the server's certificate")
}

// However many URLs of a host wait, it is asked for so many at once, and others are not kept waiting.
func TestSlowHostBesideFastOnes(t *testing.T) {
	slow := newWeb(t, map[string]page{"/a": stall})
	fast := newWeb(t, map[string]page{"/a": send})
	c := newClient(t, DownloadOptions{AllowPrivate: true, Concurrency: 8, PerHost: 3, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 200 {
		waiting.Go(func() { c.Get(ctx, slow.url+"/a", nil) })
	}
	require.Eventually(t, func() bool { return slow.now.Load() == 3 }, 5*time.Second, time.Millisecond)
	begin := time.Now()
	for range 100 {
		_, err := c.Get(t.Context(), fast.url+"/a", nil)
		require.NoError(t, err)
	}
	t.Logf("100 files of the fast host in %v, beside 200 requests to one that is silent", time.Since(begin))
	require.EqualValues(t, 3, slow.most.Load())
	cancel()
	waiting.Wait()
	require.Empty(t, c.slots.hosts, "what is known of a host goes with its last request")
}

func TestConcurrencyIsBounded(t *testing.T) {
	pages := map[string]page{"/a": func(_ int64, w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Millisecond)
		w.Write(picture)
	}}
	s := newWeb(t, pages)
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	c := newClient(t, DownloadOptions{AllowPrivate: true, Concurrency: 3, PerHost: 2})
	var all sync.WaitGroup
	for k := range 100 {
		// One server under many names.
		host := fmt.Sprintf("127.0.0.%d:%s", 1+k%20, u.Port())
		all.Go(func() {
			if _, err := c.Get(t.Context(), "http://"+host+"/a", nil); err != nil && !strings.Contains(err.Error(), "nobody answers") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, s.most.Load(), int64(3))
}

func TestCancelledWithinASecond(t *testing.T) {
	s := newWeb(t, map[string]page{"/stall": stall, "/later": with("Retry-After", "5", status(503, 9))})
	c := newClient(t, DownloadOptions{AllowPrivate: true, Timeout: time.Minute, PerHost: 1})
	for _, path := range []string{"/stall", "/later"} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		var both sync.WaitGroup
		begin := time.Now()
		for range 2 { // one waits for the other's slot
			both.Go(func() {
				if _, err := c.Get(ctx, s.url+path, nil); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", path, err)
				}
			})
		}
		both.Wait()
		require.Less(t, time.Since(begin), time.Second)
	}
}

func TestHostsAreServers(t *testing.T) {
	for location, want := range map[string]string{
		"http://Example.org/a": "example.org:80", "https://example.org/": "example.org:443", "http://h:8080/": "h:8080", "http://[2001:db8::1]/": "[2001:db8::1]:80",
	} {
		u, err := url.Parse(location)
		require.NoError(t, err)
		require.Equal(t, want, hostOf(u))
	}
}
