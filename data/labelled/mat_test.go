// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// matWriter writes the part of MATLAB's level 5 format that meta.mat has.
type matWriter struct{ order binary.AppendByteOrder }

func (w matWriter) element(kind uint32, body []byte) []byte {
	out := w.order.AppendUint32(nil, kind)
	out = w.order.AppendUint32(out, uint32(len(body)))
	out = append(out, body...)
	return append(out, make([]byte, (8-len(body)%8)%8)...)
}

func (w matWriter) small(kind uint32, body []byte) []byte {
	out := w.order.AppendUint32(nil, uint32(len(body))<<16|kind)
	return append(append(out, body...), make([]byte, 4-len(body))...)
}

func (w matWriter) array(class uint32, name string, rows, columns uint32, rest ...[]byte) []byte {
	dims := w.order.AppendUint32(w.order.AppendUint32(nil, rows), columns)
	body := w.element(miUINT32, w.order.AppendUint32(w.order.AppendUint32(nil, class), 0))
	body = append(body, w.element(miINT32, dims)...)
	body = append(body, w.element(miINT8, []byte(name))...)
	return w.element(miMATRIX, append(body, bytes.Join(rest, nil)...))
}

func (w matWriter) number(v float64) []byte {
	if v >= 0 && v < 256 && v == math.Trunc(v) {
		return w.array(mxDOUBLE, "", 1, 1, w.small(miUINT8, []byte{byte(v)}))
	}
	return w.array(mxDOUBLE, "", 1, 1, w.element(miDOUBLE, w.order.AppendUint64(nil, math.Float64bits(v))))
}

func (w matWriter) text(s string) []byte {
	var wide []byte
	for _, r := range s {
		wide = w.order.AppendUint16(wide, uint16(r))
	}
	return w.array(mxCHAR, "", 1, uint32(len(wide)/2), w.element(miUINT16, wide))
}

func (w matWriter) synsets(rows []synsetRow) []byte {
	fields := []string{"ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children"}
	names := make([]byte, 32*len(fields))
	for i, f := range fields {
		copy(names[32*i:], f)
	}
	body := [][]byte{w.small(miINT32, w.order.AppendUint32(nil, 32)), w.element(miINT8, names)}
	for _, r := range rows {
		body = append(body, w.number(r.number), w.text(r.class), w.text(r.title), w.text("that which is"), w.number(r.children),
			w.array(mxDOUBLE, "", 0, 0, w.element(miDOUBLE, nil)))
	}
	return w.array(mxSTRUCT, "synsets", uint32(len(rows)), 1, body...)
}

func (w matWriter) file(packed bool, arrays ...[]byte) []byte {
	out := append(bytes.Repeat([]byte(" "), 124), 0, 1, 'I', 'M')
	if w.order == binary.BigEndian {
		copy(out[124:], "\x01\x00MI")
	}
	for _, a := range arrays {
		if !packed {
			out = append(out, a...)
			continue
		}
		var z bytes.Buffer
		zw := zlib.NewWriter(&z)
		zw.Write(a)
		zw.Close()
		out = w.order.AppendUint32(w.order.AppendUint32(out, miCOMPRESSED), uint32(z.Len()))
		out = append(out, z.Bytes()...)
	}
	return out
}

type synsetRow struct {
	number       float64
	class, title string
	children     float64
}

// threeSynsets are two classes out of the order of their WordNet numbers, and a concept above them.
var threeSynsets = []synsetRow{
	{1, "n02119789", "kit fox, Vulpes macrotis", 0},
	{2, "n01440764", "tench, Tinca tinca", 0},
	{1001, "n00001740", "entity – all", 2},
}

func TestMATFilesOfBothByteOrdersPackedAndPlain(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprint(order, packed), func(t *testing.T) {
				w := matWriter{order}
				other := w.array(mxDOUBLE, "before", 1, 1, w.small(miUINT8, []byte{7}))
				got, err := readSynsets(w.file(packed, other, w.synsets(threeSynsets)))
				require.NoError(t, err)
				assert.Equal(t, []synset{{2, "n01440764", "tench, Tinca tinca"}, {1, "n02119789", "kit fox, Vulpes macrotis"}}, got)
			})
		}
	}
}

func TestMATFilesThatAreWrong(t *testing.T) {
	w := matWriter{binary.LittleEndian}
	good := w.file(false, w.synsets(threeSynsets))
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"empty":         {nil, "0 bytes are no MATLAB file"},
		"HDF5":          {append(bytes.Repeat([]byte{0}, 128), good...), "-v7"},
		"another array": {w.file(true, w.array(mxDOUBLE, "x", 1, 1)), `no array of structs called "synsets"`},
		"cut":           {good[:len(good)-40], "it ends early"},
		"no WNID":       {w.file(false, w.synsets([]synsetRow{{1, "fox", "fox", 0}})), `row 1 of synsets: WNID is "fox"`},
		"half a number": {w.file(false, w.synsets([]synsetRow{{1.5, "n01440764", "", 0}})), "ILSVRC2012_ID is no integer"},
		"no class":      {w.file(false, w.synsets([]synsetRow{{1, "n01440764", "", 4}})), "no synset is a class"},
		"twice":         {w.file(false, w.synsets(append(threeSynsets[:2:2], threeSynsets[0]))), "two synsets are n02119789"},
		"a size that the file cannot hold": {w.file(false, w.array(mxSTRUCT, "synsets", 1<<20, 1,
			w.small(miINT32, []byte{4, 0, 0, 0}), w.element(miINT8, []byte("abc\x00")))), "it ends early"},
		"more elements than anything has": {w.file(false, w.array(mxSTRUCT, "synsets", 1<<31, 1<<31)), "an array of"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readSynsets(tt.file)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzMAT(f *testing.F) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		w := matWriter{order}
		f.Add(w.file(false, w.synsets(threeSynsets)))
		f.Add(w.file(true, w.synsets(threeSynsets[:1])))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, err := readSynsets(file)
		assert.Equal(t, err == nil, len(rows) > 0)
		for _, r := range rows {
			assert.True(t, isWordNet(r.class))
		}
	})
}
