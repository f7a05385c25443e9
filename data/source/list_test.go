// SPDX-License-Identifier: MIT

package source

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
			got = append(got, listing(open(t, Location{Path: listFile(t, c.text), Labels: c.labels}))...)
			require.Equal(t, c.want, got)
		})
	}
}

func TestListClassesAreIntegers(t *testing.T) {
	s := open(t, Location{Path: listFile(t, "a.jpg 2\nb.jpg 0\n"), Labels: true})
	require.Equal(t, []string{"0", "1", "2"}, s.Classes())
}

func TestListPathsAreRelativeToTheList(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "images/a.jpg", "b.jpg")
	datatest.Write(t, filepath.Join(dir, "lists", "l.txt"), []byte("../images/a.jpg\n"+filepath.Join(dir, "b.jpg")))
	s := open(t, Location{Path: filepath.Join(dir, "lists", "l.txt")})
	for i, want := range []string{"images/a.jpg", "b.jpg"} {
		item, err := s.Read(t.Context(), int64(i), nil)
		require.NoError(t, err)
		require.Equal(t, want, string(item.Bytes))
	}
}

func TestListMayBeGzipped(t *testing.T) {
	path := listFile(t, "")
	datatest.Write(t, path+".gz", datatest.Gzip([]byte("a.jpg\n")))
	require.Equal(t, []string{"a.jpg -1"}, listing(open(t, Location{Path: path + ".gz"})))
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
		_, err := Open(Location{Path: path, Labels: true})
		require.ErrorContains(t, err, want, "%.40q", text)
		require.ErrorContains(t, err, path)
	}
}

func FuzzList(f *testing.F) {
	f.Add([]byte("a.jpg\t3\nb.jpg 4\n# c\n\r\nmy photo 7.jpg"), true)
	f.Add([]byte("a.jpg\rb.jpg \r\n\"q\" 3"), true)
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
		if err == nil && lines > bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r"))+1 {
			t.Fatalf("%d entries", lines)
		}
	})
}

// Lists come from spreadsheets and shells: blanks, quotes and line ends around a path are not part of it, unless there is
// a file of that very name.
func TestListsAsProgramsWriteThem(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		labels bool
		want   []string
	}{
		"trailing blanks":                {"a.jpg  \nb.jpg\t\nmy photo.jpg \t \n", false, []string{"a.jpg -1", "b.jpg -1", "my photo.jpg -1"}},
		"a blank that does not break":    {"a.jpg\u00a0\n", false, []string{"a.jpg -1"}},
		"blanks in front":                {"  a.jpg\n\tb.jpg\n", false, []string{"a.jpg -1", "b.jpg -1"}},
		"blanks and labels":              {" a.jpg \t3 \nb.jpg  4\t\n  my photo.jpg 5", true, []string{"a.jpg 3", "b.jpg 4", "my photo.jpg 5"}},
		"quotes":                         {"\"a.jpg\"\n'b.jpg'\n\"my photo.jpg\"  \n", false, []string{"a.jpg -1", "b.jpg -1", "my photo.jpg -1"}},
		"quotes and labels":              {"\"a.jpg\"\t1\n\"my photo.jpg\" 2\n'b.jpg' \t 3\n", true, []string{"a.jpg 1", "my photo.jpg 2", "b.jpg 3"}},
		"doubled quotes":                 {"\"the \"\"b\"\".jpg\"\n", false, []string{"the \"b\".jpg -1"}},
		"names with blanks of their own": {" lead.jpg\ntrail.jpg \n\"quoted\".jpg\n", false, []string{" lead.jpg -1", "trail.jpg  -1", "\"quoted\".jpg -1"}},
		"old line ends":                  {"a.jpg\rb.jpg\r", false, []string{"a.jpg -1", "b.jpg -1"}},
		"line ends converted twice":      {"\xef\xbb\xbfa.jpg\r\r\nb.jpg\r\r\n", false, []string{"a.jpg -1", "b.jpg -1"}},
		"names that begin with #":        {"#first.jpg\n# a comment\nb.jpg\n#first.jpg \n#gone.jpg\n", false, []string{"#first.jpg -1", "b.jpg -1", "#first.jpg -1"}},
		"# and labels":                   {"# head\n#first.jpg 2\nb.jpg 1\n#b.jpg 3\n", true, []string{"#first.jpg 2", "b.jpg 1"}},
		"names that are not text":        {"\xe4\xff.jpg\n", false, []string{"\xe4\xff.jpg -1"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := listFile(t, c.text)
			touch(t, filepath.Dir(path), "b.jpg", "my photo.jpg", "#first.jpg", " lead.jpg", "trail.jpg ", "\"quoted\".jpg", "the \"b\".jpg", "\xe4\xff.jpg")
			s := open(t, Location{Path: path, Labels: c.labels})
			require.Equal(t, c.want, listing(s))
			for i := range s.Len() {
				_, err := s.Read(t.Context(), i, nil)
				require.NoError(t, err)
			}
		})
	}
}

func TestListsSayWhatTheyLeaveOut(t *testing.T) {
	s := open(t, Location{Path: listFile(t, "# head\na.jpg\n\n#a2.jpg\nmask.png\ngone.jpg \n"), Members: []string{"*.jpg"}})
	require.Equal(t, []string{"a.jpg -1", "gone.jpg  -1"}, listing(s))
	require.Equal(t, "left out: 2 comments (line 1, …), 1 not chosen by data.members (line 5); "+
		"files that do not exist, of the first 16: 1 (\"line 6: gone.jpg \")", ListingOf(s).String())
	_, err := s.Read(t.Context(), 1, nil)
	require.ErrorContains(t, err, `"gone.jpg ": missing`, "what does not show is quoted")

	for text, want := range map[string]string{
		"# one\n#two\n":                  "names no images (2 comments (line 1, …))",
		"images\\a.jpg\n":                "folders are separated by / here",
		"\xff\xfea\x00.\x00j\x00p\x00\n": "it is UTF-16, as Windows writes it; save it as UTF-8",
	} {
		_, err := Open(Location{Path: listFile(t, text)})
		require.ErrorContains(t, err, want)
	}
}

// Files far away cost a round trip each: where a thousand lines meant the same, nobody looks at the others.
func TestListsDoNotLookAtEveryLine(t *testing.T) {
	looks := 0
	r := lineReader{skipped: counts{}, exists: func(path []byte) bool { looks++; return string(path) == "a.jpg" }}
	n := 0
	text := strings.Repeat("a.jpg \n", 5000) + strings.Repeat("# comment\n", 5000)
	require.NoError(t, r.each(strings.NewReader(text), func(l line) error {
		require.Equal(t, "a.jpg", string(l.path))
		n++
		return nil
	}))
	require.Equal(t, 5000, n)
	require.EqualValues(t, 5000, r.skipped["comments"].N)
	require.Equal(t, 2*enoughLooks+enoughLooks, looks, "two names of each line, one of each comment")
}
