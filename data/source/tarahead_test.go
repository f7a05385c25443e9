// SPDX-License-Identifier: MIT

package source_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
)

// slowServer serves a folder, each answer a little late, and counts.
type slowServer struct {
	files                   http.Handler
	bytes, answers          atomic.Int64
	inFlight, mostAtOneTime atomic.Int64
}

func newSlowServer(t *testing.T, dir string) (*slowServer, string) {
	t.Helper()
	s := &slowServer{files: http.FileServer(http.Dir(dir))}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *slowServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	for most := s.mostAtOneTime.Load(); now > most && !s.mostAtOneTime.CompareAndSwap(most, now); most = s.mostAtOneTime.Load() {
	}
	s.answers.Add(1)
	time.Sleep(20 * time.Millisecond)
	s.files.ServeHTTP(&countingWriter{w, &s.bytes}, r)
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

// farShards opens 4 shards of 25 images that lie on a server, without the bytes of the walk being counted.
func farShards(t *testing.T, dir string, window int64) (source.Source, *slowServer) {
	t.Helper()
	server, url := newSlowServer(t, dir)
	src := source.Opened(t, source.Location{Path: url + "/shard-{000..003}.tar", Window: window})
	server.bytes.Store(0)
	server.answers.Store(0)
	return src, server
}

// One worker reads far images at the pace of many requests at once.
func TestFarImagesAreFetchedAhead(t *testing.T) {
	dir := datatest.Shards(t, 4, 25, 3)
	src, server := farShards(t, dir, 0)
	want := batchesFrom(t, source.Opened(t, source.Location{Path: dir}), nil, 0, 10)
	got := batchesFrom(t, src, nil, 0, 10)
	require.Equal(t, want, got)
	require.Greater(t, server.mostAtOneTime.Load(), int64(20))
}

// batchesFrom returns the indices and pixels of steps from to end, ten images each.
func batchesFrom(t *testing.T, src source.Source, s *sampler.Sampler, from, end int64) (out []string) {
	t.Helper()
	l, err := loader.New(t.Context(), loader.BatchOptions{Source: src, Sampler: s, Crops: augment.SEER(), Batch: 10, Seed: 3, StartStep: from, Steps: end, Workers: 1})
	require.NoError(t, err)
	defer l.Close()
	for b, err := range l.All(t.Context()) {
		require.NoError(t, err)
		require.Empty(t, b.Bad)
		out = append(out, fmt.Sprintf("%v %x", b.Indices, b.Groups[1].Pixels))
	}
	return out
}

// In windows every byte of the shards comes once an epoch, in few reads, and the batches are those of local shards.
func TestShardsAreReadInWindows(t *testing.T) {
	dir := datatest.Shards(t, 4, 25, 3)
	src, server := farShards(t, dir, 30)
	const chunk = 8 << 10
	source.SetChunk(src, chunk)
	total, chunks := int64(0), int64(0)
	for _, size := range source.ShardSizes(src) {
		total += size
		chunks += (size + chunk - 1) / chunk
	}
	order := func(src source.Source) *sampler.Sampler {
		images := src.(interface{ ShardImages() []int64 }).ShardImages()
		require.Equal(t, []int64{25, 25, 25, 25}, images)
		s, err := sampler.Windowed(sampler.Windows{Shards: images, Size: 30}, 3)
		require.NoError(t, err)
		return s
	}
	local := source.Opened(t, source.Location{Path: dir})
	want := batchesFrom(t, local, order(local), 0, 10)
	require.Equal(t, want, batchesFrom(t, src, order(src), 0, 10))
	const opened = 4 * source.ChunkReads // by each read that finds a shard closed, for a byte
	require.LessOrEqual(t, server.bytes.Load(), total+opened)
	require.Greater(t, server.bytes.Load(), total/2, "what is behind the last image is not read")
	require.LessOrEqual(t, server.answers.Load(), chunks+opened)

	again, _ := farShards(t, dir, 30)
	require.Equal(t, want[7:], batchesFrom(t, again, order(again), 7, 10), "a run that is resumed within a window")
}

// An image larger than a chunk, one that spans two, and shards that changed behind the index.
func TestWindowsReadWholeImages(t *testing.T) {
	big := datatest.JPEG(300, 200, 1)
	dir := t.TempDir()
	datatest.Write(t, dir+"/a.tar", datatest.Tar(datatest.Member{Name: "big.jpg", Body: big}, datatest.Member{Name: "packed.jpg.gz", Body: datatest.Gzip(big)}))
	src := source.Opened(t, source.Location{Path: dir + "/a.tar", Window: 2})
	source.SetChunk(src, 1000)
	for i := range int64(2) {
		src.(source.Prefetcher).Prefetch(i)
		item, err := src.Read(t.Context(), i, nil)
		require.NoError(t, err)
		require.Equal(t, big, item.Bytes)
	}
	datatest.Write(t, dir+"/b.tar", datatest.Tar(datatest.Member{Name: "big.jpg", Body: big}))
	cut := source.Opened(t, source.Location{Path: dir + "/b.tar", Window: 2})
	datatest.Write(t, dir+"/b.tar", nil)
	_, err := cut.Read(t.Context(), 0, nil)
	require.Equal(t, source.Stale, source.ReasonOf(err))
}
