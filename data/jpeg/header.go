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

// jpegHeader walks the marker segments up to the image data for the frame header
// and the orientation (JPEG, ISO/IEC 10918-1 annex B).
func jpegHeader(data []byte) (formats.Header, error) {
	h := formats.Header{Format: "jpeg", Orientation: 1}
	var meta metadata
	for p, framed := 2, false; ; {
		marker, body, err := segment(data, &p)
		switch {
		case framed && (err != nil || marker == 0xd9 || marker == 0xda):
			h.Orientation = formats.Orientation(meta.exif, meta.xmp)
			return h, nil
		case err != nil:
			return h, err
		case marker == 0xd9 || marker == 0xda:
			return h, &formats.Error{Reason: formats.Corrupt, Format: "jpeg", Detail: "no frame header before the image data"}
		case isFrame(marker) && !framed:
			if err := frameHeader(&h, data, body); err != nil {
				return h, err
			}
			framed = true
		case marker == 0xe1:
			meta.add(body)
		}
	}
}

// segment reads the segment at *p and moves *p behind it: its marker and, except
// for the markers that end a header, its content.
func segment(data []byte, at *int) (marker byte, body []byte, err error) {
	for p := *at; ; {
		for p < len(data) && data[p] != 0xff { // tolerate rubbish between segments, as libjpeg does
			p++
		}
		for p < len(data) && data[p] == 0xff { // fill bytes
			p++
		}
		if p >= len(data) {
			return 0, nil, formats.Cut("jpeg", len(data))
		}
		marker = data[p]
		p++
		if marker == 0 || marker == 1 || marker >= 0xd0 && marker <= 0xd8 { // stuffed bytes and markers without a segment
			continue
		}
		if marker == 0xd9 || marker == 0xda {
			return marker, nil, nil
		}
		if p+2 > len(data) {
			return 0, nil, formats.Cut("jpeg", len(data))
		}
		n := int(binary.BigEndian.Uint16(data[p:]))
		if n < 2 || p+n > len(data) {
			return 0, nil, formats.Cut("jpeg", len(data))
		}
		*at = p + n
		return marker, data[p+2 : p+n], nil
	}
}

// metadata is what the APP1 segments of a JPEG hold.
type metadata struct{ exif, xmp []byte }

// add takes the content of an APP1 segment. EXIF that is too long for one
// segment goes on in the next; of XMP packets the last counts.
func (m *metadata) add(body []byte) {
	if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok {
		if m.exif == nil {
			m.exif = exif // as a rule all of it, and not copied
		} else {
			m.exif = append(m.exif[:len(m.exif):len(m.exif)], exif...)
		}
	}
	if xmp, ok := bytes.CutPrefix(body, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
		m.xmp = xmp
	}
}

// isFrame says whether a marker is SOF0 to SOF15 (not DHT, JPG or DAC).
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

func frameHeader(h *formats.Header, data, body []byte) error {
	if len(body) < 6 {
		return formats.Cut("jpeg", len(data))
	}
	h.H = int(binary.BigEndian.Uint16(body[1:]))
	h.W = int(binary.BigEndian.Uint16(body[3:]))
	if body[0] != 8 {
		return &formats.Error{Reason: formats.Unsupported, Format: "jpeg",
			Detail: fmt.Sprintf("%d bits a sample; 8 are decoded", body[0])}
	}
	// A file without an end marker was cut off, even if the rows that some crops
	// need are still there: PIL rejects it, and so the set of usable images does
	// not depend on where the crops happen to lie. The search begins at the end
	// and as a rule stops there.
	if bytes.LastIndex(data, []byte{0xff, 0xd9}) < 0 {
		return &formats.Error{Reason: formats.Truncated, Format: "jpeg",
			Detail: fmt.Sprintf("no end-of-image marker in %d bytes", len(data))}
	}
	return h.CheckSize()
}
