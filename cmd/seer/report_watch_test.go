// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// watchedRun is a run folder with a few lines of metrics, as a run that goes on leaves it.
func watchedRun(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "watched")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "resolved.toml"), []byte("version = 1\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(`{"step":1,"loss":4.5,"lr":0.1}`+"\n"+`{"step":2,"loss":4.25,"lr":0.1}`+"\n"), 0o644))
	return dir
}

// The program serves what the run has logged by then, and ends when it is told to.
func TestReportWatchServesARunThatGoesOn(t *testing.T) {
	dir := watchedRun(t)
	c := program("report", dir, "--watch", "--port", "0")
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(line)
	require.NotEmpty(t, url, line)
	get := func() string {
		r, err := http.Get(url)
		require.NoError(t, err)
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, r.StatusCode)
		return string(text)
	}
	page := get()
	assert.Contains(t, page, "loss 4.25")
	assert.Contains(t, page, `http-equiv="refresh" content="10"`)
	f, err := os.OpenFile(filepath.Join(dir, "metrics.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"step":3,"loss":3.75,"lr":0.1}` + "\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Contains(t, get(), "loss 3.75")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	_ = c.Wait()
}

// A site that points its own name to this machine does not get to read the page.
func TestReportWatchAnswersItsOwnAddressAlone(t *testing.T) {
	h := reportHandler([]string{watchedRun(t)})
	for target, want := range map[string]int{
		"http://127.0.0.1:8787/": http.StatusOK, "http://localhost:8787/": http.StatusOK, "http://evil.example:8787/": http.StatusForbidden,
		"http://127.0.0.1:8787/metrics.jsonl": http.StatusNotFound,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		assert.Equal(t, want, w.Code, target)
	}
}

func TestReportWatchRefuses(t *testing.T) {
	dir := watchedRun(t)
	for want, args := range map[string][]string{
		"--watch writes no file: leave --out away": {"report", dir, "--watch", "--out", "x.html"},
		"--port is about --watch":                  {"report", dir, "--port", "8000"},
		"--port 70000: must be":                    {"report", dir, "--watch", "--port", "70000"},
	} {
		_, _, err := invoke(t, args...)
		assert.ErrorContains(t, err, want)
	}
}
