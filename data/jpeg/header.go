// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"encoding/binary"

	"seer/data/formats"
)

// ReadHeader recognises data by its first bytes, whatever the file is called,
// and reads size and orientation. Nothing proportional to the image is allocated.
func ReadHeader(data []byte) (formats.Header, error) {
	h, _, err := readHeader(data)
	return h, err
}

// readHeader also returns what the decoder holds beside the pixels.
func readHeader(data []byte) (h formats.Header, coefficients int64, err error) {
	if formats.Sniff(data) == "jpeg" {
		return jpegHeader(data)
	}
	h, err = formats.ReadHeader(data)
	return h, 0, err
}

// jpegHeader walks the marker segments up to the image data for the frame header
// and the orientation (JPEG, ISO/IEC 10918-1 annex B), and then those behind.
func jpegHeader(data []byte) (h formats.Header, coefficients int64, err error) {
	h = formats.Header{Format: "jpeg", Orientation: 1}
	var meta metadata
	var f frame
	for p := 2; ; {
		marker, body, err := segment(data, &p)
		switch {
		case err != nil:
			return h, 0, err
		case f.n == 0 && (marker == eoi || marker == sos):
			return h, 0, &formats.Error{Reason: formats.Corrupt, Format: "jpeg", Detail: "no frame header before the image data"}
		case marker == eoi:
			return h, 0, &formats.Error{Reason: formats.Truncated, Format: "jpeg", Detail: "no image data before the end-of-image marker"}
		case marker == sos:
			h.Orientation = formats.Orientation(meta.exif, meta.xmp)
			several, err := f.scans(data, p, body)
			return h, f.coefficients(several), err
		case isFrame(marker) && f.n == 0:
			if f, err = readFrame(&h, data, marker, body); err != nil {
				return h, 0, err
			}
		case marker == 0xe1:
			meta.add(body)
		}
	}
}

// segment reads the segment at *at and moves *at behind it: its marker and its
// content, which the end marker has not.
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
		if marker == eoi {
			*at = p
			return marker, nil, nil
		}
		if p+2 > len(data) {
			return 0, nil, formats.Cut("jpeg", len(data))
		}
		n := max(2, int(binary.BigEndian.Uint16(data[p:]))) // libjpeg takes less for nothing
		if p+n > len(data) {
			return 0, nil, formats.Cut("jpeg", len(data))
		}
		*at = p + n
		return marker, data[p+2 : p+n], nil
	}
}

// metadata is what the APP1 segments of a JPEG hold.
type metadata struct {
	exif, xmp []byte
	copied    bool // exif is ours to append to
}

// add takes the content of an APP1 segment. EXIF that is too long for one
// segment goes on in the next; of XMP packets the last counts.
func (m *metadata) add(body []byte) {
	if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok {
		if m.exif == nil {
			m.exif = exif // as a rule all of it, and not copied
		} else {
			if !m.copied {
				m.exif, m.copied = bytes.Clone(m.exif), true
			}
			m.exif = append(m.exif, exif...)
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
