// SPDX-License-Identifier: MIT

package source

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

func TestMembersChooseTheImages(t *testing.T) {
	const all = "a/0.jpg a/0.seg.png a/1.JPG a/1.seg.png a/2.dat a/3 b/0.seg.jpg b/4.jpg.gz b/notes.txt masks/5.png"
	for patterns, want := range map[string]string{
		"*.jpg":         "a/0.jpg a/1.JPG b/0.seg.jpg b/4.jpg.gz",
		"jpg":           "a/0.jpg a/1.JPG b/4.jpg.gz",
		".jpg":          "a/0.jpg a/1.JPG b/4.jpg.gz",
		"JPG":           "a/0.jpg a/1.JPG b/4.jpg.gz",
		"seg.png":       "a/0.seg.png a/1.seg.png",
		"0.jpg":         "a/0.jpg",
		"!*.seg.*":      "a/0.jpg a/1.JPG b/4.jpg.gz masks/5.png",
		"!masks/*":      "a/0.jpg a/0.seg.png a/1.JPG a/1.seg.png b/0.seg.jpg b/4.jpg.gz",
		"*.jpg,!0.*":    "a/1.JPG b/4.jpg.gz",
		"a/*":           "a/0.jpg a/0.seg.png a/1.JPG a/1.seg.png a/3",
		"*":             "a/0.jpg a/0.seg.png a/1.JPG a/1.seg.png a/3 b/0.seg.jpg b/4.jpg.gz masks/5.png",
		"*.dat":         "a/2.dat",
		"dat,masks/*":   "a/2.dat masks/5.png",
		"[01].jpg":      "a/0.jpg a/1.JPG",
		"*.jpg,seg.png": "a/0.jpg a/0.seg.png a/1.JPG a/1.seg.png b/0.seg.jpg b/4.jpg.gz",
	} {
		t.Run(patterns, func(t *testing.T) {
			var members []datatest.Member
			for name := range strings.FieldsSeq(all) {
				body := []byte(name)
				if strings.HasSuffix(name, ".gz") {
					body = datatest.Gzip(body)
				}
				members = append(members, datatest.Member{Name: name, Body: body})
			}
			spec := Location{Path: shard(t, members...), Members: strings.Split(patterns, ",")}
			s := open(t, spec)
			require.Equal(t, want, names1(s), "shard")
			require.EqualValues(t, len(strings.Fields(all)), s.Len()+counts(ListingOf(s).Skipped).total(), "what is not chosen is counted")

			out := filepath.Join(t.TempDir(), "x.seeridx")
			_, err := BuildIndex(t.Context(), spec, out, IndexOptions{})
			require.NoError(t, err)
			stored := open(t, Location{Path: out, Members: spec.Members})
			require.Equal(t, Fingerprint(s), Fingerprint(stored), "index")
			require.Equal(t, ListingOf(s), ListingOf(stored), "index")

			dir := t.TempDir()
			touch(t, dir, strings.Fields(all)...)
			require.Equal(t, strings.TrimSpace(strings.Replace(" "+want, " b/4.jpg.gz", "", 1)), names1(open(t, Location{Path: dir, Members: spec.Members})), "folder; images are not packed there")
		})
	}
}

// names1 is the names of a source in one line.
func names1(s Source) string {
	var out []string
	for i := range s.Len() {
		out = append(out, s.Name(i))
	}
	return strings.Join(out, " ")
}

// An index holds what it holds, and data.members chooses among that.
func TestMembersOfAnIndex(t *testing.T) {
	dir := datatest.Shards(t, 3, 4, 3)
	all, some := filepath.Join(t.TempDir(), "all.seeridx"), filepath.Join(t.TempDir(), "some.seeridx")
	_, err := BuildIndex(t.Context(), Location{Path: dir, Labels: true}, all, IndexOptions{})
	require.NoError(t, err)
	patterns := []string{"*[02468].jpg", "!000002.jpg"}
	n, err := BuildIndex(t.Context(), Location{Path: all, Labels: true, Members: patterns}, some, IndexOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
	want := []string{"000000.jpg 0", "000004.jpg 1", "000006.jpg 0", "000008.jpg 2", "000010.jpg 1"}
	for name, s := range map[string]Source{
		"of all":     open(t, Location{Path: all, Labels: true, Members: patterns}),
		"stored":     open(t, Location{Path: some, Labels: true}),
		"the shards": open(t, Location{Path: dir, Labels: true, Members: patterns}),
	} {
		require.Equal(t, want, listing(s), name)
		require.Equal(t, []string{"0", "1", "2"}, s.Classes(), name)
		require.EqualValues(t, 7, ListingOf(s).Skipped[notChosen].N, name)
		require.Equal(t, []int64{1, 2, 2}, s.(*tarSource).ShardImages(), name)
		for i, b := range readAll(t, s) {
			require.Equal(t, datatest.JPEG(40, 32, []uint64{0, 4, 6, 8, 10}[i]), b, name)
		}
	}
	for spec, want := range map[*Location]string{
		{Path: all, Members: []string{"*.png"}}:                                             "chooses none of its 12 images",
		{Path: dir, Members: []string{"*.png"}}:                                             "no images in the 3 shards",
		{Path: dir, Members: []string{"[a"}}:                                                `"[a": syntax error in pattern`,
		{Path: all, Members: []string{"!"}}:                                                 `"!": the pattern is empty`,
		{Path: writeTemp(t, "u.txt", []byte("http://h/a.jpg\n")), Members: []string{"jpg"}}: "this is a list of URLs",
	} {
		_, err := Open(*spec)
		require.ErrorContains(t, err, want)
	}
}

func TestMembersOfClassFolders(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "ape/1.jpg", "ape/1.mask.png", "owl/2.jpg", "owl/2.mask.png")
	s := open(t, Location{Path: dir, Labels: true, Members: []string{"!*.mask.png"}})
	require.Equal(t, []string{"ape/1.jpg 0", "owl/2.jpg 1"}, listing(s))
	_, err := Open(Location{Path: dir, Labels: true, Members: []string{"1.*"}})
	require.ErrorContains(t, err, `the class folder "owl" holds no images (found: 2 not chosen by data.members)`)
}
