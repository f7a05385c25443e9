// SPDX-License-Identifier: MIT

package source

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/index"
)

// headers writes members of any type; the body of regular ones is their name.
func headers(t *testing.T, members ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		h.Mode = 0o644
		if h.Typeflag == 0 || h.Typeflag == tar.TypeCont {
			h.Size = int64(len(h.Name))
		}
		require.NoError(t, w.WriteHeader(&h))
		if h.Size > 0 {
			io.WriteString(w, h.Name)
		}
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func openTar(t *testing.T, spec Location, content []byte) Source {
	t.Helper()
	spec.Path = filepath.Join(t.TempDir(), "s.tar")
	datatest.Write(t, spec.Path, content)
	return open(t, spec)
}

// read returns the content of every image, which these tests make of the name.
func read(t *testing.T, s Source) (out []string) {
	t.Helper()
	for _, b := range readAll(t, s) {
		out = append(out, string(b))
	}
	return out
}

func TestShardsThatAreNone(t *testing.T) {
	whole := datatest.Tar(file("a.jpg", "a"), file("b.jpg", "b"))
	page := "<!DOCTYPE html><html><title>404</title>" + strings.Repeat(" ", 2000)
	for name, c := range map[string]struct {
		content []byte
		want    []string
	}{
		"nothing":                 {nil, []string{"it is empty (0 bytes)", "fetch it again"}},
		"less than a block":       {whole[:300], []string{"it has 300 bytes", "at least 512", `begins with "a.jpg`}},
		"a short message":         {[]byte("Not Found"), []string{"it has 9 bytes", `"Not Found"`}},
		"a web page":              {[]byte(page), []string{"no tar header", `begins with "<!DOCTYPE html>`}},
		"a pack of nothing":       {datatest.Gzip(nil), []string{"compressed as a whole, with gzip"}},
		"a pack of a shard":       {datatest.Gzip(whole), []string{"unpack it first"}},
		"a cut member":            {datatest.Tar(file("a.jpg", strings.Repeat("x", 3000)))[:2000], []string{"ends inside a member", "it was cut"}},
		"a cut header":            {whole[:1024+100], []string{"it was cut"}},
		"garbage before it":       {append(bytes.Repeat([]byte("garbage."), 64), whole...), []string{"no tar header before byte 512"}},
		"garbage behind it":       {append(whole, "x"+strings.Repeat("garbage", 200)...), []string{"behind an end mark", "not zero and no tar header"}},
		"a little garbage behind": {append(whole, "garbage"...), []string{"behind the end mark", `"garbage"`}},
		"space that was reserved": {append(whole, make([]byte, 2<<20)...), []string{"more than a megabyte of zeros", "fetch it again"}},
		"nothing but zeros":       {make([]byte, 2<<20), []string{"more than a megabyte of zeros", "fetch it again"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			datatest.Write(t, filepath.Join(dir, "s0.tar"), whole)
			datatest.Write(t, filepath.Join(dir, "s1.tar"), c.content)
			for _, path := range []string{dir, filepath.Join(dir, "s{0..1}.tar"), filepath.Join(dir, "*.tar")} {
				_, err := Open(Location{Path: path})
				require.ErrorContains(t, err, filepath.Join(dir, "s1.tar"), "the shard is named")
				for _, want := range c.want {
					require.ErrorContains(t, err, want)
				}
			}
		})
	}
}

// Shards are joined with cat. Samples of two archives are not one sample, even if they share their key.
func TestJoinedShardsAreReadOn(t *testing.T) {
	a := datatest.Tar(file("a.jpg", "a"), file("0.jpg", "first"))
	b := datatest.Tar(file("0.jpg", "second"), file("0.cls", "7"))
	for name, content := range map[string][]byte{
		"end marks between":   append(bytes.Clone(a), b...),
		"padded to records":   append(append(bytes.Clone(a), make([]byte, 10240-len(a)%10240)...), b...),
		"half an end mark":    append(a[:len(a)-512:len(a)-512], b...),
		"no end mark between": append(a[:len(a)-1024:len(a)-1024], b...),
	} {
		s := openTar(t, Location{}, content)
		require.Equal(t, []string{"a", "first", "second"}, read(t, s), name)
		require.Equal(t, index.Count{N: 1, First: "s.tar: 0.jpg"}, ListingOf(s).Remarks[repeatedName], name)
	}
	_, err := Open(Location{Path: shard(t, file("x.jpg", "x"), file("x.cls", "1"), file("y.jpg", "y")), Labels: true})
	require.ErrorContains(t, err, "y.jpg has no .cls")
}

func TestAnEndWithoutItsMarkIsSaid(t *testing.T) {
	whole := datatest.Tar(file("a.jpg", "a"), file("b.jpg", "b"))
	require.Empty(t, ListingOf(openTar(t, Location{}, whole)).Remarks)
	for cut, want := range map[int]int{1024: 2, 1024 + 1024: 1} {
		s := openTar(t, Location{}, whole[:len(whole)-cut])
		require.EqualValues(t, want, s.Len())
		require.Equal(t, index.Count{N: 1, First: "s.tar"}, ListingOf(s).Remarks[noEndMark])
	}
	dir := t.TempDir()
	datatest.Write(t, filepath.Join(dir, "a.tar"), whole)
	datatest.Write(t, filepath.Join(dir, "empty.tar"), make([]byte, 10240))
	s := open(t, Location{Path: dir})
	require.EqualValues(t, 2, s.Len())
	require.Equal(t, map[string]index.Count{"shards without images": {N: 1, First: "empty.tar"}}, ListingOf(s).Remarks)
}

// Members that hold no image of their own are counted, never dropped without a word.
func TestMembersThatAreNoFiles(t *testing.T) {
	s := openTar(t, Location{}, headers(t,
		tar.Header{Name: "photos/", Typeflag: tar.TypeDir}, tar.Header{Name: "a.jpg"},
		tar.Header{Name: "loose.jpg", Linkname: "z.jpg", Typeflag: tar.TypeLink},
		tar.Header{Name: "soft.jpg", Linkname: "a.jpg", Typeflag: tar.TypeSymlink},
		tar.Header{Name: "pipe.jpg", Typeflag: tar.TypeFifo}, tar.Header{Name: "zero", Typeflag: tar.TypeChar},
		tar.Header{Name: "contiguous.jpg", Typeflag: tar.TypeCont},
		tar.Header{Name: ".thumbnails/a.jpg"}, tar.Header{Name: "photos/._a.jpg"}, tar.Header{Name: "./b.JPG"},
		tar.Header{Name: "README"}, tar.Header{Name: "b.json"}, tar.Header{Name: "c.json"}))
	require.Equal(t, []string{"a.jpg", "contiguous.jpg", "./b.JPG"}, read(t, s))
	require.Equal(t, map[string]index.Count{
		"links": {N: 1, First: "s.tar: soft.jpg"}, looseLink: {N: 1, First: "s.tar: loose.jpg"}, "special members": {N: 2, First: "s.tar: pipe.jpg"}, isHidden: {N: 2, First: "s.tar: .thumbnails/a.jpg"},
		noEnding: {N: 1, First: "s.tar: README"}, ".json": {N: 2, First: "s.tar: b.json"},
	}, ListingOf(s).Skipped)
	require.Equal(t, "left out: 2 .json (s.tar: b.json, …), 2 hidden (s.tar: .thumbnails/a.jpg, …), 2 special members (s.tar: pipe.jpg, …), "+
		"1 hard links to no file before them in the shard (s.tar: loose.jpg), 1 links (s.tar: soft.jpg), 1 without an ending (s.tar: README)", ListingOf(s).String())
}

// Where a file has two names, tar writes it once and the second as a link: both are images, and so are labels.
func TestHardLinksAreTheMembersTheyPointTo(t *testing.T) {
	content := headers(t,
		tar.Header{Name: "0.jpg"}, tar.Header{Name: "0.cls"},
		tar.Header{Name: "1.jpg", Linkname: "./0.jpg", Typeflag: tar.TypeLink}, tar.Header{Name: "1.cls", Linkname: "0.cls", Typeflag: tar.TypeLink},
		tar.Header{Name: "2.jpg", Linkname: "1.jpg", Typeflag: tar.TypeLink}, tar.Header{Name: "2.cls"},
		tar.Header{Name: ".hidden"},
		tar.Header{Name: "3.jpg", Linkname: "/.hidden", Typeflag: tar.TypeLink}, tar.Header{Name: "3.cls", Linkname: "3.jpg", Typeflag: tar.TypeLink},
		tar.Header{Name: "4.jpg", Linkname: "5.jpg", Typeflag: tar.TypeLink}, tar.Header{Name: "5.jpg"}, tar.Header{Name: "5.cls"},
		tar.Header{Name: ".6.jpg", Linkname: "5.jpg", Typeflag: tar.TypeLink})
	for _, window := range []int64{0, 2} {
		s := openTar(t, Location{Labels: true, Window: window}, content)
		require.Equal(t, []string{"0.jpg 1", "1.jpg 1", "2.jpg 2", "3.jpg 0", "5.jpg 3"}, listing(s))
		require.Equal(t, []string{".hidden", "0.cls", "2.cls", "5.cls"}, s.Classes())
		require.Equal(t, []string{"0.jpg", "0.jpg", "0.jpg", ".hidden", "5.jpg"}, read(t, s))
		require.Equal(t, map[string]index.Count{
			looseLink: {N: 1, First: "s.tar: 4.jpg"}, isHidden: {N: 2, First: "s.tar: .hidden"},
		}, ListingOf(s).Skipped)
	}
}

// What is in pieces cannot be read where it lies, under no name.
func TestHardLinksToSparseMembersAreCounted(t *testing.T) {
	body := append([]byte("hello"), make([]byte, 507)...)
	sparse := raw("sparse.jpg", "ustar  \x00", 'S', 5, func(h []byte) {
		copy(h[386:], "00000000000\x0000000000005\x00") // one piece
		copy(h[483:], "00000000005\x00")
	})
	link := raw("link.jpg", "ustar  \x00", '1', 0, func(h []byte) { copy(h[157:], "sparse.jpg") })
	content := slices.Concat(sparse, body, link, raw("a.jpg", "ustar\x0000", '0', 5, nil), body, make([]byte, 1024))
	s := openTar(t, Location{}, content)
	require.Equal(t, []string{"a.jpg -1"}, listing(s))
	require.Equal(t, map[string]index.Count{
		looseLink: {N: 1, First: "s.tar: link.jpg"}, "sparse members, whose data lie in pieces": {N: 1, First: "s.tar: sparse.jpg"},
	}, ListingOf(s).Skipped)
}

func TestMemberNamesAreNames(t *testing.T) {
	names := []string{"/abs/a.jpg", "../up.jpg", "d/../b.jpg", "new\nline.jpg", "sp ace .jpg", "\xff.jpg", "UPPER.JPEG", "a.b.c.jpg",
		"//x.png", strings.Repeat("long/", 60) + "name.jpg"}
	var members []tar.Header
	for _, n := range names {
		members = append(members, tar.Header{Name: n})
	}
	s := openTar(t, Location{}, headers(t, members...))
	require.Equal(t, names, read(t, s))
	for i, n := range names {
		require.Equal(t, n, s.Name(int64(i)))
	}
	require.Empty(t, ListingOf(s).Skipped)
}

// raw writes a header of the old kinds, which archive/tar does not write.
func raw(name, magic string, kind byte, size int, edit func(h []byte)) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00", size))
	copy(h[136:], "00000000000\x00")
	h[156] = kind
	copy(h[257:], magic)
	if edit != nil {
		edit(h)
	}
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

func TestOldHeaders(t *testing.T) {
	body := append([]byte("hello"), make([]byte, 507)...)
	end := make([]byte, 1024)
	sparse := raw("sparse.jpg", "ustar  \x00", 'S', 5, func(h []byte) {
		copy(h[386:], "00000000000\x0000000000005\x00") // one piece
		copy(h[483:], "00000000005\x00")
	})
	var content []byte
	for _, part := range [][]byte{
		raw("v7.jpg", "", 0, 5, nil), body,
		raw("star.jpg", "ustar\x0000", '0', 5, func(h []byte) { copy(h[508:], "tar\x00") }), body,
		raw("gnu.jpg", "ustar  \x00", '0', 5, nil), body,
		raw("unknown.jpg", "ustar\x0000", 'Z', 5, nil), body,
		sparse, body,
		raw("last.jpg", "ustar\x0000", '7', 5, nil), body, end,
	} {
		content = append(content, part...)
	}
	s := openTar(t, Location{}, content)
	require.Equal(t, []string{"v7.jpg -1", "star.jpg -1", "gnu.jpg -1", "last.jpg -1"}, listing(s))
	for _, b := range read(t, s) {
		require.Equal(t, "hello", b)
	}
	require.Equal(t, map[string]index.Count{
		"special members": {N: 1, First: "s.tar: unknown.jpg"}, "sparse members, whose data lie in pieces": {N: 1, First: "s.tar: sparse.jpg"},
	}, ListingOf(s).Skipped)
}

// GNU tar writes sparse members of the newer kinds as PAX records.
func TestSparseMembersArePassedOver(t *testing.T) {
	pax := func(records ...string) []byte {
		text := ""
		for _, r := range records {
			n := len(r) + 3
			for len(fmt.Sprint(n))+len(r)+2 != n {
				n = len(fmt.Sprint(n)) + len(r) + 2
			}
			text += fmt.Sprintf("%d %s\n", n, r)
		}
		return append(raw("PaxHeaders/x", "ustar\x0000", 'x', len(text), nil), append([]byte(text), make([]byte, 512-len(text)%512)...)...)
	}
	body := append([]byte("hello"), make([]byte, 507)...)
	table := append([]byte("1\n0\n5\n"), make([]byte, 506)...)
	for name, parts := range map[string][][]byte{
		"0.0": {pax("GNU.sparse.size=9", "GNU.sparse.numblocks=1", "GNU.sparse.offset=0", "GNU.sparse.numbytes=5"), raw("hole.jpg", "ustar\x0000", '0', 5, nil), body},
		"0.1": {pax("GNU.sparse.size=9", "GNU.sparse.numblocks=1", "GNU.sparse.name=hole.jpg", "GNU.sparse.map=0,5"), raw("x/hole", "ustar\x0000", '0', 5, nil), body},
		"1.0": {pax("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=hole.jpg", "GNU.sparse.realsize=9"), raw("x/hole", "ustar\x0000", '0', 517, nil), table, body},
	} {
		content := append(raw("a.jpg", "ustar\x0000", '0', 5, nil), body...)
		for _, p := range append(parts, raw("z.jpg", "ustar\x0000", '0', 5, nil), body, make([]byte, 1024)) {
			content = append(content, p...)
		}
		s := openTar(t, Location{}, content)
		require.Equal(t, []string{"a.jpg -1", "z.jpg -1"}, listing(s), name)
		require.Equal(t, []string{"hello", "hello"}, read(t, s), name)
		require.Equal(t, map[string]index.Count{"sparse members, whose data lie in pieces": {N: 1, First: "s.tar: hole.jpg"}}, ListingOf(s).Skipped, name)
		require.Empty(t, ListingOf(s).Remarks, name)
	}
}

func TestTheImageOfASample(t *testing.T) {
	for name, c := range map[string]struct{ members, want, beside string }{
		"a mask by its second ending":  {"0.jpg 0.seg.png 1.jpg 1.seg.png", "0.jpg 1.jpg", "2 0.seg.png"},
		"the mask comes first":         {"0.mask.png 0.jpg", "0.jpg", "1 0.mask.png"},
		"a preview":                    {"0.thumb.jpg 0.jpg 0.json", "0.jpg", "1 0.thumb.jpg"},
		"a mask by its format":         {"0.jpg 0.png 1.png 1.webp", "0.jpg 1.webp", "2 0.png"},
		"a photograph without a mask":  {"0.png 1.jpg", "0.png 1.jpg", ""},
		"packed once more":             {"0.jpg.gz 0.seg.png.gz", "0.jpg.gz", "1 0.seg.png.gz"},
		"other folders, other samples": {"a/0.jpg b/0.png", "a/0.jpg b/0.png", ""},
		"no image is the sample's own": {"0.left.jpg 0.right.jpg", "0.left.jpg 0.right.jpg", ""},
	} {
		var members []datatest.Member
		for m := range strings.FieldsSeq(c.members) {
			members = append(members, file(m, m))
		}
		s := open(t, Location{Path: shard(t, members...)})
		var got []string
		for i := range s.Len() {
			got = append(got, s.Name(i))
		}
		require.Equal(t, c.want, strings.Join(got, " "), name)
		l := ListingOf(s)
		if c.beside != "" {
			require.Equal(t, c.beside, fmt.Sprint(l.Skipped[companions].N, " ", strings.TrimPrefix(l.Skipped[companions].First, "shard-000.tar: ")), name)
			require.Contains(t, l.String(), "data.members chooses", name)
		}
	}
	l := ListingOf(open(t, Location{Path: shard(t, file("0.rgb.png", "x"), file("0.depth.png", "y"))}))
	require.Equal(t, "samples of several images, all of them used: 1 (shard-000.tar: 0.rgb.png); data.members chooses", l.String())
}

// What a shard holds is said again when its index is used in place of it, and the index of other patterns is not.
func TestSideIndexRemembersWhatWasLeftOut(t *testing.T) {
	path := shard(t, file("0.jpg", "x"), file("0.seg.png", "y"), file("0.txt", "z"))
	first := open(t, Location{Path: path, WriteIndex: true})
	require.FileExists(t, path+".seeridx")
	second := open(t, Location{Path: path})
	require.Equal(t, ListingOf(first), ListingOf(second))
	require.NotEmpty(t, ListingOf(second).Skipped)
	require.Equal(t, []string{"0.seg.png -1"}, listing(open(t, Location{Path: path, Members: []string{"*.png"}})))
}

func TestARewrittenShardIsStale(t *testing.T) {
	path := shard(t, file("a.jpg", "aaaa"), file("b.jpg", "bbbb"))
	out := filepath.Join(t.TempDir(), "x.seeridx")
	_, err := BuildIndex(t.Context(), Location{Path: path}, out, IndexOptions{})
	require.NoError(t, err)
	st, err := os.Stat(path)
	require.NoError(t, err)
	opened := open(t, Location{Path: out})
	windowed := open(t, Location{Path: out, Window: 2}).(*windowedTar)
	windowed.chunk = 512
	require.Equal(t, []string{"aaaa", "bbbb"}, read(t, opened), "its file is open now")
	_, err = windowed.Read(t.Context(), 0, nil)
	require.NoError(t, err)

	other := datatest.Tar(file("c.jpg", "cccc"), file("d.jpg", "dddd"))
	require.EqualValues(t, st.Size(), len(other))
	require.NoError(t, os.WriteFile(path, other, 0o644)) // into the file that is open
	require.NoError(t, os.Chtimes(path, time.Time{}, st.ModTime().Add(3*time.Second)))
	for name, s := range map[string]Source{"while open": opened, "opened later": open(t, Location{Path: out}), "in windows": windowed} {
		_, err := s.Read(t.Context(), 1, nil)
		require.Equal(t, Stale, ReasonOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "seer data index", name)
		require.ErrorContains(t, err, "rsync -t", name)
	}
	require.Equal(t, []string{"cccc", "dddd"}, read(t, open(t, Location{Path: path})), "listed anew")
}

// A shard that is replaced by another file stays what it was for those who have it open.
func TestAReplacedShardStaysOpen(t *testing.T) {
	path := shard(t, file("a.jpg", "aaaa"))
	s := open(t, Location{Path: path})
	require.Equal(t, []string{"aaaa"}, read(t, s))
	next := path + ".new"
	datatest.Write(t, next, datatest.Tar(file("b.jpg", "bbbb")))
	require.NoError(t, os.Chtimes(next, time.Time{}, time.Now().Add(time.Hour)))
	require.NoError(t, os.Rename(next, path))
	require.Equal(t, []string{"aaaa"}, read(t, s))
	s.(*tarSource).shards.open[0].file.Close()
	delete(s.(*tarSource).shards.open, 0)
	_, err := s.Read(t.Context(), 0, nil)
	require.Equal(t, Stale, ReasonOf(err), "%v", err)
}

// Copies that keep whole seconds are the same shard; such that keep no time are told apart.
func TestCopiedShardsKeepTheirTime(t *testing.T) {
	path := shard(t, file("a.jpg", "aaaa"))
	at := time.Unix(1_700_000_000, 123_456_789)
	require.NoError(t, os.Chtimes(path, time.Time{}, at))
	out := filepath.Join(t.TempDir(), "x.seeridx")
	_, err := BuildIndex(t.Context(), Location{Path: path}, out, IndexOptions{})
	require.NoError(t, err)
	for when, want := range map[time.Time]Reason{
		at: "", at.Truncate(time.Second): "", at.Add(time.Second): Stale, at.Add(time.Nanosecond): Stale, at.Add(-time.Hour): Stale,
	} {
		require.NoError(t, os.Chtimes(path, time.Time{}, when))
		_, err := open(t, Location{Path: out}).Read(t.Context(), 0, nil)
		if want == "" {
			require.NoError(t, err, when)
			continue
		}
		require.Equal(t, want, ReasonOf(err), when)
	}
}

func TestPipesInPlaceOfFilesAreRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"s.tar", "l.txt", "x.seeridx", "p.parquet", "i.idx", "a.jpg"} {
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o644))
	}
	for _, name := range []string{"s.tar", "l.txt", "x.seeridx", "p.parquet", "i.idx"} {
		_, err := Open(Location{Path: filepath.Join(dir, name)})
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "regular file", name)
	}
	touch(t, dir, "images/b.jpg")
	datatest.Write(t, filepath.Join(dir, "list.txt"), []byte("images/b.jpg\na.jpg\n/dev/zero\nimages\n"))
	s := open(t, Location{Path: filepath.Join(dir, "list.txt")})
	for i, want := range []string{"", "pipe", "device", "folder"} {
		_, err := s.Read(t.Context(), int64(i), nil)
		if want != "" {
			require.ErrorContains(t, err, "is a "+want+"; a regular file is needed")
			require.Equal(t, Unreadable, ReasonOf(err))
		}
	}
}

// Something large that is no image takes no memory, whatever it is called.
func TestALargeFileIsJudgedByItsBeginning(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"film.jpg", "huge.jpg"} {
		touch(t, dir, name)
		require.NoError(t, os.Truncate(filepath.Join(dir, name), 1<<28))
	}
	require.NoError(t, os.Truncate(filepath.Join(dir, "huge.jpg"), 1<<40))
	s := open(t, Location{Path: dir})
	for i, want := range []Reason{"unknown", TooLarge} {
		item, err := s.Read(t.Context(), int64(i), nil)
		require.Equal(t, want, ReasonOf(err), "%v", err)
		require.Nil(t, item.Bytes)
	}
}
