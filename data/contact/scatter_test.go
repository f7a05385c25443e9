// SPDX-License-Identifier: MIT

package contact_test

import (
	"image/color"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/contact"
	"seer/data/datatest"
	"seer/data/source"
)

// Images lie where their places say: the first at one corner of the range, the second at the other.
func TestScatter(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.png"), filepath.Join(dir, "b.png")
	datatest.Write(t, a, datatest.PNG(20, 20, 1))
	datatest.Write(t, b, datatest.PNG(20, 20, 2))
	src := source.Files(a, b)
	pictures := []contact.Picture{{Source: src, Index: 0, Caption: "not drawn"}, {Source: src, Index: 1}}
	sheet, err := contact.Scatter(t.Context(), pictures, [][2]float64{{-3, 5}, {7, 9}}, 200, 20, false)
	require.NoError(t, err)
	paper := color.RGBA{R: 250, G: 250, B: 248, A: 255}
	require.NotEqual(t, paper, sheet.RGBAAt(8+10, 8+10))
	require.NotEqual(t, paper, sheet.RGBAAt(200-8-10, 200-8-10))
	require.Equal(t, paper, sheet.RGBAAt(100, 100))
	require.Equal(t, paper, sheet.RGBAAt(8+10, 200-8-10))

	sheet, err = contact.Scatter(t.Context(), pictures[:1], [][2]float64{{1, 1}}, 200, 20, false)
	require.NoError(t, err)
	require.NotEqual(t, paper, sheet.RGBAAt(100, 100), "one place has no range: it is in the middle")
	_, err = contact.Scatter(t.Context(), pictures, [][2]float64{{1, 1}}, 200, 20, false)
	require.ErrorContains(t, err, "2 pictures and 1 places")
	_, err = contact.Scatter(t.Context(), pictures, [][2]float64{{1, 1}, {2, 2}}, 10, 20, false)
	require.ErrorContains(t, err, "a sheet of 10 pixels")
}
