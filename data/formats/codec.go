// SPDX-License-Identifier: MIT

package formats

import (
	"fmt"
)

// codec is one format.
type codec struct {
	// header reads size and orientation. It allocates nothing proportional to
	// the image.
	header func(data []byte) (Header, error)
	// decode returns RGB, or grey with Channels 1, at the stored orientation. Its
	// size is the header's.
	decode func(data []byte, h Header, lim Limits) (*Image, error)
}

// codecs are the formats decoded here, by the names that Sniff gives.
var codecs = map[string]codec{
	"png":  {pngHeader, decodePNG},
	"gif":  gifCodec,
	"webp": webpCodec,
	"bmp":  {bmpHeader, decodeBMP},
	"tiff": tiffCodec,
	"avif": avifCodec,
	"heic": heifCodec,
}

// known lists the formats for people.
const known = "JPEG, PNG, GIF, WebP, AVIF, HEIC, BMP and TIFF"

// Sniff returns the format of data by its magic bytes, whatever the file is
// called, or "".
func Sniff(data []byte) string {
	for _, m := range []struct{ magic, format string }{
		{"\xff\xd8\xff", "jpeg"}, {"\x89PNG\r\n\x1a\n", "png"},
		{"GIF87a", "gif"}, {"GIF89a", "gif"}, {"BM", "bmp"},
		{"II*\x00", "tiff"}, {"MM\x00*", "tiff"}, {"II+\x00", "tiff"}, {"MM\x00+", "tiff"},
		{"II\x00*", "tiff"}, {"MM*\x00", "tiff"}, // the number in the other byte order, as Pillow allows
	} {
		if len(data) >= len(m.magic) && string(data[:len(m.magic)]) == m.magic {
			return m.format
		}
	}
	if len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		return "webp"
	}
	return sniffBoxes(data)
}

// ReadHeader reads size and orientation of an image that is not a JPEG. Nothing
// proportional to the image is allocated.
func ReadHeader(data []byte) (h Header, err error) {
	format := Sniff(data)
	defer recovered(format, &err)
	if len(data) == 0 {
		return Header{}, &Error{Reason: Empty, Detail: "0 bytes; an image file is needed"}
	}
	c, ok := codecs[format]
	if !ok {
		return Header{}, unknown(data)
	}
	if h, err = c.header(data); err != nil {
		return h, err
	}
	return h, h.CheckSize()
}

// Decode decodes a file that is not a JPEG, whose header ReadHeader has read,
// into RGB or grey at its stored orientation.
func Decode(data []byte, h Header, lim Limits) (img *Image, err error) {
	defer recovered(h.Format, &err)
	lim = lim.withDefaults()
	if err := h.CheckPixels(lim.MaxPixels); err != nil {
		return nil, err
	}
	return codecs[h.Format].decode(data, h, lim)
}

// recovered turns a panic into an error: a malformed file must not take the run
// down, whoever's bug it is.
func recovered(format string, err *error) {
	if p := recover(); p != nil {
		*err = &Error{Reason: Corrupt, Format: format, Detail: fmt.Sprint(p)}
	}
}

// CheckSize refuses a header without pixels.
func (h Header) CheckSize() error {
	if h.W < 1 || h.H < 1 {
		return &Error{Reason: Corrupt, Format: h.Format, Detail: fmt.Sprintf("its size is %d x %d", h.W, h.H)}
	}
	return nil
}

// CheckPixels refuses a header with more pixels than the limit, or a side longer
// than MaxSide.
func (h Header) CheckPixels(limit int64) error {
	if h.W > MaxSide || h.H > MaxSide {
		return &Error{Reason: TooLarge, Format: h.Format,
			Detail: fmt.Sprintf("%d x %d pixels; the limit is %d a side", h.W, h.H, MaxSide)}
	}
	if int64(h.W) > limit/int64(h.H) {
		return &Error{Reason: TooLarge, Format: h.Format,
			Detail: fmt.Sprintf("%d x %d pixels; the limit is %d pixels in all", h.W, h.H, limit)}
	}
	return nil
}

// Cut is the error of a header that the data end in.
func Cut(format string, n int) error {
	return &Error{Reason: Truncated, Format: format, Detail: fmt.Sprintf("the header is cut off after %d bytes", n)}
}
