// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
)

// pngOrientation looks for EXIF and XMP where Pillow does: in eXIf, in text that
// ImageMagick wrote, and in the text of XMP; before and behind the image, and the
// last of each counts.
func pngOrientation(data []byte) int {
	var m pngMetadata
	f := &pngFile{data: data}
	for p := 8; ; {
		c, ok := f.next(p)
		if !ok || c.n > len(data)-c.at || !m.add(c.kind, data[c.at:c.at+c.n]) {
			break
		}
		p = c.at + c.n + 4
	}
	exif := m.exif
	if exif == nil && m.profile.key != "" {
		exif = m.profile.profile()
	}
	return Orientation(exif, m.xmp.text())
}

// pngMetadata is what the chunks so far have brought.
type pngMetadata struct {
	exif           []byte
	profile, xmp   pngText
	animated, idat bool
}

// add takes a chunk and tells whether the next one counts: not behind the first
// frame of an animation.
func (m *pngMetadata) add(kind string, data []byte) bool {
	switch kind {
	case "IEND":
		return false
	case "fcTL":
		return !m.animated || !m.idat
	case "acTL":
		m.animated = true
	case "IDAT":
		m.idat = true
	case "eXIf":
		m.exif = data
	case "tEXt", "zTXt", "iTXt":
		m.addText(readPNGText(kind, data))
	}
	return true
}

func (m *pngMetadata) addText(t pngText) {
	switch t.key {
	case "exif":
		m.exif = t.text()
	case "Raw profile type exif":
		m.profile = t
	case "XML:com.adobe.xmp":
		m.xmp = t
	}
}

// pngText is a text chunk, not yet unpacked.
type pngText struct {
	key    string
	data   []byte
	packed bool
}

// readPNGText takes a text chunk apart; its key is empty where it is none.
func readPNGText(kind string, data []byte) pngText {
	key, rest, _ := bytes.Cut(data, []byte{0})
	t := pngText{key: string(key), data: rest}
	switch kind {
	case "zTXt": // the method, which can only be zlib
		t.packed = true
		t.data = rest[min(1, len(rest)):]
	case "iTXt": // flag and method, language, translated key
		if len(rest) < 2 {
			return pngText{}
		}
		t.packed = rest[0] != 0
		_, t.data, _ = bytes.Cut(rest[2:], []byte{0})
		_, t.data, _ = bytes.Cut(t.data, []byte{0})
	}
	return t
}

// maxPNGText is Pillow's limit for a text that is unpacked.
const maxPNGText = 1 << 20

// text returns the text, or nothing if it is damaged.
func (t pngText) text() []byte {
	if !t.packed {
		return t.data
	}
	r, err := zlib.NewReader(bytes.NewReader(t.data))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, maxPNGText))
	if err != nil {
		return nil
	}
	return text
}

// profile returns the bytes that a text "\nexif\n  LENGTH\nHEX…" stands for.
func (t pngText) profile() []byte {
	lines := bytes.SplitN(t.text(), []byte("\n"), 4)
	if len(lines) < 4 {
		return nil
	}
	digits := bytes.Join(bytes.Fields(lines[3]), nil)
	out := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(out, digits); err != nil {
		return nil
	}
	return out
}
