// SPDX-License-Identifier: MIT

package contact_test

import (
	"context"
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/contact"
	"seer/data/datatest"
	"seer/data/loader"
	"seer/data/source"
)

func options(t *testing.T) loader.BatchOptions {
	t.Helper()
	src, err := source.Open(source.Location{Path: datatest.Folder(t, 6)})
	require.NoError(t, err)
	t.Cleanup(func() { src.Close() })
	return loader.BatchOptions{Source: src, Crops: augment.SEER(), Batch: 3, Seed: 7, Steps: 2}
}

// The sheet shows the loader's bytes: every crop of a batch is found at its place.
func TestSheetHoldsTheLoadersCrops(t *testing.T) {
	opt := options(t)
	opt.StartStep = 1
	sheet, err := contact.Draw(context.Background(), opt)
	require.NoError(t, err)
	loader, err := loader.New(context.Background(), opt)
	require.NoError(t, err)
	defer loader.Close()
	batch, err := loader.Next(context.Background())
	require.NoError(t, err)
	defer batch.Release()
	x := 8 + 224*3/2 + 8
	for _, g := range batch.Groups {
		for c := range g.Count {
			for row := range batch.Size() {
				at := (c*batch.Size() + row) * g.Size * g.Size * 3
				require.Equal(t, g.Pixels[at:at+g.Size*g.Size*3], pixels(sheet, x, 24+row*(224+16+8), g.Size), "crop %d of row %d", c, row)
			}
			x += g.Size + 8
		}
	}
	require.Equal(t, x, sheet.Bounds().Dx())
}

// A frame shows where a crop was cut: here the whole image, whose border has the frame's colour.
func TestCropsAreFramedOnTheirImage(t *testing.T) {
	opt := options(t)
	dir := t.TempDir()
	datatest.Write(t, dir+"/a.jpg", datatest.JPEG(60, 40, 1))
	src, err := source.Open(source.Location{Path: dir})
	require.NoError(t, err)
	defer src.Close()
	opt.Source = src
	opt.Crops = augment.MultiCrop{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: 64}}}
	opt.Batch = 1
	sheet, err := contact.Draw(context.Background(), opt)
	require.NoError(t, err)
	orange := color.RGBA{R: 230, G: 159, A: 255}
	corners := 0
	for y := range sheet.Bounds().Dy() {
		for x := range 8 + 96 + 8 {
			if sheet.RGBAAt(x, y) == orange {
				corners++
			}
		}
	}
	require.Equal(t, 2*96+2*(64-2), corners, "the image fills its place of 96×64")
	require.Equal(t, orange, sheet.RGBAAt(8, 24))
}

func pixels(im *image.RGBA, x, y, size int) []byte {
	var out []byte
	for j := range size {
		for i := range size {
			o := im.PixOffset(x+i, y+j)
			out = append(out, im.Pix[o], im.Pix[o+1], im.Pix[o+2])
		}
	}
	return out
}

// What is no multiple of a photograph's shape still has its place: one image of a pixel's height, raw grey pixels.
func TestOddShapes(t *testing.T) {
	opt := options(t)
	opt.Crops = augment.MultiCrop{Groups: []augment.Group{{Kind: augment.RandomResized, Count: 1, Size: 8, Scale: [2]float64{.5, 1}, Ratio: [2]float64{1, 1}}}}
	opt.Batch = 1
	sheet, err := contact.Draw(context.Background(), opt)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 8+96+8+64+8, 8+16+64+16+8), sheet.Bounds())
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := contact.Draw(ctx, options(t))
	require.ErrorIs(t, err, context.Canceled)
}
