// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/index"
)

func open(t testing.TB, spec Location) Source {
	t.Helper()
	s, err := Open(spec)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// listing returns "name label" of every image.
func listing(s Source) (out []string) {
	for i := range s.Len() {
		out = append(out, fmt.Sprint(s.Name(i), " ", s.Label(i)))
	}
	return out
}

func touch(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		datatest.Write(t, filepath.Join(dir, name), []byte(name))
	}
}

func TestFolderListsImagesInTheOrderOfTheirPaths(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "b.jpg", "a/z.PNG", "a-b/1.jpeg", "a.jpg", "c/d/e/f.webp", "note.txt", ".hidden.jpg", ".git/x.jpg", "a/._z.jpg")
	s := open(t, Location{Path: dir})
	want := []string{"a-b/1.jpeg", "a.jpg", "a/z.PNG", "b.jpg", "c/d/e/f.webp"}
	require.True(t, slices.IsSorted(want), "bytewise, folders with their slash")
	for i, name := range want {
		require.Equal(t, name, s.Name(int64(i)))
		require.Equal(t, -1, s.Label(int64(i)))
		item, err := s.Read(t.Context(), int64(i), nil)
		require.NoError(t, err)
		require.Equal(t, name, string(item.Bytes))
	}
	require.EqualValues(t, len(want), s.Len())
	require.Nil(t, s.Classes())
}

// torchvision.datasets.ImageFolder sorts classes by name, where "a" comes
// before "a-b"; in paths "a-b/" comes before "a/".
func TestFolderLabelsAreTorchvisions(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "b/1.jpg", "a/deep/2.jpg", "a-b/3.jpg", "a/1.jpg", "stray.jpg")
	s := open(t, Location{Path: dir, Labels: true})
	require.Equal(t, []string{"a", "a-b", "b"}, s.Classes())
	require.Equal(t, []string{"a-b/3.jpg 1", "a/1.jpg 0", "a/deep/2.jpg 0", "b/1.jpg 2"}, listing(s))
}

func TestFolderFollowsLinksButNoCircles(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	touch(t, dir, "a/1.jpg")
	touch(t, other, "2.jpg")
	require.NoError(t, os.Symlink(other, filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "a", "up")))
	require.NoError(t, os.Symlink("a/1.jpg", filepath.Join(dir, "file.jpg")))
	require.NoError(t, os.Symlink("gone.jpg", filepath.Join(dir, "dangling.jpg")))
	require.Equal(t, []string{"a/1.jpg -1", "file.jpg -1", "link/2.jpg -1"}, listing(open(t, Location{Path: dir})))
}

func TestFolderErrorsSayWhatIsThere(t *testing.T) {
	empty := t.TempDir()
	texts := t.TempDir()
	touch(t, texts, "a.txt", "b.txt", "c.npy")
	flat := t.TempDir()
	touch(t, flat, "1.jpg")
	hollow := t.TempDir()
	touch(t, hollow, "a/1.jpg", "b/2.txt")
	for _, c := range []struct {
		spec Location
		want []string
	}{
		{Location{Path: empty}, []string{empty, "it is empty", ".jpg"}},
		{Location{Path: texts}, []string{"2 .txt, 1 .npy"}},
		{Location{Path: flat, Labels: true}, []string{"it has no folders", "1 images outside"}},
		{Location{Path: hollow, Labels: true}, []string{`class folder "b"`, "1 .txt", "move it away"}},
		{Location{Path: filepath.Join(empty, "none")}, []string{"no such file"}},
		{Location{Path: ""}, []string{"source is empty"}},
		{Location{Path: "s3://bucket/x"}, []string{"only tar shards are read from URLs"}},
		{Location{Path: flat, Kind: "zip"}, []string{`unknown kind "zip"`, "folder, list"}},
		{Location{Path: filepath.Join(flat, "1.jpg")}, []string{"set the kind"}},
	} {
		_, err := Open(c.spec)
		for _, want := range c.want {
			require.ErrorContains(t, err, want, "%+v", c.spec)
		}
	}
}

func TestUnreadableFolderIsAnError(t *testing.T) {
	// Root reads everything; a folder that is a file fails for root too.
	s := &folderScan{root: t.TempDir(), skipped: counts{}}
	_, err := s.children("none")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFolderScanStopsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	for i := range 1100 {
		touch(t, dir, fmt.Sprintf("%d.jpg", i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := OpenContext(ctx, Location{Path: dir})
	require.ErrorIs(t, err, context.Canceled)

	var last Progress
	open(t, Location{Path: dir, Progress: func(p Progress) { last = p }})
	require.Equal(t, Progress{Images: 1100, Where: dir}, last)
}

func TestFingerprintFollowsTheList(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, copied} {
		touch(t, d, "a/1.jpg", "b/2.jpg")
	}
	print := func(path string, labels bool) string {
		return Fingerprint(open(t, Location{Path: path, Labels: labels}))
	}
	before := print(dir, true)
	require.Len(t, before, 64)
	require.Equal(t, before, print(copied, true), "elsewhere")
	require.NotEqual(t, before, print(dir, false), "without labels")
	touch(t, dir, "b/3.jpg")
	require.NotEqual(t, before, print(dir, true), "one image more")
}

func TestReadFailuresHaveReasons(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "a.jpg", "b.jpg", "c.jpg")
	s := open(t, Location{Path: dir, MaxFileBytes: 10})
	require.NoError(t, os.Remove(filepath.Join(dir, "a.jpg")))
	datatest.Write(t, filepath.Join(dir, "b.jpg"), make([]byte, 11))
	require.NoError(t, os.Remove(filepath.Join(dir, "c.jpg")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "c.jpg"), 0o755))
	for i, want := range []Reason{Missing, TooLarge, Unreadable} {
		_, err := s.Read(t.Context(), int64(i), nil)
		require.Equal(t, want, ReasonOf(err), "%v", err)
		require.ErrorContains(t, err, s.Name(int64(i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Read(ctx, 0, nil)
	require.Equal(t, context.Canceled, err, "not the image's fault")
}

func TestReadUsesTheBufferItIsGiven(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "a.jpg")
	s := open(t, Location{Path: dir})
	buf := make([]byte, 0, 64)
	item, err := s.Read(t.Context(), 0, buf)
	require.NoError(t, err)
	require.Same(t, &buf[:1][0], &item.Bytes[0])
	item, err = s.Read(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Equal(t, "a.jpg", string(item.Bytes))
}

func TestAnEmptyClassFolderSpeaksOfItself(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"nothing at all":      {"cat/a.jpg cat/notes.txt cat/.DS_Store", `the class folder "zebra" holds no images (it is empty); fill it`},
		"something else":      {"cat/a.jpg cat/notes.txt zebra/x.npy zebra/deep/y.npy", `the class folder "zebra" holds no images (found: 2 .npy)`},
		"hidden files":        {"cat/a.jpg zebra/.DS_Store", `(found: 1 hidden)`},
		"later classes count": {"cat/a.jpg zebra/x.npy zulu/b.jpg zulu/c.npy", `(found: 1 .npy)`},
	} {
		dir := t.TempDir()
		touch(t, dir, strings.Fields(c.files)...)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "zebra"), 0o755))
		_, err := Open(Location{Path: dir, Labels: true})
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestFoldersSayWhatTheyLeaveOut(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "a.JPG", "b.png", "b.txt", "c.txt", ".hidden.jpg", ".git/x.jpg", "README", "sub/d.jpg", "sub/e.tar", "x.jpg/in.jpg", "new\nline.jpg", "\xff.gif", "deep/f.this is no ending at all")
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.jpg"), 0o644))
	for link, to := range map[string]string{"gone.jpg": "nowhere", "self.jpg": "self.jpg", "zero.jpg": "/dev/zero", "sub/up": "..", "good.jpg": "sub/d.jpg"} {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, link)))
	}
	s := open(t, Location{Path: dir})
	require.Equal(t, []string{"a.JPG -1", "b.png -1", "good.jpg -1", "new\nline.jpg -1", "sub/d.jpg -1", "x.jpg/in.jpg -1", "\xff.gif -1"}, listing(s))
	require.Equal(t, map[string]index.Count{
		".txt": {N: 2, First: "b.txt"}, "hidden": {N: 2, First: ".git"}, "without an ending": {N: 1, First: "README"}, ".tar": {N: 1, First: "sub/e.tar"},
		"dangling links": {N: 2, First: "gone.jpg"}, "pipes, sockets and devices": {N: 2, First: "pipe.jpg"}, "circular links": {N: 1, First: "sub/up"},
		".this is no endi…": {N: 1, First: "deep/f.this is no ending at all"},
	}, ListingOf(s).Skipped)
	_, err := s.Read(t.Context(), 3, nil)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "new\nline.jpg")))
	_, err = s.Read(t.Context(), 3, nil)
	require.ErrorContains(t, err, `"new\nline.jpg": missing`, "a name does not break a line")

	flat := t.TempDir()
	touch(t, flat, "IMG1", "IMG2")
	_, err = Open(Location{Path: flat})
	require.ErrorContains(t, err, `data.members = "*"`)
	require.Equal(t, []string{"IMG1 -1", "IMG2 -1"}, listing(open(t, Location{Path: flat, Members: []string{"*"}})))

	nested := t.TempDir()
	touch(t, nested, "README.md", "data/0.tar")
	_, err = Open(Location{Path: nested})
	require.ErrorContains(t, err, "data/0.tar")
	require.ErrorContains(t, err, `data.kind = "tar"`)
}

// A folder that may not be read or that goes away is counted; one on a failing disk ends the listing.
func TestFoldersThatCannotBeListed(t *testing.T) {
	s := &folderScan{skipped: counts{}}
	require.NoError(t, s.passOver("a", &os.PathError{Op: "open", Path: "a", Err: os.ErrPermission}))
	require.NoError(t, s.passOver("b", os.ErrNotExist))
	require.ErrorIs(t, s.passOver("c", syscall.EIO), syscall.EIO)
	require.ErrorIs(t, s.passOver("", os.ErrPermission), os.ErrPermission, "the source itself")
	require.Equal(t, "1 folders that may not be read (permission denied) (a), 1 folders that vanished while they were listed (b)", s.skipped.text(5, true))

	dir := t.TempDir()
	touch(t, dir, "a.jpg", "closed/b.jpg")
	require.NoError(t, os.Chmod(filepath.Join(dir, "closed"), 0))
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o755) })
	if _, err := os.ReadDir(filepath.Join(dir, "closed")); err == nil {
		t.Skip("the superuser reads everything")
	}
	src := open(t, Location{Path: dir})
	require.Equal(t, []string{"a.jpg -1"}, listing(src))
	require.Equal(t, index.Count{N: 1, First: "closed"}, ListingOf(src).Skipped["folders that may not be read (permission denied)"])
}
