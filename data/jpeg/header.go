// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"seer/data/formats"
)

// ReadHeader recognises data by its first bytes, whatever the file is called,
// and reads size and orientation. Nothing proportional to the image is allocated.
func ReadHeader(data []byte) (formats.Header, error) {
	if formats.Sniff(data) == "jpeg" {
		return jpegHeader(data)
	}
	return formats.ReadHeader(data)
}

// jpegHeader walks the marker segments up to the frame header, picking up the
// orientation on the way (JPEG, ISO/IEC 10918-1 annex B).
func jpegHeader(data []byte) (formats.Header, error) {
	h := formats.Header{Format: "jpeg", Orientation: 1}
	for p := 2; ; {
		for p < len(data) && data[p] != 0xff { // tolerate rubbish between segments, as libjpeg does
			p++
		}
		for p < len(data) && data[p] == 0xff { // fill bytes
			p++
		}
		if p >= len(data) {
			return h, formats.Cut("jpeg", len(data))
		}
		marker := data[p]
		p++
		if marker == 0 || marker == 1 || marker >= 0xd0 && marker <= 0xd8 { // stuffed bytes and markers without a segment
			continue
		}
		if marker == 0xd9 || marker == 0xda {
			return h, &formats.Error{Reason: formats.Corrupt, Format: "jpeg", Detail: "no frame header before the image data"}
		}
		if p+2 > len(data) {
			return h, formats.Cut("jpeg", len(data))
		}
		n := int(binary.BigEndian.Uint16(data[p:]))
		if n < 2 || p+n > len(data) {
			return h, formats.Cut("jpeg", len(data))
		}
		body := data[p+2 : p+n]
		if isFrame(marker) {
			return frameHeader(h, data, body)
		}
		if marker == 0xe1 && h.Orientation == 1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			h.Orientation = formats.ExifOrientation(body[6:])
		}
		p += n
	}
}

// isFrame says whether a marker is SOF0 to SOF15 (not DHT, JPG or DAC).
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

func frameHeader(h formats.Header, data, body []byte) (formats.Header, error) {
	if len(body) < 6 {
		return h, formats.Cut("jpeg", len(data))
	}
	h.H = int(binary.BigEndian.Uint16(body[1:]))
	h.W = int(binary.BigEndian.Uint16(body[3:]))
	if body[0] != 8 {
		return h, &formats.Error{Reason: formats.Unsupported, Format: "jpeg",
			Detail: fmt.Sprintf("%d bits a sample; 8 are decoded", body[0])}
	}
	// A file without an end marker was cut off, even if the rows that some crops
	// need are still there: PIL rejects it, and so the set of usable images does
	// not depend on where the crops happen to lie. The search begins at the end
	// and as a rule stops there.
	if bytes.LastIndex(data, []byte{0xff, 0xd9}) < 0 {
		return h, &formats.Error{Reason: formats.Truncated, Format: "jpeg",
			Detail: fmt.Sprintf("no end-of-image marker in %d bytes", len(data))}
	}
	return h, h.CheckSize()
}
