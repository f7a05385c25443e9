// SPDX-License-Identifier: MIT

// Package contact draws contact sheets: what a network sees of each image, one row an image ([Draw]), and rows of whole
// images ([Gallery]). The crops are the loader's own, byte for byte; the picture at the left of a row is the image that they
// come from, with a frame where each was cut.
package contact

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/source"
)

const (
	gap      = 8  // pixels between pictures
	line     = 16 // height of a line of text
	minPlace = 64 // a column is no narrower: small crops still have room for a name
)

var (
	paper = color.RGBA{R: 250, G: 250, B: 248, A: 255}
	ink   = color.RGBA{R: 40, G: 40, B: 40, A: 255}
	// frameInks tell groups of crops apart, also for those who see no red or green (Okabe and Ito's palette).
	frameInks = []color.Color{color.RGBA{R: 230, G: 159, A: 255}, color.RGBA{R: 86, G: 180, B: 233, A: 255}, color.RGBA{G: 158, B: 115, A: 255}}
)

// Draw loads one batch, step opt.StartStep of the options, and lays it out: a row an image, at the left the image itself
// scaled to the largest crop's height with the frames of its crops, a colour a group, then each crop at its own size, after augmentation and before normalisation. A row
// whose image could not be used shows its replacement, as training would.
func Draw(ctx context.Context, opt loader.BatchOptions) (*image.RGBA, error) {
	opt.Steps, opt.KeepCrops = opt.StartStep+1, true
	l, err := loader.New(ctx, opt)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	batch, err := l.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer batch.Release()
	s := newSheet(batch)
	for row, index := range batch.Indices {
		original, err := decode(ctx, opt.Source, opt.Decode, index)
		if err != nil {
			return nil, err
		}
		s.row(row, original, opt.Source.Name(index), batch)
	}
	return s.canvas, nil
}

// decode returns image index of the source as the loader decodes it.
func decode(ctx context.Context, src source.Source, opt jpeg.DecodeOptions, index int64) (image.Image, error) {
	item, err := src.Read(ctx, index, nil)
	if err != nil {
		return nil, err
	}
	if r := item.Raw; r != nil {
		return rgba(r.Pix, r.W, r.H, r.C), nil
	}
	decoder := jpeg.NewDecoder(opt)
	defer decoder.Close()
	im, err := decoder.Decode(item.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.Name(index), err)
	}
	return rgba(im.Pix, im.W, im.H, im.Channels), nil
}

// rgba spreads interleaved grey or RGB pixels.
func rgba(pix []byte, w, h, channels int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		for c := range 3 {
			out.Pix[4*i+c] = pix[channels*i+c%channels]
		}
		out.Pix[4*i+3] = 255
	}
	return out
}

// sheet is the picture in the making.
type sheet struct {
	canvas *image.RGBA
	height int   // of a row's pictures
	left   int   // width of the first column
	places []int // x of every crop, group after group
}

func newSheet(b *loader.Batch) *sheet {
	s := &sheet{height: minPlace}
	for _, g := range b.Groups {
		s.height = max(s.height, g.Size)
	}
	s.left = s.height * 3 / 2
	x := gap + s.left + gap
	for _, g := range b.Groups {
		for range g.Count {
			s.places = append(s.places, x)
			x += max(g.Size, minPlace) + gap
		}
	}
	s.canvas = image.NewRGBA(image.Rect(0, 0, x, gap+line+b.Size()*(s.height+line+gap)))
	draw.Draw(s.canvas, s.canvas.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	s.text(gap, gap, s.left, "image")
	crop := 0
	for _, g := range b.Groups {
		for range g.Count {
			s.text(s.places[crop], gap, max(g.Size, minPlace), fmt.Sprintf("%d: %d px", crop, g.Size))
			crop++
		}
	}
	return s
}

// frames outlines on the picture at a place where the crops of an image were cut, those of the smallest groups last.
func (s *sheet) frames(at, whole image.Rectangle, groups []loader.CropGroup, crops []augment.Crop) {
	for g, group := range groups {
		for _, c := range crops[:group.Count] {
			x, y := float64(at.Dx())/float64(whole.Dx()), float64(at.Dy())/float64(whole.Dy())
			s.frame(image.Rect(int(float64(c.X)*x), int(float64(c.Y)*y), int(float64(c.X+c.W)*x), int(float64(c.Y+c.H)*y)).Add(at.Min), frameInks[g%len(frameInks)])
		}
		crops = crops[group.Count:]
	}
}

// frame draws the border of a rectangle.
func (s *sheet) frame(r image.Rectangle, ink color.Color) {
	const thick = 1
	for _, side := range []image.Rectangle{
		{r.Min, image.Pt(r.Max.X, r.Min.Y+thick)}, {image.Pt(r.Min.X, r.Max.Y-thick), r.Max},
		{r.Min, image.Pt(r.Min.X+thick, r.Max.Y)}, {image.Pt(r.Max.X-thick, r.Min.Y), r.Max},
	} {
		draw.Draw(s.canvas, side, image.NewUniform(ink), image.Point{}, draw.Src)
	}
}

// row draws one image and its crops.
func (s *sheet) row(row int, original image.Image, name string, b *loader.Batch) {
	top := gap + line + row*(s.height+line+gap)
	at := fit(original.Bounds(), s.left, s.height).Add(image.Pt(gap, top))
	draw.CatmullRom.Scale(s.canvas, at, original, original.Bounds(), draw.Src, nil)
	s.frames(at, original.Bounds(), b.Groups, b.Crops[row])
	crop := 0
	for _, g := range b.Groups {
		bytes := g.Size * g.Size * 3
		for c := range g.Count {
			at := (c*b.Size() + row) * bytes
			x := s.places[crop]
			draw.Draw(s.canvas, image.Rect(x, top, x+g.Size, top+g.Size), rgba(g.Pixels[at:at+bytes], g.Size, g.Size, 3), image.Point{}, draw.Src)
			crop++
		}
	}
	s.text(gap, top+s.height, s.canvas.Bounds().Dx()-2*gap, fmt.Sprintf("%d  %s", b.Indices[row], name))
}

// fit is the largest rectangle of r's shape within w x h; small images are enlarged.
func fit(r image.Rectangle, w, h int) image.Rectangle {
	scale := min(float64(w)/float64(r.Dx()), float64(h)/float64(r.Dy()))
	return image.Rect(0, 0, max(1, int(float64(r.Dx())*scale)), max(1, int(float64(r.Dy())*scale)))
}

// text writes one line below (x, y), cut to a width in pixels; the font knows ASCII only.
func (s *sheet) text(x, y, width int, text string) {
	face := basicfont.Face7x13
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if fits := width / face.Advance; len(text) > fits {
		text = text[:max(0, fits)]
	}
	d := font.Drawer{Dst: s.canvas, Src: image.NewUniform(ink), Face: face, Dot: fixed.P(x, y+face.Ascent)}
	d.DrawString(text)
}
