// SPDX-License-Identifier: MIT

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/remote"
)

var impatient = remote.StoreOptions{Silence: 200 * time.Millisecond, Retries: 4, Pause: time.Millisecond}

func noise(n int) []byte {
	p := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(p)
	return p
}

func open(t *testing.T, url string) *remote.Object {
	t.Helper()
	store := remote.New(impatient)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	o, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	return o
}

// Whatever interrupts an answer, every byte arrives once and in its place.
func TestReadsThroughFaults(t *testing.T) {
	faults := map[string]func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) bool{
		"none":  nil,
		"reset": func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) bool { f.cut(w, r, 1000); return true },
		"503, then well": func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) bool {
			if n%3 != 0 {
				http.Error(w, "busy", http.StatusServiceUnavailable)
			}
			return n%3 != 0
		},
		"429 with Retry-After": func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) bool {
			if n%2 == 1 {
				w.Header().Set("Retry-After", "0")
				http.Error(w, "slower", http.StatusTooManyRequests)
			}
			return n%2 == 1
		},
		"stall after the head": func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) bool {
			if n%3 == 2 {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(f.content)-1, len(f.content)))
				w.WriteHeader(http.StatusPartialContent)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}
			return n%3 == 2
		},
		"another range than asked for": func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) bool {
			if n%2 == 0 {
				r.Header.Set("Range", "bytes=7-99")
			}
			return false
		},
		"a range that makes no sense": func(n int64, f *faulty, w http.ResponseWriter, r *http.Request) bool {
			if n%2 == 0 {
				w.Header().Set("Content-Range", "bytes 9-3/2")
				w.WriteHeader(http.StatusPartialContent)
			}
			return n%2 == 0
		},
	}
	content := noise(20_000)
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			f, url := newFaulty(t, content, nil)
			o := open(t, url)
			f.set(func() { f.fault = fault })
			require.EqualValues(t, len(content), o.Size())
			got := make([]byte, 12_345)
			require.NoError(t, o.ReadAt(t.Context(), got, 678))
			require.Equal(t, content[678:678+12_345], got)
			if name == "reset" {
				require.EqualValues(t, 12_345, f.served.Load(), "a byte that has come is not asked for again")
			}
		})
	}
}

func TestWindowIsTheObject(t *testing.T) {
	content := noise(9 << 20)
	_, url := newFaulty(t, content, nil)
	o := open(t, url)
	require.NoError(t, iotest.TestReader(io.NewSectionReader(o.At(t.Context()), 0, o.Size()), content))
}

// What repeating does not help is an error at once; none shows the signature of the URL.
func TestErrorsSayWhatToDo(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusForbidden: "the link may have expired", http.StatusNotFound: "there is no such object",
		http.StatusOK: "does not serve ranges", http.StatusTeapot: "418",
		http.StatusInternalServerError: "given up after 5 attempts, the last: the server answers 500",
	} {
		_, url := newFaulty(t, noise(10), func(_ int64, _ *faulty, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			return true
		})
		_, err := remote.New(impatient).Open(t.Context(), url)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "SECRET")
	}
	for url, want := range map[string]string{
		"ftp://host/a.tar": `scheme "ftp"`, "https://host": "names no object", "s3://": "names no object",
		"http://user:SECRET@127.0.0.1:1/a": "given up after 5 attempts",
	} {
		_, err := remote.New(impatient).Open(t.Context(), url)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "SECRET")
	}
}

// An object that was replaced is an error, not a mixture of both.
func TestChangedObject(t *testing.T) {
	f, url := newFaulty(t, noise(100), nil)
	o := open(t, url)
	f.set(func() { f.etag = `"v2"` })
	require.ErrorIs(t, o.ReadAt(t.Context(), make([]byte, 10), 0), remote.ErrChanged)
	f.set(func() { f.etag, f.content = `"v1"`, noise(99) })
	require.ErrorIs(t, o.ReadAt(t.Context(), make([]byte, 10), 0), remote.ErrChanged)
	require.ErrorIs(t, o.ReadAt(t.Context(), make([]byte, 10), 95), io.EOF)
}

// Where a server has no tags, the date tells a new content, and a tag that appears later is no sign of one.
func TestChangedObjectByDate(t *testing.T) {
	date, tag := "Mon, 02 Jan 2006 15:04:05 GMT", ""
	f, url := newFaulty(t, noise(100), func(_ int64, _ *faulty, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Last-Modified", date)
		w.Header()["Etag"] = []string{tag}
		return false
	})
	o := open(t, url)
	require.Equal(t, date, o.Version())
	f.set(func() { tag = `"v1"` })
	require.NoError(t, o.ReadAt(t.Context(), make([]byte, 10), 0))
	f.set(func() { date = "Tue, 03 Jan 2006 15:04:05 GMT" })
	require.ErrorIs(t, o.ReadAt(t.Context(), make([]byte, 10), 0), remote.ErrChanged)
}

// A cancelled read returns at once, also while the server is silent or the reader pauses.
func TestCancelledWithinASecond(t *testing.T) {
	f, url := newFaulty(t, noise(100), nil)
	store := remote.New(remote.StoreOptions{})
	o, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	for name, fault := range map[string]func(int64, *faulty, http.ResponseWriter, *http.Request) bool{
		"silent": func(_ int64, _ *faulty, _ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		},
		"pausing": func(_ int64, _ *faulty, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.set(func() { f.fault = fault })
			cause := errors.New("stop")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
			begin := time.Now()
			require.ErrorIs(t, o.ReadAt(ctx, make([]byte, 10), 0), cause)
			require.Less(t, time.Since(begin), time.Second)
		})
	}
}
