// SPDX-License-Identifier: MIT

package jpeg

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"seer/data/formats"
)

// without leaves the segments of one kind out, up to the scan.
func without(data []byte, marker byte) []byte {
	out := bytes.Clone(data[:2])
	for p := 2; ; {
		n := 2 + int(binary.BigEndian.Uint16(data[p+2:]))
		if data[p+1] == sos {
			return append(out, data[p:]...)
		}
		if data[p+1] != marker {
			out = append(out, data[p:p+n]...)
		}
		p += n
	}
}

// A file without quantisation tables is broken, whatever the decoder has seen
// before: libjpeg would go on with the tables of the last image.
func TestTablesAreNotThoseOfAnotherImage(t *testing.T) {
	good := encode(t, drawPhoto(64, 48))
	d := NewDecoder(DecodeOptions{})
	defer d.Close()
	for range 2 {
		if _, err := d.Decode(without(good, 0xdb)); formats.ReasonOf(err) != formats.Corrupt {
			t.Errorf("without tables: %v, want it corrupt", err)
		}
		if _, err := d.Decode(good); err != nil {
			t.Fatal(err)
		}
	}
}

// giant returns a file of almost no data whose frame header has that marker and
// promises w x h pixels, three components.
func giant(t *testing.T, marker byte, w, h int) []byte {
	data := encode(t, drawPhoto(16, 16))
	at := bytes.Index(data, []byte{0xff, 0xc0})
	data[at+1] = marker
	binary.BigEndian.PutUint16(data[at+5:], uint16(h))
	binary.BigEndian.PutUint16(data[at+7:], uint16(w))
	return data
}

// What would take too long or too much memory is refused by its header.
func TestGiantsAreRefusedByTheirHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		data   []byte
		orient bool
		want   string
	}{
		"arithmetic coding": {giant(t, 0xc9, 13000, 13000), false, "too many scans for its size"},
		"coefficients":      {giant(t, 0xc2, 13000, 13000), false, "bytes of memory"},
		"turned":            {withExif(giant(t, 0xc0, 13000, 13000), 6), true, "bytes of memory"},
		"pixels":            {giant(t, 0xc0, 13400, 13400), false, "178956970"},
	} {
		d := NewDecoder(DecodeOptions{Orient: c.orient})
		defer d.Close()
		if _, err := d.header(c.data); formats.ReasonOf(err) != formats.TooLarge || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it too large with %q", name, err, c.want)
		}
	}
}

// withExif inserts an EXIF block with that orientation.
func withExif(data []byte, orientation byte) []byte {
	block := append([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00"), orientation, 0, 0, 0)
	head := []byte{0xff, 0xd8, 0xff, 0xe1, 0, byte(len(block) + 2)}
	return append(append(head, block...), data[2:]...)
}

// EXIF in hundreds of thousands of pieces costs no more than its bytes.
func TestManySegmentsAreReadInTime(t *testing.T) {
	piece := []byte("\xff\xe1\x00\x0cExif\x00\x00MMMM")
	data := append([]byte{0xff, 0xd8}, bytes.Repeat(piece, 500_000)...)
	start := time.Now()
	if _, err := ReadHeader(append(data, encode(t, drawPhoto(8, 8))[2:]...)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 20*time.Second { // quadratic, it would be minutes
		t.Errorf("7 MB of segments took %v", took)
	}
}
