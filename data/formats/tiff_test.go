// SPDX-License-Identifier: MIT

package formats_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"seer/data/formats"
)

// tiffTags are the values of tags, all of them 32-bit integers.
type tiffTags map[uint16][]uint32

// image are the tags of an uncompressed RGB image, changed by more.
func tiffImage(w, h uint32, more tiffTags) tiffTags {
	t := tiffTags{256: {w}, 257: {h}, 258: {8, 8, 8}, 259: {1}, 262: {2}, 277: {3}, 278: {h}}
	for id, v := range more {
		t[id] = v
	}
	return t
}

// tiffFile writes a little-endian TIFF with data at its end. Where strips or
// tiles are counted, all of them lie there.
func tiffFile(t tiffTags, where uint16, pieces int, data []byte) []byte {
	const head = 8
	sizes := map[uint16]uint16{273: 279, 324: 325}[where]
	t[where], t[sizes] = make([]uint32, pieces), slices.Repeat([]uint32{uint32(len(data))}, pieces)
	var ids []uint16
	at := head + 2 + 12*len(t) + 4
	for id, v := range t {
		ids = append(ids, id)
		if len(v) > 1 {
			at += 4 * len(v)
		}
	}
	slices.Sort(ids)
	for i := range t[where] {
		t[where][i] = uint32(at)
	}
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(t)))
	var outside []byte
	for _, id := range ids {
		v := t[id]
		b = binary.LittleEndian.AppendUint16(b, id)
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
		if len(v) == 1 {
			b = binary.LittleEndian.AppendUint32(b, v[0])
			continue
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(head+2+12*len(t)+4+len(outside)))
		for _, x := range v {
			outside = binary.LittleEndian.AppendUint32(outside, x)
		}
	}
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(append(b, outside...), data...)
}

func decodeTIFF(data []byte) (*formats.Image, error) {
	h, err := formats.ReadHeader(data)
	if err != nil {
		return nil, err
	}
	return formats.Decode(data, h, formats.Limits{})
}

// Small files that ask for much work or memory are refused before any of it is
// done.
func TestTIFFBoundsTheWork(t *testing.T) {
	const side = 13376 // of the largest square that PIL opens
	junk := make([]byte, 5000)
	unknown := func(n int) tiffTags {
		m := tiffTags{259: {5}}
		for i := range n {
			m[uint16(30000+i)] = []uint32{1}
		}
		return m
	}
	scans := bytes.Repeat([]byte{0xff, 0xda, 0, 0}, 500)
	for name, data := range map[string][]byte{
		"LZW, every strip the same":        tiffFile(tiffImage(side, side, tiffTags{259: {5}, 278: {16}}), 273, 836, make([]byte, 1<<20)),
		"fax, a pixel a row":               tiffFile(tiffImage(1, 178000000, tiffTags{258: {1}, 259: {4}, 262: {0}, 277: {1}}), 273, 1, junk),
		"Lab":                              tiffFile(tiffImage(side, side, tiffTags{262: {8}, 278: {1}}), 273, side, make([]byte, 3*side)),
		"small tiles":                      tiffFile(tiffImage(4000, 4000, tiffTags{259: {5}, 322: {4}, 323: {4}}), 324, 1000000, junk),
		"more tiles than the file says":    tiffFile(tiffImage(side, side, tiffTags{259: {8}, 322: {1}, 323: {1}}), 324, 1, junk),
		"a tile far larger than the image": tiffFile(tiffImage(16, 16, tiffTags{259: {8}, 322: {1 << 20}, 323: {1 << 20}}), 324, 1, junk),
		"scans of JPEG":                    tiffFile(tiffImage(4000, 4000, tiffTags{259: {7}, 262: {6}}), 273, 1, scans),
		"predictor of floats":              tiffFile(tiffImage(side, side, tiffTags{258: {32}, 259: {5}, 262: {1}, 277: {1}, 317: {3}, 339: {3}}), 273, 1, junk),
		"LZMA":                             tiffFile(tiffImage(side, side, tiffTags{259: {34925}}), 273, 1, junk),
		"slices in depth":                  tiffFile(tiffImage(1000, 1000, tiffTags{259: {5}, 322: {16}, 323: {16}, 32997: {1 << 20}}), 324, 1, junk),
		"tags":                             tiffFile(tiffImage(8, 8, unknown(2000)), 273, 1, junk),
		"uncompressed strips":              tiffFile(tiffImage(8, 8, tiffTags{278: {1}}), 273, 2<<20, junk),
	} {
		if len(data) > 20e6 {
			t.Errorf("%s: the file has %d bytes", name, len(data))
		}
		if _, err := decodeTIFF(data); formats.ReasonOf(err) != formats.TooLarge {
			t.Errorf("%s: %v; want it refused as too large", name, err)
		}
	}
}

// More strips than there is room for begin again at the top, as in Pillow, but
// not for ever.
func TestTIFFEndsStripsThatGoRound(t *testing.T) {
	row := make([]byte, 3*1000)
	if _, err := decodeTIFF(tiffFile(tiffImage(1000, 10, tiffTags{278: {1}}), 273, 20, row)); err != nil {
		t.Error(err)
	}
	if _, err := decodeTIFF(tiffFile(tiffImage(1000, 10, tiffTags{278: {1}}), 273, 2000, row)); formats.ReasonOf(err) != formats.Corrupt {
		t.Errorf("%v; want it refused as corrupt", err)
	}
}

// tiffArchive returns the files of TIFF.
func tiffArchive(t testing.TB) archive {
	t.Helper()
	for _, a := range archives(t) {
		if a.name == "tiff" {
			return a
		}
	}
	t.Fatal("there is no archive of TIFF files")
	return archive{}
}

// sorted returns the files in the order of their names.
func (a archive) sorted() (files [][]byte) {
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		files = append(files, a.files[name])
	}
	return files
}

// Decoders of many goroutines share nothing: the same pixels as one after the
// other.
func TestTIFFInManyGoroutines(t *testing.T) {
	all := tiffArchive(t)
	one := map[string]string{}
	result := func(name string) string {
		img, err := decodeTIFF(all.files[name])
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(img.W, img.H, img.Channels, img.Pix)
	}
	for name := range all.files {
		one[name] = result(name)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for name, want := range one {
				if got := result(name); got != want {
					t.Errorf("%s: it came out differently", name)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzTIFF: whatever the bytes, decoding ends with pixels of the header's size,
// the same twice, or with a reason.
func FuzzTIFF(f *testing.F) {
	for _, data := range tiffArchive(f).sorted() {
		f.Add(data)
	}
	limits := formats.Limits{MaxPixels: 1 << 16, MaxMemory: 64 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		if formats.Sniff(data) != "tiff" {
			return
		}
		h, err := formats.ReadHeader(data)
		if err != nil {
			if formats.ReasonOf(err) == "" {
				t.Fatalf("%v: no reason", err)
			}
			return
		}
		img, err := formats.Decode(data, h, limits)
		again, err2 := formats.Decode(data, h, limits)
		switch {
		case fmt.Sprint(err) != fmt.Sprint(err2):
			t.Fatalf("first %v, then %v", err, err2)
		case err != nil && formats.ReasonOf(err) == "":
			t.Fatalf("%v: no reason", err)
		case err != nil:
		case img.W != h.W || img.H != h.H || len(img.Pix) != img.W*img.H*img.Channels:
			t.Fatalf("%d x %d x %d with %d bytes, header %+v", img.W, img.H, img.Channels, len(img.Pix), h)
		case !bytes.Equal(img.Pix, again.Pix):
			t.Fatal("other pixels the second time")
		}
	})
}
