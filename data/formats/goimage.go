// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"io"

	"golang.org/x/image/tiff"
)

// The formats that Go's decoders read.
var (
	goTIFF = goCodec("tiff", tiff.DecodeConfig, tiff.Decode, func(data []byte) int { return Orientation(data, nil) })
)

func goCodec(format string, config func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error),
	orientation func([]byte) int) codec {
	return codec{
		header: func(data []byte) (Header, error) {
			h := Header{Format: format, Orientation: 1}
			cfg, err := config(bytes.NewReader(data))
			if err != nil {
				return h, codecError(format, err)
			}
			h.W, h.H = cfg.Width, cfg.Height
			if orientation != nil {
				h.Orientation = orientation(data)
			}
			return h, nil
		},
		decode: func(data []byte, h Header, _ Limits) (*Image, error) { return goDecode(data, h, decode) },
	}
}

// codecError gives an error of Go's decoders a reason.
func codecError(format string, err error) *Error {
	reason := Corrupt
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		reason = Truncated
	}
	var tif tiff.UnsupportedError
	if errors.As(err, &tif) {
		reason = Unsupported
	}
	return &Error{Reason: reason, Format: format, Detail: err.Error()}
}

// goDecode makes the conversion that PIL's convert("RGB") makes: alpha is
// dropped, not composed; 16-bit colour keeps its high byte; 16-bit grey is
// clipped to 255; palettes are looked up.
func goDecode(data []byte, h Header, decode func(io.Reader) (image.Image, error)) (*Image, error) {
	m, err := decode(bytes.NewReader(data))
	if err != nil {
		return nil, codecError(h.Format, err)
	}
	img := &Image{W: h.W, H: h.H, Channels: 3, Pix: make([]byte, h.W*h.H*3)}
	b := m.Bounds().Intersect(image.Rect(0, 0, h.W, h.H))
	fill := rowFunc(m)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		fill(img.Pix[(y*h.W+b.Min.X)*3:], b.Min.X, b.Max.X, y)
	}
	return img, nil
}

// rowFunc returns a function that writes the pixels x0..x1 of row y of m as RGB.
func rowFunc(m image.Image) func(dst []byte, x0, x1, y int) {
	switch m := m.(type) {
	case *image.Gray:
		return grayRow(m.Pix, m.PixOffset, 1)
	case *image.Gray16:
		return grayRow(m.Pix, m.PixOffset, 2)
	case *image.NRGBA:
		return bytesRow(m.Pix, m.PixOffset, 4, 1)
	case *image.NRGBA64:
		return bytesRow(m.Pix, m.PixOffset, 8, 2)
	case *image.Paletted:
		return palettedRow(m)
	}
	return anyRow(m)
}

// grayRow repeats grey three times; of 16 bits it clips, as PIL does with I;16.
func grayRow(pix []byte, offset func(x, y int) int, size int) func([]byte, int, int, int) {
	return func(dst []byte, x0, x1, y int) {
		p := offset(x0, y)
		for i := range x1 - x0 {
			v := pix[p+i*size]
			if size == 2 {
				if v = pix[p+i*2+1]; pix[p+i*2] != 0 {
					v = 255
				}
			}
			dst[3*i], dst[3*i+1], dst[3*i+2] = v, v, v
		}
	}
}

// bytesRow takes the first (high) byte of three channels of `depth` bytes each.
func bytesRow(pix []byte, offset func(x, y int) int, size, depth int) func([]byte, int, int, int) {
	return func(dst []byte, x0, x1, y int) {
		p := offset(x0, y)
		for i := range x1 - x0 {
			q := pix[p+i*size:]
			dst[3*i], dst[3*i+1], dst[3*i+2] = q[0], q[depth], q[2*depth]
		}
	}
}

func palettedRow(m *image.Paletted) func([]byte, int, int, int) {
	var table [256][3]byte
	for i, c := range m.Palette {
		table[i] = straight(c)
	}
	return func(dst []byte, x0, x1, y int) {
		for i, v := range m.Pix[m.PixOffset(x0, y):m.PixOffset(x1, y)] {
			copy(dst[3*i:3*i+3], table[v][:])
		}
	}
}

func anyRow(m image.Image) func([]byte, int, int, int) {
	return func(dst []byte, x0, x1, y int) {
		for i := range x1 - x0 {
			c := straight(m.At(x0+i, y))
			copy(dst[3*i:3*i+3], c[:])
		}
	}
}

// straight returns a colour's 8-bit RGB without its alpha.
func straight(c color.Color) [3]byte {
	switch c := c.(type) {
	case color.RGBA:
		if c.A == 255 {
			return [3]byte{c.R, c.G, c.B}
		}
	case color.NRGBA:
		return [3]byte{c.R, c.G, c.B}
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]byte{n.R, n.G, n.B}
}
