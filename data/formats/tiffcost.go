// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"math"
)

// Bounds on what is given to libtiff. It keeps all values of all tags in memory
// and sorts its list of tags for every unknown one.
const (
	maxTIFFEntries = 1024
	maxTIFFOutside = 64 << 20
)

// tiffCost is what decoding costs at most, in nanoseconds: of a byte of compressed
// data, a decoded byte, a row, a strip or tile.
type tiffCost struct{ in, out, row, piece float64 }

// tiffCosts were measured on files made to be slow.
var tiffCosts = map[int64]tiffCost{
	tiffRaw:     {0, 0.3, 20, 100},
	tiffLZW:     {2, 0.8, 30, 3000},
	tiffLZMA:    {50, 3, 30, 20000},
	tiffJPEG:    {7, 2, 60, 8000},
	tiffOldJPEG: {10, 3.5, 60, 100000},
	tiffRLE:     {30, 10, 40, 3000}, tiffFax3: {30, 10, 40, 3000}, tiffFax4: {30, 10, 40, 3000}, tiffRLEWords: {30, 10, 40, 3000},
}

// otherTIFFCost is that of deflate, Zstandard, PackBits and ThunderScan.
var otherTIFFCost = tiffCost{4, 1, 30, 3000}

// tiffScanCost is that of a decoded byte in each further scan of a progressive JPEG.
const tiffScanCost = 0.3

// A file may cost one and a half seconds, or as much more as it is larger than
// 20 MB.
const (
	tiffBudget     = 1.5e9
	tiffBudgetFile = 20e6
)

// pixelCost is that of turning a pixel into RGB.
func (t *tiffFile) pixelCost() float64 {
	switch {
	case t.mode == "LAB":
		return 22
	case t.photometric == photoYCbCr && t.compression != tiffJPEG:
		return 8
	case t.mode == "RGBA", t.mode == "CMYK":
		return 6
	}
	return 2
}

// checkCost refuses what would take longer than two seconds or more than a
// gigabyte of memory, by what the directory says. It returns the bytes of a
// decoded strip or tile.
func (t *tiffFile) checkCost(data []byte) (piece float64, err error) {
	if t.entries > maxTIFFEntries || t.outside > uint64(max(maxTIFFOutside, 2*len(data))) {
		return 0, tiffError(TooLarge, "its directory has %d tags with %d bytes of values; the limits are %d tags and %d bytes", t.entries,
			t.outside, maxTIFFEntries, max(maxTIFFOutside, 2*len(data)))
	}
	g := t.grid()
	if g.count > maxTIFFPieces {
		return 0, tiffError(TooLarge, "it has %.0f strips or tiles; up to %d are read", g.count, maxTIFFPieces)
	}
	c, ok := tiffCosts[t.compression]
	if !ok {
		c = otherTIFFCost
	}
	input, scans := t.compressed(data, g)
	switch t.single(tagPredictor, 1) {
	case 2:
		c.out++
	case 3:
		c.out += 2.5
	}
	c.out += (scans - 1) * tiffScanCost
	cost := input*c.in + g.count*(g.bytes*c.out+g.rows*c.row+c.piece)
	return g.bytes, t.checkBudget(data, cost)
}

// checkBudget refuses an image that costs too much.
func (t *tiffFile) checkBudget(data []byte, cost float64) error {
	cost += t.pixelCost() * float64(t.header.W) * float64(t.header.H)
	if budget := tiffBudget * max(1, float64(len(data))/tiffBudgetFile); cost > budget {
		return tiffError(TooLarge, "its %d x %d pixels from %s data in %d bytes would take about %.1f times what a file of that size may",
			t.header.W, t.header.H, tiffCompressions[t.compression], len(data), cost/budget)
	}
	return nil
}

// tiffGrid is how an image is divided, as libtiff will see it.
type tiffGrid struct {
	count, rows, bytes float64 // how many strips or tiles, the rows and bytes of one
	counts             tiffTag // of compressed bytes
	offsets            tiffTag
}

func (t *tiffFile) grid() tiffGrid {
	w, h, depth := float64(t.header.W), float64(t.header.H), sum(t.bits)
	if t.photometric == photoYCbCr {
		depth = max(depth, 32)
	}
	planes := 1.0
	if t.separate {
		planes = max(t.loose(tagSamples, 1), 1)
		depth /= float64(len(t.bits))
	}
	tw, th := t.loose(tagTileWidth, 0), t.loose(tagTileLength, 0)
	g := tiffGrid{counts: t.tags[tagTileCounts], offsets: t.tags[tagTileOffsets]}
	if g.counts.kind == 0 {
		g.counts = t.tags[tagStripCounts]
	}
	if g.offsets.kind == 0 {
		g.offsets = t.tags[tagStripOffsets]
	}
	if tw == 0 && th == 0 {
		tw, th = w, min(t.loose(tagRowsPerStrip, h), h)
	}
	if !(tw >= 1) || !(th >= 1) { // libtiff will say so, if it thinks so, too
		tw, th = w, h
	}
	slices := max(t.loose(tagImageDepth, 1), 1)
	g.count, g.rows = math.Ceil(w/tw)*math.Ceil(h/th)*planes*slices, th
	g.bytes = math.Ceil(tw*depth/8) * th
	return g
}

// compressed returns how many bytes the decoders may have to read, and for JPEG
// the most passes over the samples of a strip or tile.
func (t *tiffFile) compressed(data []byte, g tiffGrid) (input, scans float64) {
	scans = 1
	for i := range int(g.count) {
		n := float64(len(data)) // libtiff guesses where counts are missing
		if i < g.counts.count() {
			n = max(g.counts.loose(i), 0)
		}
		input += min(n, float64(len(data)))
		if t.compression == tiffJPEG && i < g.offsets.count() && input < 1<<30 {
			at := min(max(g.offsets.loose(i), 0), float64(len(data)))
			b := data[int(at):min(int(at+n), len(data))]
			scans = max(scans, float64(bytes.Count(b, []byte{0xff, 0xda})))
		}
	}
	return input, scans
}
