// SPDX-License-Identifier: MIT

package formats

/*
#cgo LDFLAGS: -Wl,--no-as-needed -lavif -Wl,--as-needed -ldl
#include "fm_avif.h"
*/
import "C"

import "unsafe"

// avifCodec decodes AVIF.
var avifCodec = codec{header: avifHeader, decode: decodeAVIF}

// avifHeader reads the container. Of its orientations Pillow takes the one of
// the transformations irot and imir for EXIF's; the EXIF block only decides
// whether XMP is asked where they turn nothing.
func avifHeader(data []byte) (Header, error) {
	h, broken := Header{Format: "avif", Orientation: 1}, false
	err := Limits{}.withDefaults().inC("avif", func(c *C.fm_context) C.int {
		var out C.fm_avif
		defer C.fm_avif_free(c, &out)
		code := C.fm_avif_header(c, bytePtr(data), C.size_t(len(data)), &out)
		h.W, h.H = int(out.w), int(out.h)
		exif, xmp := unsafe.Slice((*byte)(out.exif), out.exif_size), unsafe.Slice((*byte)(out.xmp), out.xmp_size)
		broken = len(exif) > 0 && !isExif(exif)
		if h.Orientation = int(out.orientation); h.Orientation != 1 {
			return code
		}
		if _, found := exifOrientation(exif); !found {
			h.Orientation = Orientation(nil, xmp)
		}
		return code
	})
	if err == nil && broken {
		err = &Error{Reason: Corrupt, Format: "avif", Detail: "its EXIF block is none, and Pillow does not open such a file"}
	}
	return h, err
}

func decodeAVIF(data []byte, h Header, lim Limits) (*Image, error) {
	img := lim.image(h, 3)
	return img, lim.inC("avif", func(c *C.fm_context) C.int {
		return C.fm_avif_decode(c, bytePtr(data), C.size_t(len(data)), C.int(h.W), C.int(h.H), bytePtr(img.Pix))
	})
}
