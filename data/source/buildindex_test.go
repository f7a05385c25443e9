// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// readAll returns the bytes of every image.
func readAll(t *testing.T, s Source) (out [][]byte) {
	t.Helper()
	for i := range s.Len() {
		item, err := s.Read(t.Context(), i, nil)
		require.NoError(t, err)
		out = append(out, item.Bytes)
	}
	return out
}

func TestIndexStandsForItsSource(t *testing.T) {
	folder := datatest.Folder(t, 9, "owl", "ape", "bee")
	lst := filepath.Join(folder, "l.txt")
	datatest.Write(t, lst, []byte("owl/00003.jpg 2\nape/00001.jpg 0\n"))
	for name, path := range map[string]string{"folder": folder, "list": lst, "tar": datatest.Shards(t, 3, 4, 5)} {
		for _, labels := range []bool{false, true} {
			for _, sorted := range []bool{false, true} {
				spec := Location{Path: path, Labels: labels}
				out := filepath.Join(t.TempDir(), "x.seeridx")
				n, err := BuildIndex(t.Context(), spec, out, IndexOptions{Sort: sorted, Memory: 64})
				require.NoError(t, err, name)
				plain, stored := open(t, spec), open(t, Location{Path: out, Labels: labels})
				require.Equal(t, plain.Len(), n)
				if sorted && name == "list" {
					got := listing(stored)
					require.True(t, slices.IsSorted(got))
					require.ElementsMatch(t, listing(plain), got)
					continue
				}
				require.Equal(t, listing(plain), listing(stored), name)
				require.Equal(t, plain.Classes(), stored.Classes())
				require.Equal(t, readAll(t, plain), readAll(t, stored))
				require.Equal(t, Fingerprint(plain), Fingerprint(stored))
			}
		}
	}
}

func TestIndexLabelsCanBeLeftAside(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.seeridx")
	_, err := BuildIndex(t.Context(), Location{Path: datatest.Folder(t, 4, "a", "b"), Labels: true}, out, IndexOptions{})
	require.NoError(t, err)
	s := open(t, Location{Path: out})
	require.Equal(t, -1, s.Label(0))
	require.Nil(t, s.Classes())
}

func TestIndexErrors(t *testing.T) {
	dir := datatest.Folder(t, 2)
	out := filepath.Join(t.TempDir(), "x.seeridx")
	_, err := BuildIndex(t.Context(), Location{Path: t.TempDir()}, out, IndexOptions{})
	require.ErrorContains(t, err, "holds no images")
	_, err = BuildIndex(t.Context(), Location{Path: datatest.MNIST(t, 2, false)}, out, IndexOptions{})
	require.ErrorContains(t, err, `kind "idx" has nothing to list`)
	_, err = BuildIndex(t.Context(), Location{Path: dir}, t.TempDir(), IndexOptions{})
	require.ErrorContains(t, err, "name a file")
	_, err = BuildIndex(t.Context(), Location{Path: dir}, filepath.Join(dir, "no", "x"), IndexOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
	list, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.Empty(t, list, "no temporary files")

	_, err = BuildIndex(t.Context(), Location{Path: dir}, out, IndexOptions{})
	require.NoError(t, err)
	_, err = Open(Location{Path: out, Labels: true})
	require.ErrorContains(t, err, "built without them")
	datatest.Write(t, out, []byte("nonsense"))
	_, err = Open(Location{Path: out})
	require.ErrorContains(t, err, "build it again")
}

func TestIndexBuildStopsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, filepath.Join(dir, "l.txt"), slices.Repeat([]byte("a.jpg\n"), 2000))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := BuildIndex(ctx, Location{Path: filepath.Join(dir, "l.txt")}, filepath.Join(dir, "x.seeridx"), IndexOptions{})
	require.ErrorIs(t, err, context.Canceled)
}
