// SPDX-License-Identifier: MIT

package formats

// #include "fm_gif.h"
import "C"

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// gifCodec gives the first frame of a GIF on its canvas, as Pillow composes it:
// a canvas too small for the frame grows; what the frame leaves free has the
// transparent colour if there is one and colour 0 otherwise; transparent pixels
// have their palette's colour; the background colour plays no part.
var gifCodec = codec{
	header: func(data []byte) (Header, error) {
		h := Header{Format: "gif", Orientation: 1}
		f, err := readGIF(data)
		if err != nil {
			return h, err
		}
		h.W, h.H = int(f.c.canvas_w), int(f.c.canvas_h)
		return h, nil
	},
	decode: decodeGIF,
}

func decodeGIF(data []byte, h Header, lim Limits) (*Image, error) {
	f, err := readGIF(data)
	if err != nil {
		return nil, err
	}
	channels := 3
	if f.c.gray != 0 {
		channels = 1
	}
	img := lim.image(h, channels)
	return img, lim.inC("gif", func(c *C.fm_context) C.int {
		return C.fm_gif_decode(c, bytePtr(data), C.size_t(len(data)), &f.c, bytePtr(img.Pix))
	})
}

// gifFrame is what the blocks in front of the image data say.
type gifFrame struct{ c C.fm_gif }

// readGIF reads them.
func readGIF(data []byte) (*gifFrame, error) {
	f, b := &gifFrame{}, &gifBlocks{data: data}
	head := b.read(13)
	if b.cut {
		return nil, Cut("gif", len(data))
	}
	f.c.canvas_w, f.c.canvas_h = word(head, 6), word(head, 8)
	f.c.gray = 1
	if head[10]&0x80 != 0 {
		f.readPalette(b, head[10])
	}
	for found := false; !found; {
		var err error
		switch kind := b.next(); kind {
		case ';':
			err = &Error{Reason: Corrupt, Format: "gif", Detail: fmt.Sprintf("it ends at byte %d without an image", b.pos)}
		case '!':
			err = f.readExtension(b)
		case ',':
			found = true
			err = f.readDescriptor(b)
		}
		if b.cut {
			return nil, Cut("gif", len(data))
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

func word(b []byte, at int) C.int32_t { return C.int32_t(binary.LittleEndian.Uint16(b[at:])) }

// readPalette reads the palette that flags announce; behind its end it is black.
// One in which every colour is the grey of its own index counts as none, and
// leaves a global palette in force.
func (f *gifFrame) readPalette(b *gifBlocks, flags byte) {
	p := b.read(6 << (flags & 7))
	var colours [256][3]C.uint8_t
	grays := true
	for i, v := range p {
		colours[i/3][i%3] = C.uint8_t(v)
		grays = grays && int(v) == i/3
	}
	if !grays {
		f.c.palette, f.c.gray = colours, 0
	}
}

// readExtension passes over an extension; one with a transparent colour sets it,
// and one without leaves the last. Pillow steps over the sub-blocks as follows,
// also where they are few or none, and what it swallows then is not an image.
func (f *gifFrame) readExtension(b *gifBlocks) error {
	kind, block := b.next(), b.block()
	const control, comment, application = 249, 254, 255
	switch {
	case kind == control && len(block) > 0:
		transparent := block[0]&1 != 0
		if len(block) < 3 || transparent && len(block) < 4 {
			return &Error{Reason: Corrupt, Format: "gif", Detail: fmt.Sprintf(
				"its graphic control extension has %d bytes; 4 are needed", len(block))}
		}
		if transparent {
			f.c.fill = C.uint8_t(block[3])
		}
	case kind == comment && len(block) == 0:
		return nil
	case kind == application && bytes.HasPrefix(block, []byte("NETSCAPE2.0")):
		b.block()
	}
	b.chain()
	return nil
}

// readDescriptor reads the place of the frame, its palette and code size.
func (f *gifFrame) readDescriptor(b *gifBlocks) error {
	d := b.read(9)
	if b.cut {
		return nil // the caller says so
	}
	c := &f.c
	c.x, c.y, c.w, c.h = word(d, 0), word(d, 2), word(d, 4), word(d, 6)
	if c.w == 0 || c.h == 0 {
		return &Error{Reason: Corrupt, Format: "gif", Detail: fmt.Sprintf("its frame is %d x %d pixels", c.w, c.h)}
	}
	c.canvas_w, c.canvas_h = max(c.canvas_w, c.x+c.w), max(c.canvas_h, c.y+c.h)
	if d[8]&0x80 != 0 {
		f.readPalette(b, d[8])
	}
	if d[8]&0x40 != 0 {
		c.interlaced = 1
	}
	c.bits = C.int32_t(b.next())
	c.at = C.size_t(b.pos)
	return nil
}

// gifBlocks reads the bytes of a GIF in their order.
type gifBlocks struct {
	data []byte
	pos  int
	cut  bool // something was read that is not there
}

// read returns the next n bytes, or those that are left.
func (b *gifBlocks) read(n int) []byte {
	end := min(b.pos+n, len(b.data))
	b.cut = b.cut || b.pos+n > len(b.data)
	p := b.data[b.pos:end]
	b.pos = end
	return p
}

// next returns the next byte, and 0 at the end.
func (b *gifBlocks) next() byte {
	if p := b.read(1); len(p) == 1 {
		return p[0]
	}
	return 0
}

// block returns a sub-block: nothing where a chain of them ends.
func (b *gifBlocks) block() []byte { return b.read(int(b.next())) }

// chain passes over sub-blocks to the end of their chain.
func (b *gifBlocks) chain() {
	for len(b.block()) > 0 {
	}
}
