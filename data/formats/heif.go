// SPDX-License-Identifier: MIT

package formats

/*
#cgo LDFLAGS: -lheif -lde265 -ldl
#include "fm_heif.h"
*/
import "C"

// heifCodec decodes HEIC. Pillow does not read it; the plug-in pillow-heif, which
// stands on the same library, is the rule.
var heifCodec = codec{header: heifHeader, decode: decodeHEIF}

func heifHeader(data []byte) (Header, error) {
	var w, h C.int32_t
	err := Limits{}.withDefaults().inC("heic", func(c *C.fm_context) C.int {
		return C.fm_heif_header(c, bytePtr(data), C.size_t(len(data)), &w, &h)
	})
	return Header{Format: "heic", W: int(w), H: int(h), Orientation: 1}, err
}

func decodeHEIF(data []byte, h Header, lim Limits) (*Image, error) {
	img := lim.image(h, 3)
	return img, lim.inC("heic", func(c *C.fm_context) C.int {
		return C.fm_heif_decode(c, bytePtr(data), C.size_t(len(data)), C.int(h.W), C.int(h.H), bytePtr(img.Pix))
	})
}
