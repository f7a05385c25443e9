// SPDX-License-Identifier: MIT

package remote_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// faulty serves one content by ranges and spoils most of its answers.
type faulty struct {
	mu      sync.Mutex
	content []byte
	etag    string
	answers atomic.Int64
	served  atomic.Int64 // bytes sent by cut
	fault   func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) (handled bool)
}

func newFaulty(t *testing.T, content []byte, fault func(int64, *faulty, http.ResponseWriter, *http.Request) bool) (*faulty, string) {
	f := &faulty{content: content, etag: `"v1"`, fault: fault}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return f, server.URL + "/shard.tar?signature=SECRET"
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := f.answers.Add(1)
	f.mu.Lock()
	content, etag, fault := f.content, f.etag, f.fault
	f.mu.Unlock()
	w.Header().Set("ETag", etag)
	if fault == nil || !fault(n, f, w, r) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// set changes the server between two reads.
func (f *faulty) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// cut sends the head of a range and then closes the connection.
func (f *faulty) cut(w http.ResponseWriter, r *http.Request, keep int) {
	var from, to int
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	to = min(to, len(f.content)-1)
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(f.content)))
	w.Header().Set("Content-Length", fmt.Sprint(to-from+1))
	w.WriteHeader(http.StatusPartialContent)
	f.served.Add(int64(min(keep, to+1-from)))
	w.Write(f.content[from:min(from+keep, to+1)])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}
