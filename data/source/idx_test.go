// SPDX-License-Identifier: MIT

package source

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

func TestIDXPlainAndGzipped(t *testing.T) {
	var prints []string
	for _, zipped := range []bool{false, true} {
		path := datatest.MNIST(t, 25, zipped)
		s := open(t, Location{Path: path, Labels: true})
		require.EqualValues(t, 25, s.Len())
		require.Len(t, s.Classes(), 10)
		require.Equal(t, 3, s.Label(13))
		require.Equal(t, "13", s.Name(13))
		item, err := s.Read(t.Context(), 13, nil)
		require.NoError(t, err)
		require.True(t, item.Shared)
		raw := item.Raw
		require.Equal(t, [4]int{28, 28, 1, 784}, [4]int{raw.W, raw.H, raw.C, len(raw.Pix)})
		require.Equal(t, datatest.Draw(28, 28, 13).Pix[0], raw.Pix[0])
		require.Equal(t, -1, open(t, Location{Path: path}).Label(13))
		require.EqualValues(t, 25, open(t, Location{Path: filepath.Dir(path)}).Len(), "by its folder")
		prints = append(prints, Fingerprint(s))
	}
	require.Equal(t, prints[0], prints[1])
}

func TestIDXColours(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.idx")
	datatest.Write(t, path, datatest.IDX(bytes.Repeat([]byte{7}, 2*4*5*3), 2, 4, 5, 3))
	item, err := open(t, Location{Path: path}).Read(t.Context(), 1, nil)
	require.NoError(t, err)
	require.Equal(t, 5, item.Raw.W)
	require.Equal(t, 4, item.Raw.H)
	require.Equal(t, 3, item.Raw.C)
}

func TestIDXErrors(t *testing.T) {
	for want, content := range map[string][]byte{
		"shorter than a header":      {0, 0},
		"begins with 89 50 4e 47":    []byte("\x89PNG...."),
		"begins with 00 00 0d 03":    {0, 0, 13, 3},
		"cut in its header":          {0, 0, 8, 3, 0, 0, 0, 1, 0},
		"dimension 1 is 0":           datatest.IDX(nil, 2, 0, 3),
		"dimension 2 is 2147483647":  datatest.IDX(nil, 1<<30, 8, 1<<31-1),
		"needs 8 bytes of data, and": datatest.IDX([]byte{1, 2}, 2, 2, 2),
		"it holds more":              datatest.IDX(make([]byte, 9), 2, 2, 2),
		"these are labels":           datatest.IDX([]byte{1, 2}, 2),
		"its shape is [2 2]":         datatest.IDX(make([]byte, 4), 2, 2),
		"its shape is [1 2 2 2]":     datatest.IDX(make([]byte, 8), 1, 2, 2, 2),
		"unexpected EOF":             datatest.Gzip(datatest.IDX(make([]byte, 8), 2, 2, 2))[:20],
	} {
		path := filepath.Join(t.TempDir(), "x-images-idx3-ubyte")
		datatest.Write(t, path, content)
		_, err := Open(Location{Path: path})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

func TestIDXLabelErrors(t *testing.T) {
	path := datatest.MNIST(t, 5, false)
	labels := filepath.Join(filepath.Dir(path), "train-labels-idx1-ubyte")
	datatest.Write(t, labels, datatest.IDX([]byte{1, 2}, 2))
	_, err := Open(Location{Path: path, Labels: true})
	require.ErrorContains(t, err, "the 5 images")
	require.NoError(t, os.Remove(labels))
	_, err = Open(Location{Path: path, Labels: true})
	require.ErrorContains(t, err, labels+" (or .gz)")

	datatest.Write(t, filepath.Join(filepath.Dir(path), "t10k-images-idx3-ubyte"), []byte{0})
	_, err = Open(Location{Path: filepath.Dir(path)})
	require.ErrorContains(t, err, "several IDX files")
	_, err = Open(Location{Path: t.TempDir(), Kind: "idx"})
	require.ErrorContains(t, err, "holds no IDX images")
}

func FuzzIDX(f *testing.F) {
	f.Add(datatest.IDX(make([]byte, 12), 3, 2, 2))
	f.Add(datatest.IDX(make([]byte, 12), 1, 2, 2, 3))
	f.Add(datatest.IDX([]byte{1, 2, 3}, 3))
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := decodeIDX(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		s, err := imagesOf(d)
		if err != nil {
			return
		}
		if int64(len(s.pix)) != s.n*s.bytes() || len(s.image(s.n-1)) == 0 {
			t.Fatalf("%v holds %d bytes", d.dims, len(s.pix))
		}
	})
}
