// SPDX-License-Identifier: MIT

package data

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// listFile writes a list beside a file a.jpg.
func listFile(t *testing.T, content string) string {
	dir := t.TempDir()
	touch(t, dir, "a.jpg")
	path := filepath.Join(dir, "train.txt")
	datatest.Write(t, path, []byte(content))
	return path
}

func TestListLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		labels     bool
		want       []string
	}{
		{"paths", "a.jpg\nb/c.jpg\n", false, []string{"a.jpg -1", "b/c.jpg -1"}},
		{"order and repeats are kept", "z.jpg\na.jpg\nz.jpg", false, []string{"z.jpg -1", "a.jpg -1", "z.jpg -1"}},
		{"comments and empty lines", "# head\n\n  \na.jpg\n", false, []string{"a.jpg -1"}},
		{"Windows", "\xef\xbb\xbfa.jpg\r\nb.jpg\r\n", false, []string{"a.jpg -1", "b.jpg -1"}},
		{"labels by tab", "a.jpg\t3\nb\t0\n", true, []string{"a.jpg 3", "b 0"}},
		{"labels by spaces", "a.jpg 3\nb.jpg   12 \n", true, []string{"a.jpg 3", "b.jpg 12"}},
		{"labels not asked for", "a.jpg\t3\nb.jpg 4\n", false, []string{"a.jpg -1", "b.jpg -1"}},
		{"spaces in names", "a.jpg\nmy photo 7\nmy photo 7.jpg\n", false, []string{"a.jpg -1", "my photo 7 -1", "my photo 7.jpg -1"}},
		{"spaces and a label", "a.jpg\t1\nmy photo 7.jpg 2\nmy photo 7\t3", true, []string{"a.jpg 1", "my photo 7.jpg 2", "my photo 7 3"}},
		{"a tab in a name", "a.jpg\nx\ty.jpg\n\ty.jpg", false, []string{"a.jpg -1", "x\ty.jpg -1", "\ty.jpg -1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			got = append(got, listing(open(t, SourceSpec{Path: listFile(t, c.text), Labels: c.labels}))...)
			require.Equal(t, c.want, got)
		})
	}
}

func TestListClassesAreIntegers(t *testing.T) {
	s := open(t, SourceSpec{Path: listFile(t, "a.jpg 2\nb.jpg 0\n"), Labels: true})
	require.Equal(t, []string{"0", "1", "2"}, s.Classes())
}

func TestListPathsAreRelativeToTheList(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "images/a.jpg", "b.jpg")
	datatest.Write(t, filepath.Join(dir, "lists", "l.txt"), []byte("../images/a.jpg\n"+filepath.Join(dir, "b.jpg")))
	s := open(t, SourceSpec{Path: filepath.Join(dir, "lists", "l.txt")})
	for i, want := range []string{"images/a.jpg", "b.jpg"} {
		item, err := s.Read(t.Context(), int64(i), nil)
		require.NoError(t, err)
		require.Equal(t, want, string(item.Bytes))
	}
}

func TestListMayBeGzipped(t *testing.T) {
	path := listFile(t, "")
	datatest.Write(t, path+".gz", datatest.Gzip([]byte("a.jpg\n")))
	require.Equal(t, []string{"a.jpg -1"}, listing(open(t, SourceSpec{Path: path + ".gz"})))
}

func TestListErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "names no images",
		"# only\n":                   "names no images",
		"a.jpg 1\nb.jpg":             `line 2: labels are asked for, but "b.jpg" has none`,
		"a.jpg\tcat":                 `line 1: label "cat"`,
		"a.jpg\t-1":                  `label "-1"`,
		"a.jpg\t16777216":            "allowed are the integers from 0 to 16777215",
		"\t3":                        "no path before the label",
		"a.jpg\t1\nb\x00.jpg\t1":     "line 2: the path holds a zero byte",
		strings.Repeat("x", 1<<17):   "line 1 is longer",
		"nope.jpg\t1\nneither.jpg 2": "none of its first 2 files exists",
	} {
		path := listFile(t, text)
		_, err := Open(SourceSpec{Path: path, Labels: true})
		require.ErrorContains(t, err, want, "%.40q", text)
		require.ErrorContains(t, err, path)
	}
}

func FuzzList(f *testing.F) {
	f.Add([]byte("a.jpg\t3\nb.jpg 4\n# c\n\r\nmy photo 7.jpg"), true)
	f.Add([]byte("\xef\xbb\xbf../x y/z.PNG 0001\n\t\n \t9"), false)
	f.Fuzz(func(t *testing.T, text []byte, labels bool) {
		lines := 0
		r := lineReader{labels: labels, skipped: counts{}}
		err := r.each(bytes.NewReader(text), func(l line) error {
			lines++
			if len(l.path) == 0 || bytes.ContainsAny(l.path, "\x00\n") {
				t.Fatalf("path %q", l.path)
			}
			if (l.label >= 0) != labels {
				t.Fatalf("label %d of %q with labels=%v", l.label, l.path, labels)
			}
			return nil
		})
		if err == nil && lines > bytes.Count(text, []byte("\n"))+1 {
			t.Fatalf("%d entries", lines)
		}
	})
}
