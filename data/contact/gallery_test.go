// SPDX-License-Identifier: MIT

package contact_test

import (
	"context"
	"image"
	"image/color"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/contact"
	"seer/data/datatest"
	"seer/data/source"
)

// Images stand whole in the middle of their squares; one that is no image leaves its square to its reason.
func TestGallery(t *testing.T) {
	dir := t.TempDir()
	wide, broken := filepath.Join(dir, "wide.png"), filepath.Join(dir, "broken.png")
	datatest.Write(t, wide, datatest.PNG(100, 50, 1))
	datatest.Write(t, broken, []byte("no image"))
	src := source.Files(wide, broken)
	rows := [][]contact.Picture{{{Source: src, Index: 0, Caption: "a"}, {Source: src, Index: 1, Caption: "b"}}, {{Source: src, Index: 0}}}
	sheet, err := contact.Gallery(t.Context(), rows, 80, false)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 8+2*(80+8), 8+2*(80+16+8)), sheet.Bounds())
	paper := color.RGBA{R: 250, G: 250, B: 248, A: 255}
	require.Equal(t, paper, sheet.RGBAAt(8+40, 8+19), "above the image, which is 80×40")
	require.NotEqual(t, paper, sheet.RGBAAt(8+40, 8+21))
	require.NotEqual(t, paper, sheet.RGBAAt(8+40, 8+58))
	require.Equal(t, paper, sheet.RGBAAt(8+40, 8+61))
	require.Equal(t, paper, sheet.RGBAAt(8+88+40, 8+20), "no image")

	_, err = contact.Gallery(t.Context(), rows, 20_000, false)
	require.ErrorContains(t, err, "allowed are 16384 a side")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = contact.Gallery(ctx, rows, 80, false)
	require.ErrorIs(t, err, context.Canceled)
}
