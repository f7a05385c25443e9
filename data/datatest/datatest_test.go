// SPDX-License-Identifier: MIT

package datatest

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPicturesDependOnTheirSeedOnly(t *testing.T) {
	require.Equal(t, JPEG(40, 30, 1), JPEG(40, 30, 1))
	require.NotEqual(t, JPEG(40, 30, 1), JPEG(40, 30, 2))
	img, err := jpeg.Decode(bytes.NewReader(JPEG(40, 30, 1)))
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 40, 30), img.Bounds())
	_, format, err := image.DecodeConfig(bytes.NewReader(PNG(3, 2, 1)))
	require.NoError(t, err)
	require.Equal(t, "png", format)
}

func TestDataSetsLieWhereTheyShould(t *testing.T) {
	dir := Folder(t, 3, "ape", "bee")
	for _, name := range []string{"ape/00000.jpg", "bee/00001.jpg", "ape/00002.jpg"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	require.FileExists(t, filepath.Join(Shards(t, 2, 1, 1), "shard-001.tar"))
	for zipped, want := range map[bool]int{false: 4 + 3*4 + 5*784, true: -1} {
		st, err := os.Stat(MNIST(t, 5, zipped))
		require.NoError(t, err)
		if want > 0 {
			require.EqualValues(t, want, st.Size())
		}
	}
}
