// SPDX-License-Identifier: MIT

package formats

/*
#cgo LDFLAGS: -lwebpdemux -lwebp
#include "fm_webp.h"
*/
import "C"

import "fmt"

// webpCodec decodes WebP as Pillow does with the animation decoder of libwebp.
var webpCodec = codec{header: webpHeader, decode: decodeWebP}

// webpHeader also checks that the file is whole, which Pillow asks for.
func webpHeader(data []byte) (Header, error) {
	h := Header{Format: "webp", Orientation: 1}
	switch kind := string(data[12:min(len(data), 16)]); kind {
	case "VP8 ", "VP8L", "VP8X":
	default:
		return h, &Error{Reason: Corrupt, Format: "webp", Detail: fmt.Sprintf(
			"its first chunk is %q; allowed are \"VP8 \", \"VP8L\" and \"VP8X\"", kind)}
	}
	var out C.fm_webp
	err := Limits{}.withDefaults().inC("webp", func(c *C.fm_context) C.int {
		return C.fm_webp_header(c, bytePtr(data), C.size_t(len(data)), &out)
	})
	if err != nil {
		return h, err
	}
	h.W, h.H = int(out.w), int(out.h)
	h.Orientation = Orientation(data[out.exif:out.exif+out.exif_size], data[out.xmp:out.xmp+out.xmp_size])
	return h, nil
}

func decodeWebP(data []byte, h Header, lim Limits) (*Image, error) {
	img := lim.image(h, 3)
	return img, lim.inC("webp", func(c *C.fm_context) C.int {
		return C.fm_webp_decode(c, bytePtr(data), C.size_t(len(data)), C.int(h.W), C.int(h.H), bytePtr(img.Pix))
	})
}
