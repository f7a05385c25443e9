// SPDX-License-Identifier: MIT

package source_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/fetch"
	"seer/data/loader"
	"seer/data/loader/loadertest"
	"seer/data/source"
)

// pictureServer serves a folder, and whatever path a fault answers in its place.
type pictureServer struct {
	url   string
	mu    sync.Mutex
	asked map[string]int
	now   atomic.Int64
	most  atomic.Int64
	fault func(w http.ResponseWriter, r *http.Request) bool
}

func newPictureServer(t *testing.T, dir string) *pictureServer {
	s := &pictureServer{asked: map[string]int{}}
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := s.now.Add(1)
		defer s.now.Add(-1)
		s.mu.Lock()
		s.asked[r.URL.Path]++
		s.most.Store(max(s.most.Load(), now))
		s.mu.Unlock()
		if s.fault == nil || !s.fault(w, r) {
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// webOf writes n pictures into a folder, all but those that are gone, a list of all, and a list of their URLs.
func webOf(t *testing.T, n int, gone func(i int) bool) (s *pictureServer, files, urls string) {
	dir := t.TempDir()
	s = newPictureServer(t, dir)
	var local, links []string
	for i := range n {
		name := fmt.Sprintf("%03d.jpg", i)
		local, links = append(local, name), append(links, s.url+"/"+name+"?key=SECRET")
		if !gone(i) {
			datatest.Write(t, filepath.Join(dir, name), datatest.Pictures()[i])
		}
	}
	files, urls = filepath.Join(dir, "files.txt"), filepath.Join(t.TempDir(), "urls.txt")
	datatest.Write(t, files, []byte(strings.Join(local, "\n")))
	datatest.Write(t, urls, []byte(strings.Join(links, "\n")))
	return s, files, urls
}

func none(int) bool { return false }

var private = fetch.DownloadOptions{AllowPrivate: true, Timeout: 20 * time.Second, Retries: -1}

// A third of the links is dead: the batches are those of a list whose files are missing, however many workers there are,
// and no link is asked for twice though replacements try it again.
func TestURLsEqualLocalFiles(t *testing.T) {
	gone := func(i int) bool { return i%3 == 1 || i == 6 }
	_, files, urls := webOf(t, 40, gone)
	run := func(path string, workers int) (batches, bad []string, stats loader.Stats) {
		opt := loadertest.Options(source.Opened(t, source.Location{Path: path, URLs: private}))
		opt.Workers, opt.Epochs, opt.MaxBadFraction = workers, 2, .9
		opt.OnBad = func(b loader.Bad) { bad = append(bad, fmt.Sprint(b.Step, b.Index, b.Replacement)) }
		l := loadertest.Load(t, opt)
		batches = loadertest.Take(t, l, -1)
		return batches, bad, l.Stats()
	}
	want, wantBad, stats := run(files, 3)
	require.Len(t, stats.Bad, 1)
	require.EqualValues(t, len(wantBad), stats.Bad[source.Missing])
	for _, workers := range []int{1, 2, 8} {
		s, _, urls := webOf(t, 40, gone)
		got, bad, stats := run(urls, workers)
		require.Equal(t, want, got)
		require.Equal(t, wantBad, bad)
		require.Equal(t, map[source.Reason]int64{source.DeadLink: int64(len(wantBad))}, stats.Bad)
		for path, n := range s.asked {
			require.Equal(t, 1, n, path)
		}
		require.Len(t, s.asked, 40)
	}
	index := filepath.Join(t.TempDir(), "urls.seeridx")
	_, err := source.BuildIndex(t.Context(), source.Location{Path: urls}, index, source.IndexOptions{})
	require.NoError(t, err)
	got, _, _ := run(index, 2)
	require.Equal(t, want, got)
}

// One worker decodes while many requests are under way.
func TestDownloadsDoNotWaitForWorkers(t *testing.T) {
	s, _, urls := webOf(t, 100, none)
	s.fault = func(_ http.ResponseWriter, r *http.Request) bool { time.Sleep(200 * time.Millisecond); return false }
	spec := source.Location{Path: urls, URLs: private}
	spec.URLs.PerHost = 20
	opt := loadertest.Options(source.Opened(t, spec))
	opt.Workers, opt.Steps = 1, 16
	begin := time.Now()
	loadertest.Take(t, loadertest.Load(t, opt), -1)
	t.Logf("96 images behind 200 ms each, one worker: %v, %d requests at once", time.Since(begin), s.most.Load())
	require.EqualValues(t, 20, s.most.Load(), "so many are allowed")
	require.Less(t, time.Since(begin), 10*time.Second, "one after the other would take 19 s")
}

// Whatever is wrong with links is counted by reason, and no secret of a URL is listed.
func TestBadLinksAreCountedByReason(t *testing.T) {
	s, _, urls := webOf(t, 60, none)
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/001.jpg":
			w.WriteHeader(http.StatusForbidden)
		case "/002.jpg":
			w.Header().Set("X-Robots-Tag", "noai")
			return false
		case "/003.jpg":
			<-r.Context().Done()
		case "/004.jpg":
			http.Redirect(w, r, "/gone.jpg", http.StatusFound)
		case "/005.jpg":
			w.Header().Set("Content-Length", "30000000")
		case "/006.jpg":
			w.Write([]byte("no image"))
		case "/007.jpg":
			w.Header().Set("Content-Type", "image/jpeg")
			w.Write(datatest.Pictures()[7][:500])
		case "/008.jpg":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			return false
		}
		return true
	}
	var log strings.Builder
	spec := source.Location{Path: urls, URLs: private}
	spec.URLs.Timeout = 2 * time.Second
	opt := loadertest.Options(source.Opened(t, spec))
	opt.Epochs, opt.MaxBadFraction, opt.BadLog = 1, .9, &log
	l := loadertest.Load(t, opt)
	loadertest.Take(t, l, -1)
	require.Equal(t, map[source.Reason]int64{source.DeadLink: 2, source.Disallowed: 1, source.Timeout: 1, source.TooLarge: 1, "unknown": 1, "truncated": 1, source.Unreadable: 1}, l.Stats().Bad)
	require.Contains(t, log.String(), `"name":"`+s.url+`/001.jpg"`)
	require.Contains(t, log.String(), "403 Forbidden")
	require.NotContains(t, log.String(), "SECRET")
}

// No network at all, or only private addresses: the run stops and says why.
func TestNothingCanBeDownloaded(t *testing.T) {
	_, _, urls := webOf(t, 100, none)
	for want, opt := range map[string]fetch.DownloadOptions{
		"(refused-address: the host is at 127.0.0.1": {},
		"(dead-link: nobody answers there":           private,
	} {
		path := urls
		if opt.AllowPrivate {
			closed := httptest.NewServer(nil)
			closed.Close()
			path = filepath.Join(t.TempDir(), "l.txt")
			datatest.Write(t, path, []byte(strings.Repeat(closed.URL+"/a.jpg\n", 100)))
		}
		for _, share := range []float64{.01, .9} {
			o := loadertest.Options(source.Opened(t, source.Location{Path: path, URLs: opt}))
			o.MaxBadFraction = share
			_, err := loadertest.Load(t, o).Next(t.Context())
			require.ErrorContains(t, err, "images in a row could not be used, the first of them http://127.0.0.1")
			require.ErrorContains(t, err, want)
			require.NotErrorIs(t, err, io.EOF)
		}
	}
}

// A loader is gone within a second while all servers are silent.
func TestCancelledDownloads(t *testing.T) {
	s, _, urls := webOf(t, 100, none)
	s.fault = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	spec := source.Location{Path: urls, URLs: fetch.DownloadOptions{AllowPrivate: true, Timeout: time.Minute, PerHost: 10}}
	src, err := source.Open(spec)
	require.NoError(t, err)
	l, err := loader.New(t.Context(), loadertest.Options(src))
	require.NoError(t, err)
	soon := func(what string, ok func() bool) { require.Eventually(t, ok, 5*time.Second, time.Millisecond, what) }
	soon("requests are under way", func() bool { return s.now.Load() == 10 })
	begin := time.Now()
	require.NoError(t, l.Close())
	require.NoError(t, src.Close())
	require.Less(t, time.Since(begin), time.Second)
	soon("the requests are gone", func() bool { return s.now.Load() == 0 })
}
