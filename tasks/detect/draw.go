// SPDX-License-Identifier: MIT

package detect

import (
	"image"
	"image/color"
	"image/draw"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"seer/data/mask"
)

// Mark is what is painted of an object: its box, its mask if it has one, and a line of text.
type Mark struct {
	Class int // decides the colour
	Box   mask.Box
	Mask  mask.RLE // of the picture's size, or empty
	Text  string
}

// inks tell classes apart; they are light enough for dark text.
var inks = []color.RGBA{
	{230, 159, 0, 255}, {86, 180, 233, 255}, {0, 200, 140, 255}, {240, 228, 66, 255}, {120, 150, 255, 255}, {255, 120, 60, 255}, {230, 140, 190, 255}, {180, 180, 180, 255},
}

// Paint paints objects into a picture, the last above the others.
func Paint(picture *image.RGBA, marks []Mark) {
	for _, m := range marks {
		paintMask(picture, m.Mask, inks[m.Class%len(inks)])
	}
	for _, m := range marks {
		ink := inks[m.Class%len(inks)]
		x0, y0, x1, y1 := int(m.Box[0]), int(m.Box[1]), int(m.Box[0]+m.Box[2]), int(m.Box[1]+m.Box[3])
		for _, r := range []image.Rectangle{image.Rect(x0, y0, x1+1, y0+2), image.Rect(x0, y1-1, x1+1, y1+1), image.Rect(x0, y0, x0+2, y1+1), image.Rect(x1-1, y0, x1+1, y1+1)} {
			draw.Draw(picture, r, image.NewUniform(ink), image.Point{}, draw.Src)
		}
		paintText(picture, x0, y0, m.Text, ink)
	}
}

// paintMask mixes a colour into the pixels of a mask.
func paintMask(picture *image.RGBA, m mask.RLE, ink color.RGBA) {
	if size := picture.Bounds().Size(); m.Width != size.X || m.Height != size.Y {
		return
	}
	for i, set := range m.Bitmap() {
		if set != 0 {
			at := picture.Pix[i/m.Width*picture.Stride+4*(i%m.Width):]
			at[0], at[1], at[2] = half(at[0], ink.R), half(at[1], ink.G), half(at[2], ink.B)
		}
	}
}

func half(a, b byte) byte { return byte((int(a) + int(b)) / 2) }

// paintText writes a line on its colour, inside the picture; the font knows ASCII only.
func paintText(picture *image.RGBA, x, y int, text string, ink color.RGBA) {
	face := basicfont.Face7x13
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	width := len(text)*face.Advance + 2
	x = max(0, min(x, picture.Bounds().Dx()-width))
	y = max(0, y-face.Height)
	draw.Draw(picture, image.Rect(x, y, x+width, y+face.Height), image.NewUniform(ink), image.Point{}, draw.Src)
	d := font.Drawer{Dst: picture, Src: image.Black, Face: face, Dot: fixed.P(x+1, y+face.Ascent)}
	d.DrawString(text)
}

// picture makes one of the upper left w × h pixels of uint8 RGB rows of side pixels.
func picture(pixels []byte, side, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			from, to := pixels[3*(y*side+x):], out.Pix[y*out.Stride+4*x:]
			to[0], to[1], to[2], to[3] = from[0], from[1], from[2], 255
		}
	}
	return out
}
