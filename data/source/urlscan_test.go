// SPDX-License-Identifier: MIT

package source

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// parquetOf writes rows into groups of three and pages of a few values.
func parquetOf[T any](rows ...T) []byte {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.PageBufferSize(64))
	for len(rows) > 0 {
		n := min(3, len(rows))
		if _, err := w.Write(rows[:n]); err != nil {
			panic(err)
		}
		if err := w.Flush(); err != nil {
			panic(err)
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

type laion struct {
	Caption string  `parquet:"caption,dict,zstd"`
	URL     *string `parquet:"URL,optional,snappy"`
	Width   int32   `parquet:"width"`
}

type classed struct {
	URL   string `parquet:"url,dict,gzip"`
	Label string `parquet:"label,dict"`
	ID    int64  `parquet:"id"`
}

type numbered struct {
	Link  string `parquet:"link"`
	Class int64  `parquet:"class"`
}

type packed struct {
	URL string `parquet:"url,lz4"`
}

func link(i int) string { return fmt.Sprintf("https://host%d.example/%d.jpg?k=%d", i%3, i, i) }

func writeTemp(t *testing.T, name string, content []byte) string {
	path := filepath.Join(t.TempDir(), name)
	datatest.Write(t, path, content)
	return path
}

// entries lists what an index holds, queries and all.
func entriesOf(t *testing.T, src Source) (out []string) {
	s, ok := src.(*urlSource)
	require.True(t, ok, "%T", src)
	for i := range s.Len() {
		out = append(out, fmt.Sprint(s.tableSource.Name(i), " ", s.Label(i)))
	}
	return out
}

func TestURLLists(t *testing.T) {
	text := "# head\n\nHTTPS://h/a.jpg\thttp://h/b c.jpg\nhttp://h/b.jpg?x=1#y\r\nno URL\n"
	unlabelled := []string{"HTTPS://h/a.jpg\thttp://h/b c.jpg -1", "http://h/b.jpg?x=1#y -1", "no URL -1"}
	for name, content := range map[string][]byte{"l.txt": []byte(text), "l.tsv": []byte(text), "l.txt.gz": datatest.Gzip([]byte(text))} {
		require.Equal(t, unlabelled, entriesOf(t, open(t, Location{Path: writeTemp(t, name, content)})), name)
	}
	path := writeTemp(t, "labelled.txt", []byte("http://h/a?x\t2\nhttp://h/b.jpg 0\n"))
	s := open(t, Location{Path: path, Labels: true})
	require.Equal(t, []string{"http://h/a?x 2", "http://h/b.jpg 0"}, entriesOf(t, s))
	require.Equal(t, []string{"0", "1", "2"}, s.Classes())
	require.Equal(t, "http://h/a", s.Name(0), "names hold no query")

	touchless := open(t, Location{Path: listFile(t, "a.jpg\nhttp://h/b.jpg\n")})
	require.IsType(t, &fileSource{}, touchless, "the first entry decides")
}

func TestParquetLists(t *testing.T) {
	var rows []laion
	var want []string
	for i := range 10 {
		url := link(i)
		rows = append(rows, laion{Caption: "a cat", URL: &url})
		want = append(want, url+" -1")
	}
	empty := ""
	rows[4].URL, rows[7].URL = nil, &empty // left out
	want = append(want[:4:4], append(want[5:7:7], want[8:]...)...)
	dir := t.TempDir()
	datatest.Write(t, filepath.Join(dir, "part-000.parquet"), parquetOf(rows[:5]...))
	datatest.Write(t, filepath.Join(dir, "part-001.parquet"), parquetOf(rows[5:]...))
	datatest.Write(t, filepath.Join(dir, "_SUCCESS"), nil)
	for _, path := range []string{dir, filepath.Join(dir, "part-{000..001}.parquet"), filepath.Join(dir, "*.parquet")} {
		require.Equal(t, want, entriesOf(t, open(t, Location{Path: path})), path)
	}
	datatest.Write(t, filepath.Join(dir, "a.jpg"), nil)
	require.IsType(t, &fileSource{}, open(t, Location{Path: dir}), "a folder of images with a table of something")
}

func TestParquetLabels(t *testing.T) {
	var byName []classed
	var byNumber []numbered
	for i := range 7 {
		byName = append(byName, classed{URL: link(i), Label: []string{"owl", "ape"}[i%2]})
		byNumber = append(byNumber, numbered{Link: link(i), Class: int64(i % 4)})
	}
	path := writeTemp(t, "names.parquet", parquetOf(byName...))
	s := open(t, Location{Path: path, Labels: true})
	require.Equal(t, []string{"ape", "owl"}, s.Classes())
	require.Equal(t, []int{1, 0, 1}, []int{s.Label(0), s.Label(1), s.Label(2)})
	s = open(t, Location{Path: writeTemp(t, "numbers.parquet", parquetOf(byNumber...)), Labels: true, Column: "link"})
	require.Equal(t, []string{"0", "1", "2", "3"}, s.Classes())
	require.Equal(t, 3, s.Label(3))
	require.Equal(t, link(3)+" 3", entriesOf(t, s)[3])
}

func TestURLListErrors(t *testing.T) {
	good := parquetOf(classed{URL: link(1), Label: "x"}, classed{URL: link(2), Label: "y"})
	for name, c := range map[string]struct {
		content []byte
		spec    Location
		want    string
	}{
		"empty.txt":      {nil, Location{Kind: "urls"}, "names no URLs; write one a line"},
		"paths.txt":      {[]byte("a.jpg"), Location{Kind: "urls"}, `line 1: the first entry is "a.jpg"; http://… or https://… is needed`},
		"label.txt":      {[]byte("http://h/a\t1\nhttp://h/b"), Location{Labels: true}, "line 2: labels are asked for"},
		"text.parquet":   {[]byte("http://h/a\n"), Location{}, "does not begin with PAR1"},
		"cut.parquet":    {good[:len(good)-5], Location{}, "does not end as one"},
		"short.parquet":  {[]byte("PAR1PAR1"), Location{}, "does not end as one"},
		"long.parquet":   {[]byte("PAR1\xff\xff\xff\x7fPAR1"), Location{}, "a description of 2147483647 bytes in a file of 12"},
		"column.parquet": {good, Location{Column: "link"}, "no column link for URLs; the columns are url (STRING), label (STRING), id (INT(64,true))"},
		"type.parquet":   {good, Location{Column: "id"}, "the column id for URLs is of type INT"},
		"wrong.parquet":  {good, Location{Column: "label"}, `row 1: the first entry is "x"`},
		"labels.parquet": {parquetOf(laion{}), Location{Labels: true}, "no column label or cls or class for labels; the columns are caption (STRING), URL (STRING), width (INT(32,true))"},
		"codec.parquet":  {parquetOf(packed{link(1)}), Location{}, "the column url is compressed with LZ4_RAW; allowed are none, SNAPPY, GZIP and ZSTD"},
		"big.parquet":    {parquetOf(numbered{link(1), 1 << 40}), Location{Labels: true, Column: "link"}, "row 1: label 1099511627776"},
		"none.parquet":   {parquetOf[laion](), Location{}, "names no URLs"},
		"nulls.parquet":  {parquetOf(laion{}, laion{}), Location{}, "names no URLs"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Path = writeTemp(t, name, c.content)
			_, err := Open(c.spec)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, c.spec.Path)
		})
	}
	_, err := Open(Location{Path: filepath.Join(t.TempDir(), "*.parquet")})
	require.ErrorContains(t, err, "no file matches")
}

// An index and snapshots of a list of URLs are those of any other.
func TestURLIndex(t *testing.T) {
	var rows []classed
	for i := range 100 {
		rows = append(rows, classed{URL: link(i), Label: fmt.Sprint(i % 3)})
	}
	spec := Location{Path: writeTemp(t, "l.parquet", parquetOf(rows...)), Labels: true}
	out := filepath.Join(t.TempDir(), "l.seeridx")
	n, err := BuildIndex(t.Context(), spec, out, IndexOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 100, n)
	direct, indexed := open(t, spec), open(t, Location{Path: out, Labels: true})
	require.Equal(t, entriesOf(t, direct), entriesOf(t, indexed))
	require.Equal(t, Fingerprint(direct), Fingerprint(indexed))
	require.Equal(t, []string{"0", "1", "2"}, indexed.Classes())

	pinned := spec
	pinned.Path, pinned.Kind = filepath.Join(t.TempDir(), "pinned"), "index"
	pinned.URLs.Concurrency = 3
	require.NoError(t, Pin(t.Context(), spec, pinned.Path))
	again := open(t, pinned)
	require.Equal(t, Fingerprint(direct), Fingerprint(again))
	require.Equal(t, 3*aheadOfRequests, again.(Prefetcher).Ahead(), "the options come along")
}

// A URL longer than an index keeps is a dead link, not the end of the listing.
func TestEndlessURL(t *testing.T) {
	long := "data:image/png;base64," + strings.Repeat("A", 100_000)
	src := open(t, Location{Path: writeTemp(t, "l.parquet", parquetOf(classed{URL: link(0)}, classed{URL: long}))})
	_, err := src.Read(t.Context(), 1, nil)
	require.Equal(t, DeadLink, ReasonOf(err))
	require.Less(t, len(err.Error()), 1000)
}

// Whatever the bytes are, reading them ends with rows or an error.
func FuzzParquet(f *testing.F) {
	url := link(1)
	f.Add(parquetOf(laion{"x", &url, 1}, laion{"y", nil, 2}, laion{"x", &url, 1}, laion{"x", &url, 1}), false)
	f.Add(parquetOf(classed{link(1), "a", 1}, classed{link(2), "b", 2}), true)
	f.Add(parquetOf(numbered{link(1), 1}), true)
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"), true)
	f.Fuzz(func(t *testing.T, content []byte, labels bool) {
		rows := 0
		err := eachParquetRow(bytes.NewReader(content), int64(len(content)), "", labels, func(r parquetRow) error {
			if (labels && len(r.url) > 0 && r.label < 0 && r.class == nil) || (!labels && (r.label >= 0 || r.class != nil)) {
				t.Fatalf("row %+v with labels=%v", r, labels)
			}
			if rows++; rows > 1<<20 {
				return os.ErrInvalid // dictionaries can say a lot with few bytes
			}
			return nil
		})
		if err != nil && err.Error() == "" {
			t.Fatal("an error without a word")
		}
	})
}

// A list of URLs in text: entries that can be looked up and named without a query, or an error.
func FuzzURLList(f *testing.F) {
	f.Add([]byte("http://h/a.jpg?x\t3\nhttps://u:p@h/b.jpg 4\n# c\n\r\n"), true)
	f.Add([]byte("\xef\xbb\xbfHTTP://h\nhttp://[::1\n%zz\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, labels bool) {
		path := writeTemp(t, "l.txt", text)
		src, err := Open(Location{Path: path, Kind: "urls", Labels: labels})
		if err != nil {
			return
		}
		defer src.Close()
		for i := range src.Len() {
			if name := src.Name(i); strings.Contains(name, "?") || (src.Label(i) >= 0) != labels {
				t.Fatalf("%q with label %d, labels=%v", name, src.Label(i), labels)
			}
		}
	})
}
