// SPDX-License-Identifier: MIT

package source

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

func shard(t *testing.T, members ...datatest.Member) string {
	path := filepath.Join(t.TempDir(), "shard-000.tar")
	datatest.Write(t, path, datatest.Tar(members...))
	return path
}

func file(name, body string) datatest.Member { return datatest.Member{Name: name, Body: []byte(body)} }

func TestTarReadsMembersOfManyShards(t *testing.T) {
	dir := datatest.Shards(t, 5, 7, 3)
	s := open(t, Location{Path: filepath.Join(dir, "shard-{000..004}.tar"), Labels: true})
	require.EqualValues(t, 35, s.Len())
	require.Equal(t, []string{"0", "1", "2"}, s.Classes())
	for i := range s.Len() {
		require.Equal(t, fmt.Sprintf("%06d.jpg", i), s.Name(i))
		require.EqualValues(t, i%3, s.Label(i))
		item, err := s.Read(t.Context(), i, nil)
		require.NoError(t, err)
		require.Equal(t, datatest.JPEG(40, 32, uint64(i)), item.Bytes)
	}
	require.Equal(t, Fingerprint(s), Fingerprint(open(t, Location{Path: dir, Labels: true})), "by the folder")
}

// Names beyond 100 bytes, big numbers and sparse maps take other headers.
func TestTarFormats(t *testing.T) {
	long := strings.Repeat("folder/", 40) + "ü.jpg"
	for _, format := range []tar.Format{tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		names := []string{"short.jpg"}
		if format != tar.FormatUSTAR {
			names = append(names, long)
		}
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "folder/", Typeflag: tar.TypeDir, Format: format, Mode: 0o755}))
		for _, name := range names {
			require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Size: 5, Mode: 0o644, Format: format, Typeflag: tar.TypeReg}))
			w.Write([]byte("hello"))
		}
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "link.jpg", Linkname: "short.jpg", Typeflag: tar.TypeSymlink, Format: format}))
		require.NoError(t, w.Close())
		path := filepath.Join(t.TempDir(), "x.tar")
		datatest.Write(t, path, b.Bytes())
		s := open(t, Location{Path: path})
		require.EqualValues(t, len(names), s.Len(), "%v", format)
		for i, name := range names {
			require.Equal(t, name, s.Name(int64(i)))
			item, err := s.Read(t.Context(), int64(i), nil)
			require.NoError(t, err)
			require.Equal(t, "hello", string(item.Bytes))
		}
	}
}

func TestTarLabels(t *testing.T) {
	for _, c := range []struct {
		name    string
		members []datatest.Member
		classes []string
		want    []string
	}{
		{"cls", []datatest.Member{file("a.jpg", "x"), file("a.cls", "2\n"), file("b.cls", "0"), file("b.jpg", "y")},
			[]string{"0", "1", "2"}, []string{"a.jpg 2", "b.jpg 0"}},
		{"names", []datatest.Member{file("a.cls", "owl"), file("a.jpg", "x"), file("b.cls", "ape"), file("b.jpg", "y")},
			[]string{"ape", "owl"}, []string{"a.jpg 1", "b.jpg 0"}},
		{"names and integers", []datatest.Member{file("a.cls", "7"), file("a.jpg", "x"), file("b.cls", "ape"), file("b.jpg", "y")},
			[]string{"7", "ape"}, []string{"a.jpg 0", "b.jpg 1"}},
		{"json", []datatest.Member{file("a.jpg", "x"), file("a.json", `{"url":"u","label":1}`), file("b.png", "y"), file("b.json", `{"cls":"0"}`)},
			[]string{"0", "1"}, []string{"a.jpg 1", "b.png 0"}},
		{"txt", []datatest.Member{file("a.jpg", "x"), file("a.txt", " 1 ")},
			[]string{"0", "1"}, []string{"a.jpg 1"}},
		{"cls beats json beats txt", []datatest.Member{file("a.txt", "0"), file("a.jpg", "x"), file("a.cls", "2"), file("a.json", `{"label":1}`)},
			[]string{"0", "1", "2"}, []string{"a.jpg 2"}},
		{"two views of one key", []datatest.Member{file("a.left.jpg", "x"), file("a.right.jpg", "y"), file("a.cls", "1")},
			[]string{"0", "1"}, []string{"a.left.jpg 1", "a.right.jpg 1"}},
		{"folders", []datatest.Member{file("train/owl/1.jpg", "x"), file("train/ape/1.jpg", "y"), file("README.txt", "no label")},
			[]string{"train/ape", "train/owl"}, []string{"train/owl/1.jpg 1", "train/ape/1.jpg 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, Location{Path: shard(t, c.members...), Labels: true})
			require.Equal(t, c.classes, s.Classes())
			require.Equal(t, c.want, listing(s))
			plain := open(t, Location{Path: shard(t, c.members...)})
			require.Nil(t, plain.Classes())
			require.Equal(t, -1, plain.Label(0))
		})
	}
}

func TestTarErrors(t *testing.T) {
	whole := datatest.Tar(file("a.jpg", strings.Repeat("x", 3000)), file("b.jpg", strings.Repeat("y", 3000)))
	for _, c := range []struct {
		content []byte
		labels  bool
		want    string
	}{
		{whole[:5000], false, "it was cut"},
		{whole[:4096+100], false, "it was cut"},
		{datatest.Gzip(whole), false, "unpack it first"},
		{bytes.Repeat([]byte("no tar "), 300), false, "no tar header"},
		{datatest.Tar(file("a.txt", "x")), false, "no images in the 1 shards"},
		{nil, false, "it is empty (0 bytes)"},
		{datatest.Tar(file("a.jpg", "x")), true, "neither a .cls, .json or .txt"},
		{datatest.Tar(file("a.jpg", "x"), file("a.cls", "1"), file("b.jpg", "x")), true, "b.jpg has no .cls"},
		{datatest.Tar(file("a.jpg", "x"), file("a.txt", "a caption of a photo")), true, "a.jpg has neither"},
	} {
		path := filepath.Join(t.TempDir(), "x.tar")
		datatest.Write(t, path, c.content)
		_, err := Open(Location{Path: path, Labels: c.labels})
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, path)
	}
	_, err := Open(Location{Path: filepath.Join(t.TempDir(), "{0..2}.tar")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTarSideIndexSparesTheWalk(t *testing.T) {
	dir := datatest.Shards(t, 2, 3, 2)
	first := open(t, Location{Path: dir, WriteIndex: true})
	for s := range 2 {
		require.FileExists(t, filepath.Join(dir, fmt.Sprintf("shard-%03d.tar.seeridx", s)))
	}
	// Headers that can no longer be walked prove that the index was used; the
	// time stamp is put back.
	path := filepath.Join(dir, "shard-000.tar")
	st, err := os.Stat(path)
	require.NoError(t, err)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(raw, bytes.Repeat([]byte{0xff}, 512))
	require.NoError(t, os.WriteFile(path, raw, 0o644))
	require.NoError(t, os.Chtimes(path, st.ModTime(), st.ModTime()))

	second := open(t, Location{Path: dir})
	require.Equal(t, Fingerprint(first), Fingerprint(second))
	require.Equal(t, listing(open(t, Location{Path: dir, Labels: true})), []string{
		"000000.jpg 0", "000001.jpg 1", "000002.jpg 0", "000003.jpg 1", "000004.jpg 0", "000005.jpg 1"})

	// A shard written again is walked again, and here fails.
	require.NoError(t, os.Chtimes(path, st.ModTime(), st.ModTime().Add(1e9)))
	_, err = Open(Location{Path: dir})
	require.ErrorContains(t, err, "no tar header")
}

// Shards are moved together with the indexes beside them: what counts is where they are now.
func TestTarSideIndexMovesWithItsShard(t *testing.T) {
	old := datatest.Shards(t, 2, 3, 1)
	first := open(t, Location{Path: old, WriteIndex: true})
	want := Fingerprint(first)
	dir := filepath.Join(t.TempDir(), "moved")
	require.NoError(t, os.Rename(old, dir))
	moved := open(t, Location{Path: dir})
	require.Equal(t, want, Fingerprint(moved))
	for i := range moved.Len() {
		_, err := moved.Read(t.Context(), i, nil)
		require.NoError(t, err)
	}
}

func TestTarNoticesAChangedShard(t *testing.T) {
	path := shard(t, file("a.jpg", "x"))
	s := open(t, Location{Path: path})
	require.NoError(t, os.Truncate(path, 100))
	_, err := s.Read(t.Context(), 0, nil)
	require.Equal(t, Stale, ReasonOf(err))
	require.ErrorContains(t, err, "100 bytes")
	require.NoError(t, os.Remove(path))
	_, err = s.Read(t.Context(), 0, nil)
	require.Equal(t, Missing, ReasonOf(err))
}

func TestTarMembersMayBeCompressed(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	body := datatest.JPEG(40, 30, 1)
	path := shard(t,
		datatest.Member{Name: "a.jpg.gz", Body: datatest.Gzip(body)}, datatest.Member{Name: "a.cls", Body: []byte("1")},
		datatest.Member{Name: "b.jpg.zst", Body: enc.EncodeAll(body, nil)}, datatest.Member{Name: "b.cls", Body: []byte("0")},
		datatest.Member{Name: "c.jpg.gz", Body: []byte("broken")}, datatest.Member{Name: "c.cls", Body: []byte("0")},
		datatest.Member{Name: "d.jpg.zst", Body: []byte("broken")}, datatest.Member{Name: "d.cls", Body: []byte("0")},
		datatest.Member{Name: "e.jpg.gz", Body: datatest.Gzip(make([]byte, 1<<20))}, datatest.Member{Name: "e.cls", Body: []byte("0")})
	s := open(t, Location{Path: path, Labels: true, MaxFileBytes: 1 << 16})
	for i := range int64(2) {
		item, err := s.Read(t.Context(), i, nil)
		require.NoError(t, err)
		require.Equal(t, body, item.Bytes)
		require.EqualValues(t, 1-i, s.Label(i))
	}
	for i, want := range map[int64]Reason{2: Unreadable, 3: Unreadable, 4: TooLarge} {
		_, err := s.Read(t.Context(), i, nil)
		require.Equal(t, want, ReasonOf(err), "%v", err)
	}
}

// More shards than handles, read from many goroutines at once.
func TestTarKeepsFewFilesOpen(t *testing.T) {
	s := open(t, Location{Path: datatest.Shards(t, 12, 2, 2)}).(*tarSource)
	s.shards.limit = 3
	done := make(chan error)
	for g := range 4 {
		go func() {
			for k := range 100 {
				if _, err := s.Read(t.Context(), int64(g*7+k*5)%s.Len(), nil); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}
	require.LessOrEqual(t, len(s.shards.open), 3)
	require.NoError(t, s.Close())
	require.Empty(t, s.shards.open)
}

func TestHandlesOfOneShardOpenedTwice(t *testing.T) {
	s := open(t, Location{Path: datatest.Shards(t, 1, 1, 1)}).(*tarSource)
	h := s.shards
	first, err := h.acquire(t.Context(), 0)
	require.NoError(t, err)
	file, err := openShard(t.Context(), nil, h.shards[0])
	require.NoError(t, err)
	second := h.add(0, file) // as if both had found the shard closed
	require.NotSame(t, first, second)
	h.release(second)
	_, err = file.(localShard).Stat()
	require.ErrorIs(t, err, os.ErrClosed, "used once")
	h.release(first)
	again, err := h.acquire(t.Context(), 0)
	require.NoError(t, err)
	require.Same(t, first, again)
	h.release(again)
	_, err = h.acquire(t.Context(), 1)
	require.Equal(t, Stale, ReasonOf(err))
	require.GreaterOrEqual(t, maxHandles(), 64)
}

func FuzzTarWalk(f *testing.F) {
	f.Add(datatest.Tar(file("a.jpg", "x"), file("a.cls", "1")))
	f.Add(datatest.Tar(file(strings.Repeat("long/", 60)+"a.jpg", "x"), file("b.json", `{"label":3}`)))
	whole := datatest.Tar(file("a.jpg", "x"))
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add(append(bytes.Clone(whole), strings.Repeat("garbage", 300)...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<16 {
			return
		}
		n := 0
		w := tarWalk{selection: selection{extensions: DefaultExtensions}, labels: true, emit: func(m member) error {
			n++
			if m.offset < 0 || m.length < 0 || m.offset+m.length > int64(len(raw)) {
				t.Fatalf("%q spans %d+%d of %d bytes", m.name, m.offset, m.length, len(raw))
			}
			return nil
		}}
		w.walk(bytes.NewReader(raw), int64(len(raw)))
		if n > len(raw)/512 {
			t.Fatalf("%d members in %d bytes", n, len(raw))
		}
	})
}
