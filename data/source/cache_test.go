// SPDX-License-Identifier: MIT

package source_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/loader"
	"seer/data/source"
)

// meteredServer serves a folder and counts the bytes of its answers, without those to a look at an object.
func meteredServer(t *testing.T, dir string) (url string, served *atomic.Int64) {
	t.Helper()
	served = new(atomic.Int64)
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "bytes=0-0" {
			w = &meteredWriter{w, served}
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, served
}

type meteredWriter struct {
	http.ResponseWriter
	served *atomic.Int64
}

func (c *meteredWriter) Write(p []byte) (int, error) {
	c.served.Add(int64(len(p))) // before the reader has them
	return c.ResponseWriter.Write(p)
}

// epochs loads two epochs and returns the batches' pixels, and what was served in each.
func epochs(t *testing.T, src source.Source, served *atomic.Int64) (pixels []byte, bytes [2]int64) {
	t.Helper()
	steps := src.Len() / 4
	l, err := loader.New(t.Context(), loader.BatchOptions{Source: src, Crops: augment.SEER(), Batch: 4, Seed: 3, Steps: 2 * steps, Workers: 3, Prefetch: 1})
	require.NoError(t, err)
	defer l.Close()
	for b, err := range l.All(t.Context()) {
		require.NoError(t, err)
		for _, g := range b.Groups {
			pixels = append(pixels, g.Pixels...)
		}
		if b.Step == steps-1 {
			// Workers are ahead by some batches, but with the epoch's last one all of its images have been read.
			bytes[0] = served.Load()
		}
	}
	bytes[1] = served.Load() - bytes[0]
	return pixels, bytes
}

// One epoch fetches what the shards hold, and the following ones nothing: not in the same process, and not in a source
// that is opened after the list was made through the cache. The batches are those of local shards.
func TestCacheServesLaterEpochs(t *testing.T) {
	dir := datatest.Shards(t, 3, 16, 3)
	want, _ := epochs(t, source.Opened(t, source.Location{Path: dir}), new(atomic.Int64))
	names, err := filepath.Glob(filepath.Join(dir, "*.tar"))
	require.NoError(t, err)
	stored := int64(0)
	for _, name := range names {
		st, err := os.Stat(name)
		require.NoError(t, err)
		stored += st.Size()
	}
	url, served := meteredServer(t, dir)
	pattern := url + "/" + strings.TrimSuffix(filepath.Base(names[0]), "0.tar") + "{0..2}.tar"
	plain, indexed := filepath.Join(t.TempDir(), "plain.seeridx"), filepath.Join(t.TempDir(), "cached.seeridx")
	_, err = source.BuildIndex(t.Context(), source.Location{Path: pattern}, plain, source.IndexOptions{})
	require.NoError(t, err)

	served.Store(0)
	cache := source.Cache{Dir: t.TempDir(), Bytes: 64 << 20}
	got, bytes := epochs(t, source.Opened(t, source.Location{Path: plain, Cache: cache}), served)
	require.Equal(t, want, got)
	require.Equal(t, [2]int64{stored, 0}, bytes)
	require.Equal(t, stored, cache.Stats().Misses)
	require.Zero(t, cache.Stats().Failures)

	served.Store(0)
	cache.Dir = t.TempDir()
	_, err = source.BuildIndex(t.Context(), source.Location{Path: pattern, Cache: cache}, indexed, source.IndexOptions{})
	require.NoError(t, err)
	require.Equal(t, stored, served.Load())
	got, bytes = epochs(t, source.Opened(t, source.Location{Path: indexed, Cache: cache}), served)
	require.Equal(t, want, got)
	require.Equal(t, stored, bytes[0]+bytes[1], "nothing more")
}

// A cache that cannot be is an error before anything is read; local shards do not look at it.
func TestCacheErrors(t *testing.T) {
	dir := datatest.Shards(t, 1, 4, 1)
	none := source.Cache{Dir: "/proc/none", Bytes: 64 << 20}
	source.Opened(t, source.Location{Path: dir, Cache: none})
	_, err := source.Open(source.Location{Path: "https://host/a.tar", Cache: none})
	require.ErrorContains(t, err, "data: cache /proc/none: the folder cannot be written")
	url, _ := meteredServer(t, dir)
	file := filepath.Join(t.TempDir(), "far.seeridx")
	_, err = source.BuildIndex(t.Context(), source.Location{Path: url + "/shard-000.tar"}, file, source.IndexOptions{})
	require.NoError(t, err)
	_, err = source.Open(source.Location{Path: file, Cache: source.Cache{Dir: dir, Bytes: 1 << 20}})
	require.ErrorContains(t, err, "a limit of 1.0 MB; allowed are 67.1 MB and more")
}
