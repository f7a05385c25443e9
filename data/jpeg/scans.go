// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"seer/data/formats"
)

// Markers that matter here.
const (
	eoi = 0xd9 // end of image
	sos = 0xda // start of scan
)

// Bounds of what one file may cost. Real progressive files have some ten scans;
// libjpeg-turbo's own tools stop at 500.
const (
	maxScans = 500
	// maxVisits bounds the visits of blocks by all scans of a file, each of which
	// takes up to 60 ns however few data the scan has: 96 megapixels of the usual
	// ten scans without subsampling, 130 with it.
	maxVisits = 24 << 20
	// arithmeticVisit is how many visits of the Huffman decoder one of the
	// arithmetic decoder is worth, which makes up coefficients when data run out.
	arithmeticVisit = 8
	// maxMemory bounds the pixels, those turned upright, and what the decoder
	// holds: of JPEGs with several scans their coefficients.
	maxMemory = 900 << 20
	// decoderMemory is the least that the decoders of other formats get.
	decoderMemory = 64 << 20
)

// frame is what a frame header says.
type frame struct {
	all                     [4]component // of which n there are; not a slice, which would be allocated
	n                       int
	progressive, arithmetic bool
}

func (f *frame) components() []component { return f.all[:f.n] }

type component struct {
	id     byte
	blocks int64
}

// readFrame reads the frame header, sizes into h.
func readFrame(h *formats.Header, data []byte, marker byte, body []byte) (f frame, err error) {
	if len(body) < 6 || len(body) < 6+3*int(body[5]) {
		return f, formats.Cut("jpeg", len(data))
	}
	h.H = int(binary.BigEndian.Uint16(body[1:]))
	h.W = int(binary.BigEndian.Uint16(body[3:]))
	if body[0] != 8 {
		return f, &formats.Error{Reason: formats.Unsupported, Format: "jpeg",
			Detail: fmt.Sprintf("%d bits a sample; 8 are decoded", body[0])}
	}
	n := int(body[5])
	if n != 1 && n != 3 && n != 4 {
		return f, &formats.Error{Reason: formats.Unsupported, Format: "jpeg",
			Detail: fmt.Sprintf("%d components; 1, 3 and 4 are decoded", n)}
	}
	f = frame{n: n, progressive: marker&3 == 2, arithmetic: marker >= 0xc9}
	f.readComponents(*h, body[6:6+3*n])
	return f, h.CheckSize()
}

func (f *frame) readComponents(h formats.Header, body []byte) {
	across, down := 1, 1
	for i := 1; i < len(body); i += 3 {
		across, down = max(across, int(body[i]>>4)), max(down, int(body[i]&15))
	}
	for i := range f.all[:f.n] {
		sampling := body[3*i+1]
		// Whole units of 8 x 8 pixels of the component that is sampled most finely.
		w, hh := (h.W+8*across-1)/(8*across)*int(sampling>>4), (h.H+8*down-1)/(8*down)*int(sampling&15)
		f.all[i] = component{body[3*i], int64(w) * int64(hh)}
	}
}

// coefficients returns the bytes that libjpeg holds of an image with several
// scans.
func (f *frame) coefficients(several bool) (n int64) {
	if several {
		for _, c := range f.components() {
			n += 2 * 64 * c.blocks
		}
	}
	return n
}

// pixelBytes is what the pixels of an image take, and those turned upright.
func pixelBytes(h formats.Header) int64 {
	n := 4 * int64(h.W) * int64(h.H)
	if h.Orientation > 1 {
		n *= 2
	}
	return n
}

// checkMemory refuses an image whose decoding needs more than maxMemory. The
// other formats need some for the decoder.
func checkMemory(h formats.Header, coefficients int64) error {
	need := pixelBytes(h) + coefficients
	if h.Format != "jpeg" {
		need += decoderMemory
	}
	if need > maxMemory {
		return &formats.Error{Reason: formats.TooLarge, Format: h.Format,
			Detail: fmt.Sprintf("decoding %d x %d pixels takes %d bytes of memory; the limit is %d", h.W, h.H, need, maxMemory)}
	}
	return nil
}

// scanned adds up what a scan with that header costs.
func (f *frame) scanned(body []byte) (components int, visits int64) {
	if len(body) == 0 {
		return 0, 0
	}
	for i := range int(body[0]) {
		if 1+2*i >= len(body) {
			break
		}
		for _, c := range f.components() {
			if c.id == body[1+2*i] {
				components++
				visits += c.blocks
			}
		}
	}
	if f.arithmetic {
		visits *= arithmeticVisit
	}
	return components, visits
}

// scans walks over the image data, whose first scan has the given header and
// begins at p. Where a scan ends is seen by its data alone: markers in them are
// escaped. A file that ends inside its last scan was cut off, even if the rows
// that some crops need are still there: PIL rejects it, and so the set of usable
// images does not depend on where the crops happen to lie.
func (f *frame) scans(data []byte, p int, header []byte) (several bool, err error) {
	components, visits := f.scanned(header)
	several = f.progressive || components < f.n
	for scans := 1; ; {
		if err := f.tooMany(scans, visits, several); err != nil {
			return several, err
		}
		if p = scanEnd(data, p); p < 0 {
			return several, cutOff(data)
		}
		if !several {
			return several, behindScan(data, p)
		}
		marker, body, err := segment(data, &p)
		for err == nil && marker != eoi && marker != sos {
			marker, body, err = segment(data, &p)
		}
		if err != nil {
			return several, cutOff(data)
		}
		if marker == eoi {
			return several, nil
		}
		_, more := f.scanned(body)
		scans, visits = scans+1, visits+more
	}
}

func (f *frame) tooMany(scans int, visits int64, several bool) error {
	switch {
	case scans > maxScans:
		return &formats.Error{Reason: formats.TooLarge, Format: "jpeg",
			Detail: fmt.Sprintf("too many scans; up to %d are decoded", maxScans)}
	case visits > maxVisits && (several || f.arithmetic):
		return &formats.Error{Reason: formats.TooLarge, Format: "jpeg", Detail: fmt.Sprintf(
			"too many scans for its size: %d visit %d blocks; up to %d are allowed", scans, visits, maxVisits)}
	}
	return nil
}

func cutOff(data []byte) error {
	return &formats.Error{Reason: formats.Truncated, Format: "jpeg",
		Detail: fmt.Sprintf("no end-of-image marker behind the image data, in %d bytes", len(data))}
}

// scanEnd returns the place of the first marker from p on that is no restart
// marker, or -1.
func scanEnd(data []byte, p int) int {
	for p < len(data) {
		i := bytes.IndexByte(data[p:], 0xff)
		if i < 0 || p+i+1 >= len(data) {
			return -1
		}
		p += i
		switch m := data[p+1]; {
		case m == 0xff:
			p++
		case m == 0 || m >= 0xd0 && m <= 0xd7:
			p += 2
		default:
			return p
		}
	}
	return -1
}

// behindScan judges what comes behind the only scan, from the marker at p on, as
// libjpeg does when it looks for the end marker: segments may follow, even end
// with the file, but neither another image nor what is no marker.
func behindScan(data []byte, p int) error {
	for {
		for p < len(data) && data[p] != 0xff {
			p++
		}
		for p < len(data) && data[p] == 0xff {
			p++
		}
		if p >= len(data) || data[p] == eoi {
			return nil
		}
		m := data[p]
		p++
		switch {
		case m <= 1 || m >= 0xd0 && m <= 0xd7: // escaped bytes and markers without a segment
			continue
		case m < 0xc0 || isFrame(m) || m == 0xc8 || m == 0xd8 || m == sos || m == 0xde || m == 0xdf || m >= 0xf0 && m < 0xfe:
			return &formats.Error{Reason: formats.Corrupt, Format: "jpeg",
				Detail: fmt.Sprintf("marker %02x behind the image data; the end-of-image marker is expected", m)}
		}
		if p+2 > len(data) {
			return nil
		}
		p += max(2, int(binary.BigEndian.Uint16(data[p:])))
	}
}
