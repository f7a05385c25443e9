// SPDX-License-Identifier: MIT

package jsonstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// value reads anything into what encoding/json makes of it.
func value(r *Reader) (any, error) {
	k, err := r.Kind()
	if err != nil {
		return nil, err
	}
	switch k {
	case Object:
		m := map[string]any{}
		return m, r.Object(func(key string) (err error) { m[key], err = value(r); return err })
	case Array:
		list := []any{}
		err := r.Array(func(int) error {
			v, err := value(r)
			list = append(list, v)
			return err
		})
		return list, err
	case String:
		return r.Text()
	case Number:
		return r.Float()
	case Bool:
		return r.Bool()
	}
	return nil, r.Null()
}

func whole(r *Reader) (any, error) {
	v, err := value(r)
	if err == nil {
		err = r.End()
	}
	return v, err
}

func TestValuesAreThoseOfEncodingJSON(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, ` [ 1 , -2.5e3,0, 1E-2 ] `, `{"a":{"b":[true,false,null,"x"]},"c":""}`, `"\u00e4\n\"\\"`, `[[[]]]`, `-0.0`,
		`{"long":"` + strings.Repeat("0123456789", 20_000) + `","n":12345.678901}`,
	} {
		var want any
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			got, err := whole(New(r))
			require.NoError(t, err, "%.40s", text)
			assert.Equal(t, want, got)
		}
		r := New(strings.NewReader(text))
		require.NoError(t, r.Skip())
		require.NoError(t, r.End())
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":[1,{"b":x}]}`:      "a[1].b: 'x' at byte 13: no value begins so",
		`[NaN]`:                  "[0]: 'N' at byte 1: no value begins so (JSON has no NaN and no Infinity)",
		`[1 2]`:                  "'2' at byte 3, where a comma or ']' is expected",
		`{"a" 1}`:                "'1' at byte 5, where the colon behind a key is expected",
		`{1:2}`:                  "a number where a text is expected, at byte 1",
		`[1`:                     "the file ends early, after 2 bytes",
		`"abc`:                   "the file ends early, after 4 bytes",
		`[01]`:                   `[0]: "01" before byte 3 is no number`,
		`[1.]`:                   `"1." before byte 3 is no number`,
		`[1e400]`:                "[0]: 1e400 before byte 6: value out of range",
		`[tru]`:                  "']' at byte 4 within the word true",
		"\"a\nb\"":               "'\\n' within a text, at byte 2",
		`[] x`:                   "'x' at byte 3, behind the end",
		strings.Repeat("[", 1e4): "more than 1000 objects and lists in each other, at byte 1000",
	} {
		_, err := whole(New(strings.NewReader(text)))
		assert.ErrorContains(t, err, want, "%.40s", text)
	}
	_, err := New(strings.NewReader(`1.5`)).Int()
	assert.ErrorContains(t, err, "1.5 before byte 3 is not a whole number")
	_, err = New(iotest.ErrReader(io.ErrClosedPipe)).Kind()
	assert.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = New(strings.NewReader(`"` + strings.Repeat("a", MaxText+bufferSize) + `"`)).Text()
	assert.ErrorContains(t, err, "a text of more than 16777216 bytes, at byte 0")
}

func TestWholeNumbers(t *testing.T) {
	for text, want := range map[string]int64{"7": 7, "7.0": 7, "-12e2": -1200, "9223372036854775807": 1<<63 - 1} {
		got, err := New(strings.NewReader(text)).Int()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

// Whatever the bytes, both accept the same, with the same values.
func FuzzReader(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x\u00e4"]}`, `[true,false,null]`, `-0`, `[1e5]`, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		wrong := json.Unmarshal(text, &want)
		got, err := whole(New(iotest.HalfReader(bytes.NewReader(text))))
		if wrong != nil {
			// Bytes that are not UTF-8 are replaced there and kept here; beyond that both refuse the same.
			require.Error(t, err, "%q: %v", text, wrong)
			return
		}
		require.NoError(t, err, "%q", text)
		if bytes.Equal(bytes.ToValidUTF8(text, nil), text) {
			require.Equal(t, want, got, "%q", text)
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("[")
	for i := range 2000 {
		fmt.Fprintf(&text, `{"segmentation":[[%d.5,%d.25,17,%d.75,99.01,3]],"area":702.1057,"iscrowd":0,"bbox":[473.07,395.93,38.65,28.67],"id":%d},`, i, i, i, i)
	}
	text.WriteString("0]")
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if err := New(bytes.NewReader(text.Bytes())).Skip(); err != nil {
			b.Fatal(err)
		}
	}
}
