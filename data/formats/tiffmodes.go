// SPDX-License-Identifier: MIT

package formats

import "strings"

// tiffMode is how Pillow holds an image (mode) and how the file stores it (raw).
type tiffMode struct{ mode, raw string }

// tiffModes is Pillow's OPEN_INFO: everything that its TIFF reader knows. A line
// is byte order (I, M or * for both), photometric interpretation, sample format,
// fill order, bits of the samples, extra samples; then mode and raw mode.
const tiffModes = `
* 0 1 1 1 - 1 1;I
* 0 1 2 1 - 1 1;IR
* 1 1 1 1 - 1 1
* 1 1 2 1 - 1 1;R
* 0 1 1 2 - L L;2I
* 0 1 2 2 - L L;2IR
* 1 1 1 2 - L L;2
* 1 1 2 2 - L L;2R
* 0 1 1 4 - L L;4I
* 0 1 2 4 - L L;4IR
* 1 1 1 4 - L L;4
* 1 1 2 4 - L L;4R
* 0 1 1 8 - L L;I
* 0 1 2 8 - L L;IR
* 1 1 1 8 - L L
* 1 2 1 8 - L L
* 1 1 2 8 - L L;R
I 1 1 1 12 - I;16 I;12
I 0 1 1 16 - I;16 I;16
I 1 1 1 16 - I;16 I;16
M 1 1 1 16 - I;16B I;16B
I 1 1 2 16 - I;16 I;16R
I 1 2 1 16 - I I;16S
M 1 2 1 16 - I I;16BS
I 0 3 1 32 - F F;32F
M 0 3 1 32 - F F;32BF
I 1 1 1 32 - I I;32N
I 1 2 1 32 - I I;32S
M 1 2 1 32 - I I;32BS
I 1 3 1 32 - F F;32F
M 1 3 1 32 - F F;32BF
* 1 1 1 8,8 0 L LX
* 1 1 1 8,8 1 La La
* 1 1 1 8,8 2 LA LA
* 2 1 1 8,8,8 - RGB RGB
* 2 1 2 8,8,8 - RGB RGB;R
* 2 1 1 8,8,8,8 - RGBA RGBA
* 2 1 1 8,8,8,8 0 RGB RGBX
* 2 1 1 8,8,8,8,8 0,0 RGB RGBXX
* 2 1 1 8,8,8,8,8,8 0,0,0 RGB RGBXXX
* 2 1 1 8,8,8,8 1 RGBA RGBa
* 2 1 1 8,8,8,8,8 1,0 RGBA RGBaX
* 2 1 1 8,8,8,8,8,8 1,0,0 RGBA RGBaXX
* 2 1 1 8,8,8,8 2 RGBA RGBA
* 2 1 1 8,8,8,8,8 2,0 RGBA RGBAX
* 2 1 1 8,8,8,8,8,8 2,0,0 RGBA RGBAXX
* 2 1 1 8,8,8,8 999 RGBA RGBA
I 2 1 1 16,16,16 - RGB RGB;16L
M 2 1 1 16,16,16 - RGB RGB;16B
I 2 1 1 16,16,16,16 - RGBA RGBA;16L
M 2 1 1 16,16,16,16 - RGBA RGBA;16B
I 2 1 1 16,16,16,16 0 RGB RGBX;16L
M 2 1 1 16,16,16,16 0 RGB RGBX;16B
I 2 1 1 16,16,16,16 1 RGBA RGBa;16L
M 2 1 1 16,16,16,16 1 RGBA RGBa;16B
I 2 1 1 16,16,16,16 2 RGBA RGBA;16L
M 2 1 1 16,16,16,16 2 RGBA RGBA;16B
* 3 1 1 1 - P P;1
* 3 1 2 1 - P P;1R
* 3 1 1 2 - P P;2
* 3 1 2 2 - P P;2R
* 3 1 1 4 - P P;4
* 3 1 2 4 - P P;4R
* 3 1 1 8 - P P
* 3 1 1 8,8 0 P PX
* 3 1 1 8,8 2 PA PA
* 3 1 2 8 - P P;R
* 5 1 1 8,8,8,8 - CMYK CMYK
* 5 1 1 8,8,8,8,8 0 CMYK CMYKX
* 5 1 1 8,8,8,8,8,8 0,0 CMYK CMYKXX
I 5 1 1 16,16,16,16 - CMYK CMYK;16L
M 5 1 1 16,16,16,16 - CMYK CMYK;16B
* 6 1 1 8 - L L
* 6 1 1 8,8,8 - YCbCr YCbCr
* 8 1 1 8,8,8 - LAB LAB
`

// tiffModeOf is tiffModes, the first six columns of a line as one key each for
// both byte orders.
var tiffModeOf = func() map[string]tiffMode {
	m := map[string]tiffMode{}
	for line := range strings.Lines(tiffModes) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		orders := f[0]
		if orders == "*" {
			orders = "IM"
		}
		for _, o := range orders {
			m[string(o)+" "+strings.Join(f[1:6], " ")] = tiffMode{f[6], f[7]}
		}
	}
	return m
}()

// tiffCompressions are those that Pillow reads, all but the first through
// libtiff. It knows the names of three more: WebP, which its libtiff is built
// without, and SGI's two, whose colours are in no line of tiffModes.
var tiffCompressions = map[int64]string{
	tiffRaw: "none", tiffRLE: "CCITT RLE", tiffFax3: "CCITT group 3", tiffFax4: "CCITT group 4", tiffLZW: "LZW", tiffOldJPEG: "old-style JPEG",
	tiffJPEG: "JPEG", tiffAdobeDeflate: "deflate", tiffRLEWords: "CCITT RLE in words", 32773: "PackBits", 32809: "ThunderScan",
	tiffDeflate: "deflate", tiffLZMA: "LZMA", 50000: "Zstandard",
}

// Compressions that are special somewhere.
const (
	tiffRaw          = 1
	tiffRLE          = 2
	tiffFax3         = 3
	tiffFax4         = 4
	tiffLZW          = 5
	tiffOldJPEG      = 6
	tiffJPEG         = 7
	tiffAdobeDeflate = 8
	tiffRLEWords     = 32771
	tiffDeflate      = 32946
	tiffLZMA         = 34925
)
