// SPDX-License-Identifier: MIT

package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/formats"
)

func TestKindShowsFromThePath(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "images/a.jpg", "shards/0.tar", "shards/1.tar", "mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz",
		"mixed/0.tar", "mixed/sub/a.jpg", "l.txt", "l.tsv.gz", "l.LIST", "x.seeridx", "y.idx", "y.idx.gz", "one.tar", "strange.bin")
	for path, want := range map[string]string{
		"images": "folder", "shards": "tar", "mnist": "idx",
		"mixed": "folder", // folders beside the shards are images
		"l.txt": "list", "l.tsv.gz": "list", "l.LIST": "list",
		"x.seeridx": "index", "y.idx": "idx", "y.idx.gz": "idx", "mnist/train-images-idx3-ubyte.gz": "idx",
		"one.tar": "tar", "shards/{0..1}.tar": "tar", "shards/*.tar": "tar",
	} {
		spec := Location{Path: filepath.Join(dir, path)}
		kind, err := spec.resolveKind()
		require.NoError(t, err, path)
		require.Equal(t, want, kind, path)
	}
	spec := Location{Path: filepath.Join(dir, "strange.bin"), Kind: "list"}
	kind, err := spec.resolveKind()
	require.NoError(t, err)
	require.Equal(t, "list", kind, "what is said beats what it looks like")
	for _, path := range []string{"strange.bin", "nowhere"} {
		spec := Location{Path: filepath.Join(dir, path)}
		_, err := spec.resolveKind()
		require.ErrorContains(t, err, path)
	}
}

func TestReasons(t *testing.T) {
	for want, err := range map[Reason]error{
		Missing:     fmt.Errorf("open: %w", fs.ErrNotExist),
		Unreadable:  errors.New("input/output error"),
		TooLarge:    checkSize(11, 10),
		Stale:       fmt.Errorf("shard: %w", errStale),
		"truncated": &formats.Error{Reason: formats.Truncated},
		Panicked:    &ReadError{Name: "a", Reason: Panicked, Err: os.ErrInvalid},
	} {
		require.Equal(t, want, ReasonOf(err), "%v", err)
		require.Equal(t, want, ReasonOf(fmt.Errorf("wrapped: %w", err)))
		require.Equal(t, want, ReasonOf(readError("a.jpg", err)))
	}
	require.NoError(t, checkSize(10, 10))
	require.NoError(t, readError("a.jpg", nil))
	require.EqualError(t, readError("a.jpg", os.ErrPermission), "a.jpg: unreadable: permission denied")
	require.ErrorIs(t, readError("a.jpg", os.ErrPermission), os.ErrPermission)
}

// A source of another package has no method of its own for it.
func TestFingerprintOfAnySource(t *testing.T) {
	require.Len(t, Fingerprint(plain{n: 5}), 64)
	require.Equal(t, Fingerprint(plain{n: 5}), Fingerprint(plain{n: 5}))
	require.NotEqual(t, Fingerprint(plain{n: 5}), Fingerprint(plain{n: 6}))
}

// plain is a source of n images that have numbers for names.
type plain struct {
	Source
	n int64
}

func (s plain) Len() int64          { return s.n }
func (s plain) Name(i int64) string { return fmt.Sprint(i) }
func (s plain) Label(i int64) int   { return int(i % 10) }

func TestExtensionsCanBeChosen(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "a.jpg", "b.PPM", "c.png")
	require.Equal(t, []string{"b.PPM -1"}, listing(open(t, Location{Path: dir, Extensions: []string{".ppm"}})))
	for name, want := range map[string]bool{"a.jpg": true, "A.JPEG": true, "a.jpg.txt": false, "jpg": false, ".jpg": true, "": false} {
		require.Equal(t, want, isImage(name, DefaultExtensions), name)
	}
}
