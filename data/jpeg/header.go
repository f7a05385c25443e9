// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"io"
)

// Header is what can be said about an image without decoding it.
type Header struct {
	Format string // "jpeg", "png", "gif", "webp", "bmp" or "tiff"
	// W and H are the stored size; orientations 5 to 8 swap them.
	W, H int
	// Orientation is EXIF's, 1 (upright) to 8.
	Orientation int
}

// Upright returns the size after rotation by the EXIF orientation.
func (h Header) Upright() (w, hh int) {
	if h.Orientation >= 5 {
		return h.H, h.W
	}
	return h.W, h.H
}

// ReadHeader recognises data by its first bytes, whatever the file is called,
// and reads size and orientation. Nothing proportional to the image is allocated.
func ReadHeader(data []byte) (Header, error) {
	format := sniff(data)
	switch {
	case len(data) == 0:
		return Header{}, &Error{Reason: Empty, Detail: "0 bytes; an image file is needed"}
	case format == "":
		return Header{}, &Error{Reason: Unknown, Detail: fmt.Sprintf(
			"it begins with %x; known are JPEG, PNG, GIF, WebP, BMP and TIFF", data[:min(len(data), 8)])}
	case format == "jpeg":
		return jpegHeader(data)
	}
	return otherHeader(data, format)
}

// sniff returns the format by its magic bytes, or "".
func sniff(data []byte) string {
	for _, m := range []struct{ magic, format string }{
		{"\xff\xd8\xff", "jpeg"}, {"\x89PNG\r\n\x1a\n", "png"},
		{"GIF87a", "gif"}, {"GIF89a", "gif"}, {"BM", "bmp"},
		{"II*\x00", "tiff"}, {"MM\x00*", "tiff"},
	} {
		if len(data) >= len(m.magic) && string(data[:len(m.magic)]) == m.magic {
			return m.format
		}
	}
	if len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		return "webp"
	}
	return ""
}

// jpegHeader walks the marker segments up to the frame header, picking up the
// orientation on the way (JPEG, ISO/IEC 10918-1 annex B).
func jpegHeader(data []byte) (Header, error) {
	h := Header{Format: "jpeg", Orientation: 1}
	for p := 2; ; {
		for p < len(data) && data[p] != 0xff { // tolerate rubbish between segments, as libjpeg does
			p++
		}
		for p < len(data) && data[p] == 0xff { // fill bytes
			p++
		}
		if p >= len(data) {
			return h, truncatedHeader("jpeg", len(data))
		}
		marker := data[p]
		p++
		if marker == 0 || marker == 1 || marker >= 0xd0 && marker <= 0xd8 { // stuffed bytes and markers without a segment
			continue
		}
		if marker == 0xd9 || marker == 0xda {
			return h, &Error{Reason: Corrupt, Format: "jpeg", Detail: "no frame header before the image data"}
		}
		if p+2 > len(data) {
			return h, truncatedHeader("jpeg", len(data))
		}
		n := int(binary.BigEndian.Uint16(data[p:]))
		if n < 2 || p+n > len(data) {
			return h, truncatedHeader("jpeg", len(data))
		}
		body := data[p+2 : p+n]
		if isFrame(marker) {
			return frameHeader(h, data, body)
		}
		if marker == 0xe1 && h.Orientation == 1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			h.Orientation = exifOrientation(body[6:])
		}
		p += n
	}
}

// isFrame says whether a marker is SOF0 to SOF15 (not DHT, JPG or DAC).
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

func frameHeader(h Header, data, body []byte) (Header, error) {
	if len(body) < 6 {
		return h, truncatedHeader("jpeg", len(data))
	}
	h.H = int(binary.BigEndian.Uint16(body[1:]))
	h.W = int(binary.BigEndian.Uint16(body[3:]))
	if body[0] != 8 {
		return h, &Error{Reason: Unsupported, Format: "jpeg",
			Detail: fmt.Sprintf("%d bits a sample; 8 are decoded", body[0])}
	}
	// A file without an end marker was cut off, even if the rows that some crops
	// need are still there: PIL rejects it, and so the set of usable images does
	// not depend on where the crops happen to lie. The search begins at the end
	// and as a rule stops there.
	if bytes.LastIndex(data, []byte{0xff, 0xd9}) < 0 {
		return h, &Error{Reason: Truncated, Format: "jpeg",
			Detail: fmt.Sprintf("no end-of-image marker in %d bytes", len(data))}
	}
	return h, checkSize(h)
}

func truncatedHeader(format string, n int) error {
	return &Error{Reason: Truncated, Format: format, Detail: fmt.Sprintf("the header is cut off after %d bytes", n)}
}

func checkSize(h Header) error {
	if h.W < 1 || h.H < 1 {
		return &Error{Reason: Corrupt, Format: h.Format, Detail: fmt.Sprintf("its size is %d x %d", h.W, h.H)}
	}
	return nil
}

// otherHeader asks Go's decoders, and finds the EXIF block of those formats that
// have one.
func otherHeader(data []byte, format string) (h Header, err error) {
	h = Header{Format: format, Orientation: 1}
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Reason: Corrupt, Format: format, Detail: fmt.Sprint(p)}
		}
	}()
	cfg, err := codecs[format].config(bytes.NewReader(data))
	if err != nil {
		return h, codecError(format, err)
	}
	h.W, h.H = cfg.Width, cfg.Height
	switch format {
	case "png":
		h.Orientation = exifOrientation(pngChunk(data, "eXIf"))
	case "webp":
		h.Orientation = exifOrientation(bytes.TrimPrefix(riffChunk(data, "EXIF"), []byte("Exif\x00\x00")))
	case "tiff":
		h.Orientation = exifOrientation(data)
	}
	return h, checkSize(h)
}

// codec is one of Go's image decoders.
type codec struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}
