// SPDX-License-Identifier: MIT

package source_test

import (
	"io"
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

// shardServer serves a folder and breaks every third answer off after 300 bytes; away, it answers nothing but 404.
func shardServer(t *testing.T, dir string) (url string, away *atomic.Bool) {
	t.Helper()
	away = new(atomic.Bool)
	var n atomic.Int64
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case away.Load():
			http.NotFound(w, r)
		case n.Add(1)%3 == 0:
			files.ServeHTTP(datatest.Breaking(w, 300), r)
		default:
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, away
}

func batchesOf(t *testing.T, src source.Source) (pixels [][]byte, indices []int64, labels []int64) {
	t.Helper()
	l, err := loader.New(t.Context(), loader.BatchOptions{Source: src, Crops: augment.SEER(), Batch: 5, Seed: 3, Steps: 6, Workers: 3})
	require.NoError(t, err)
	defer l.Close()
	for b, err := range l.All(t.Context()) {
		require.NoError(t, err)
		require.Empty(t, b.Bad)
		for _, g := range b.Groups {
			pixels = append(pixels, append([]byte(nil), g.Pixels...))
		}
		indices = append(indices, b.Indices...)
		for _, i := range b.Indices {
			labels = append(labels, int64(src.Label(i)))
		}
	}
	return pixels, indices, labels
}

// Shards behind a server that breaks a third of its answers off give the batches of local shards, from a walk and from an
// index.
func TestRemoteShardsEqualLocalOnes(t *testing.T) {
	dir := datatest.Shards(t, 2, 9, 3)
	want, order, classes := batchesOf(t, source.Opened(t, source.Location{Path: dir, Labels: true}))
	names, err := filepath.Glob(filepath.Join(dir, "*.tar"))
	require.NoError(t, err)
	base := strings.TrimSuffix(filepath.Base(names[0]), "0.tar")
	url, away := shardServer(t, dir)
	spec := source.Location{Path: url + "/" + base + "{0..1}.tar", Labels: true}
	got, gotOrder, gotClasses := batchesOf(t, source.Opened(t, spec))
	require.Equal(t, order, gotOrder)
	require.Equal(t, classes, gotClasses)
	require.Equal(t, want, got)

	file := filepath.Join(t.TempDir(), "all.seeridx")
	n, err := source.BuildIndex(t.Context(), spec, file, source.IndexOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 18, n)
	indexed := source.Opened(t, source.Location{Path: file, Labels: true})
	got, _, _ = batchesOf(t, indexed)
	require.Equal(t, want, got)

	// Shards that cannot be had end the stream: replacing their images would lose half of the data without a word.
	away.Store(true)
	l, err := loader.New(t.Context(), loader.BatchOptions{Source: source.Opened(t, source.Location{Path: file}), Crops: augment.SEER(), Batch: 5, MaxBadFraction: 1})
	require.NoError(t, err)
	defer l.Close()
	_, err = l.Next(t.Context())
	require.ErrorContains(t, err, "there is no such object")
	require.NotErrorIs(t, err, io.EOF)
}

// A shard that is another one now makes its images stale, as a local one does.
func TestRemoteShardChanged(t *testing.T) {
	dir := datatest.Shards(t, 1, 4, 1)
	names, err := filepath.Glob(filepath.Join(dir, "*.tar"))
	require.NoError(t, err)
	url, _ := shardServer(t, dir)
	file := filepath.Join(t.TempDir(), "all.seeridx")
	_, err = source.BuildIndex(t.Context(), source.Location{Path: url + "/" + filepath.Base(names[0])}, file, source.IndexOptions{})
	require.NoError(t, err)
	content, err := os.ReadFile(names[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(names[0], append(content, make([]byte, 1024)...), 0o644))
	_, err = source.Opened(t, source.Location{Path: file}).Read(t.Context(), 0, nil)
	require.Equal(t, source.Stale, source.ReasonOf(err))
}

func TestRemoteSourcesThatAreNotRead(t *testing.T) {
	for path, want := range map[string]string{
		"https://host/images": "only tar shards are read from URLs", "ftp://host/a.tar": `scheme "ftp"`,
		"https://user:SECRET@host/a.zip?token=SECRET": "https://host/a.zip: only tar shards",
	} {
		_, err := source.Open(source.Location{Path: path})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "SECRET")
	}
}
