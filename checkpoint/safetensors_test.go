// SPDX-License-Identifier: MIT

package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
)

// sample holds one tensor of every shape of trouble: scalar, empty, odd names,
// narrow types before wide ones.
func sample(t *testing.T) []checkpoint.Tensor {
	t.Helper()
	w, err := checkpoint.FromFloat32("trunk.stem.0.weight", []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	require.NoError(t, err)
	return []checkpoint.Tensor{
		{Name: "mask", DType: checkpoint.Bool, Shape: []int64{3}, Data: []byte{1, 0, 1}},
		w,
		{Name: "bn.num_batches_tracked", DType: checkpoint.I64, Shape: []int64{}, Data: []byte{9, 0, 0, 0, 0, 0, 0, 0}},
		{Name: "empty", DType: checkpoint.F32, Shape: []int64{0, 7}, Data: []byte{}},
		{Name: `<&> "é" 名`, DType: checkpoint.BF16, Shape: []int64{1, 1}, Data: []byte{0x80, 0x3f}},
	}
}

func byName(tensors []checkpoint.Tensor) map[string]checkpoint.Tensor {
	m := map[string]checkpoint.Tensor{}
	for _, x := range tensors {
		m[x.Name] = x
	}
	return m
}

func TestSafetensorsRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	want := sample(t)
	metadata := map[string]string{"format": "pt", "step": "12"}
	require.NoError(t, checkpoint.WriteSafetensors(path, want, metadata))

	got, gotMetadata, err := checkpoint.ReadSafetensors(path)
	require.NoError(t, err)
	assert.Equal(t, metadata, gotMetadata)
	assert.Equal(t, byName(want), byName(got))
	assert.Equal(t, "bn.num_batches_tracked", got[0].Name, "wide types lie first")
}

func TestSafetensorsBytesAreDeterministic(t *testing.T) {
	tensors := sample(t)
	metadata := map[string]string{"b": "2", "a": "1", "c": "3"}
	var first, second bytes.Buffer
	require.NoError(t, checkpoint.EncodeSafetensors(&first, tensors, metadata))
	slices.Reverse(tensors)
	require.NoError(t, checkpoint.EncodeSafetensors(&second, tensors, metadata))
	assert.Equal(t, first.Bytes(), second.Bytes())

	header := binary.LittleEndian.Uint64(first.Bytes())
	assert.Zero(t, header%8, "data are aligned")
}

// The reference implementation wrote this file; its values come back through
// the pickle of the same tensors in pickle_test.go.
func TestReadsReferenceFile(t *testing.T) {
	tensors, metadata, err := checkpoint.ReadSafetensors("testdata/state.safetensors")
	require.NoError(t, err)
	assert.Equal(t, "make_pickles.py", metadata["made_by"])
	got := byName(tensors)
	assert.Len(t, got, 17)
	assert.Equal(t, []byte{7, 0, 0, 0, 0, 0, 0, 0}, got["bn.num_batches_tracked"].Data)
	assert.Empty(t, got["bn.num_batches_tracked"].Shape)
	assert.Equal(t, []int64{0, 5}, got["empty"].Shape)

	again := filepath.Join(t.TempDir(), "again.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(again, tensors, metadata))
	copied, _, err := checkpoint.ReadSafetensors(again)
	require.NoError(t, err)
	assert.Equal(t, got, byName(copied))
}

func TestWriteRefuses(t *testing.T) {
	one := checkpoint.Tensor{Name: "a", DType: checkpoint.U8, Shape: []int64{1}, Data: []byte{1}}
	with := func(change func(*checkpoint.Tensor)) []checkpoint.Tensor {
		x := one
		change(&x)
		return []checkpoint.Tensor{x}
	}
	tests := map[string]struct {
		tensors []checkpoint.Tensor
		want    string
	}{
		"twice":        {[]checkpoint.Tensor{one, one}, `"a" occurs twice`},
		"short data":   {with(func(x *checkpoint.Tensor) { x.Data = nil }), `"a": U8 [1] needs 1 bytes, its data have 0`},
		"unknown type": {with(func(x *checkpoint.Tensor) { x.DType = "F8" }), `dtype "F8" is not supported; allowed are F64`},
		"negative":     {with(func(x *checkpoint.Tensor) { x.Shape = []int64{-1} }), "negative dimension"},
		"huge":         {with(func(x *checkpoint.Tensor) { x.Shape = []int64{1 << 40, 1 << 40} }), "larger than any memory"},
		"no name":      {with(func(x *checkpoint.Tensor) { x.Name = "" }), "valid UTF-8 is needed"},
		"reserved":     {with(func(x *checkpoint.Tensor) { x.Name = "__metadata__" }), "valid UTF-8 is needed"},
		"not UTF-8":    {with(func(x *checkpoint.Tensor) { x.Name = "a\xff" }), "valid UTF-8 is needed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.safetensors")
			require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
			err := checkpoint.WriteSafetensors(path, tt.tensors, nil)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, path)

			left, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			assert.Equal(t, "old", string(left), "the old file stays")
			files, readErr := os.ReadDir(dir)
			require.NoError(t, readErr)
			assert.Len(t, files, 1, "nothing is left beside it")
		})
	}
}

// failing is a writer on a full disk.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestEncodePassesWriteErrors(t *testing.T) {
	tensors := sample(t)
	var all bytes.Buffer
	require.NoError(t, checkpoint.EncodeSafetensors(&all, tensors, nil))
	for room := range all.Len() {
		require.Error(t, checkpoint.EncodeSafetensors(&failing{left: room}, tensors, nil), "%d bytes", room)
	}
}

// file builds a safetensors file by hand.
func file(t testing.TB, header string, data int) string {
	t.Helper()
	var b []byte
	b = binary.LittleEndian.AppendUint64(b, uint64(len(header)))
	b = append(append(b, header...), make([]byte, data)...)
	path := filepath.Join(t.TempDir(), "x.safetensors")
	require.NoError(t, os.WriteFile(path, b, 0o644))
	return path
}

func TestReadRefuses(t *testing.T) {
	tests := map[string]struct {
		header string
		data   int
		want   string
	}{
		"not JSON":         {"{nonsense", 0, "safetensors header: invalid character"},
		"half a byte":      {`{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}`, 1, `tensor "a": shape [1] of F4 ends within a byte`},
		"twice":            {`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, `tensor "a": the safetensors header has this name twice`},
		"no dtype":         {`{"a":{"shape":[0],"data_offsets":[0,0]}}`, 0, `tensor "a": the safetensors header gives it no dtype`},
		"null shape":       {`{"a":{"dtype":"U8","shape":null,"data_offsets":[0,1]}}`, 1, `tensor "a": the safetensors header gives it no dtype, shape`},
		"one offset":       {`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}`, 0, `two data_offsets`},
		"negative size":    {`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}`, 0, `tensor "a": safetensors header`},
		"two documents":    {`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}{}`, 0, `"{}" follows its end`},
		"bad UTF-8":        {"{\"a\xff\":{}}", 0, "not valid UTF-8"},
		"wrong length":     {`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4, `tensor "a": F32 [2] needs 8 bytes at offset 0; the header says 0 to 4`},
		"hole":             {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2, `tensor "a": begins at byte 1, 1 bytes behind the end`},
		"backwards":        {`{"a":{"dtype":"U8","shape":[0],"data_offsets":[2,0]}}`, 2, `tensor "a"`},
		"overlap":          {`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3, `tensor "b": begins at byte 1, within tensor "a", which ends at 2`},
		"rest":             {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2, "its tensors have 1 bytes, the file holds 2"},
		"cut":              {`{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, 2, "its tensors have 9 bytes, the file holds 2"},
		"shape overflow":   {`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "larger than any memory"},
		"dimension 2^64-1": {`{"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,0]}}`, 0, "larger than any memory"},
		"metadata":         {`{"__metadata__":{"a":1}}`, 0, "__metadata__"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := file(t, tt.header, tt.data)
			_, _, err := checkpoint.ReadSafetensors(path)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, path)
			var format *checkpoint.FormatError
			require.ErrorAs(t, err, &format)
		})
	}
}

// Types that nothing here computes with, even those of a format yet to come, keep
// no other tensor from being read.
func TestReadListsForeignTypes(t *testing.T) {
	path := file(t, `{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"C64","shape":[2],"data_offsets":[4,20]},`+
		`"c":{"dtype":"F4","shape":[2,3],"data_offsets":[20,23]},"d":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[23,26]},`+
		`"e":{"dtype":"Q9","shape":[7],"data_offsets":[26,31]},"f":{"dtype":"F32","shape":[],"data_offsets":[31,35]},`+
		`"g":{"dtype":"F8_E8M0","shape":[0],"data_offsets":[35,35]}}   `, 35)
	f, err := checkpoint.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var listed []string
	for _, info := range f.Infos() {
		listed = append(listed, fmt.Sprintf("%v: %d", info, info.Bytes()))
		x, err := f.Read(info.Name)
		require.NoError(t, err)
		assert.Len(t, x.Data, int(info.Bytes()))
	}
	assert.Equal(t, []string{"a F8_E4M3 [4]: 4", "b C64 [2]: 16", "c F4 [2 3]: 3", "d F6_E2M3 [4]: 3", "e Q9 [7]: 5", "f F32 []: 4", "g F8_E8M0 [0]: 0"}, listed)

	eight, err := f.Read("a")
	require.NoError(t, err)
	_, err = eight.Float32()
	require.ErrorContains(t, err, `dtype "F8_E4M3" is not supported`)
}

func TestOpenExplainsOtherFiles(t *testing.T) {
	tar := make([]byte, 600)
	copy(tar[257:], "ustar")
	tests := map[string]struct{ content, want string }{
		"empty":       {"", "is empty"},
		"lfs":         {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
		"html":        {"\n<!DOCTYPE html><html>", "is a web page"},
		"tar":         {string(tar), "is a tar archive"},
		"packed tar":  {"regnet/model.pth" + strings.Repeat("\x00", 241) + "ustar\x0000" + strings.Repeat("\x00", 300), `is a tar archive that begins with "regnet/model.pth": unpack it`},
		"old pickle":  {"(dp0\nS'a'\n", "is a plain pickle of protocol 0"},
		"hdf5":        {"\x89HDF\r\n", "HDF5"},
		"gzip":        {"\x1f\x8b\x08\x00", "is packed by gzip: run gunzip on it"},
		"xz":          {"\xfd7zXZ\x00", "run unxz"},
		"zstd":        {"\x28\xb5\x2f\xfd\x00", "run unzstd"},
		"bzip2":       {"BZh91AY", "run bunzip2"},
		"npy":         {"\x93NUMPY\x01\x00", "is a NumPy array"},
		"gguf":        {"GGUF\x03\x00\x00\x00", "is a GGUF file"},
		"tflite":      {"\x1c\x00\x00\x00TFL3", "is a TensorFlow Lite model"},
		"onnx":        {"\x08\x07\x12\x07pytorch\x1a\x051.9", "is an ONNX model"},
		"s3 error":    {`<?xml version="1.0"?><Error><Code>AccessDenied</Code>`, "is an XML document, probably an error saved by a download"},
		"json":        {"{\n  \"architectures\": [", "is a JSON document"},
		"json, 9th":   {"{       {", "is a JSON document"},
		"png":         {"\x89PNG\r\n\x1a\n", "is a PNG image"},
		"zeros":       {strings.Repeat("\x00", 4096), "begins with zeros"},
		"text":        {"hello, this is a text", "unknown format"},
		"cut header":  {strings.Repeat("\x00", 8), "unknown format"},
		"long header": {"\xff\xff\xff\xff\xff\xff\xff\xff{", "truncated or not safetensors"},
		"other zip":   {"PK\x03\x04....", "damaged or cut"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			require.NoError(t, os.WriteFile(path, []byte(tt.content), 0o644))
			_, err := checkpoint.Open(path)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, path)
		})
	}
	_, err := checkpoint.Open(t.TempDir())
	require.ErrorContains(t, err, "holds no weights: name a run folder, a checkpoint of one, a file")
	_, err = checkpoint.Open(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFileAccess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, sample(t), nil))
	f, err := checkpoint.Open(path)
	require.NoError(t, err)
	defer f.Close()

	assert.Equal(t, path, f.Path())
	assert.Equal(t, checkpoint.Safetensors, f.Format())
	assert.Empty(t, f.Notes())
	info, ok := f.Lookup("mask")
	assert.True(t, ok)
	assert.Equal(t, "mask BOOL [3]", info.String())
	_, ok = f.Lookup("absent")
	assert.False(t, ok)

	dst := make([]byte, 3)
	require.NoError(t, f.ReadInto("mask", dst))
	assert.Equal(t, []byte{1, 0, 1}, dst)
	require.ErrorContains(t, f.ReadInto("mask", dst[:2]), "has 3 bytes, the destination 2")
	require.ErrorContains(t, f.ReadInto("absent", dst), "is not in this file of 5 tensors")
	_, err = f.Read("absent")
	require.Error(t, err)
}

// A file that shrinks while it is open must give an error, not a crash.
func TestReadOfShrunkFile(t *testing.T) {
	path := file(t, `{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, 9)
	f, err := checkpoint.Open(path)
	require.NoError(t, err)
	defer f.Close()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()-4))
	_, err = f.Read("a")
	require.ErrorContains(t, err, "file ends 4 bytes early")
}

func TestReadWholeChecksFormat(t *testing.T) {
	_, _, err := checkpoint.ReadSafetensors("testdata/state.pth")
	require.ErrorContains(t, err, "is a PyTorch zip archive; needed is a safetensors")
	_, _, err = checkpoint.ReadPickle("testdata/state.safetensors")
	require.ErrorContains(t, err, "is a safetensors; needed is a PyTorch zip archive or a PyTorch legacy pickle")
}

// A checkpoint of many gigabytes must not need its size in memory once more.
func TestStreamingAllocatesLittle(t *testing.T) {
	tensors := big(1 << 25)
	path := filepath.Join(t.TempDir(), "x.safetensors")
	dst := make([]byte, 1<<24)
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	written := allocated(func() { require.NoError(t, checkpoint.WriteSafetensors(path, tensors, nil)) })
	assert.Less(t, written, uint64(4<<20))
	read := allocated(func() {
		f, err := checkpoint.Open(path)
		require.NoError(t, err)
		defer f.Close()
		for _, info := range f.Infos() {
			require.NoError(t, f.ReadInto(info.Name, dst))
		}
	})
	assert.Less(t, read, uint64(1<<20))
}

func FuzzSafetensors(f *testing.F) {
	reference, err := os.ReadFile("testdata/state.safetensors")
	require.NoError(f, err)
	f.Add(reference)
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add([]byte("\x35\x00\x00\x00\x00\x00\x00\x00" + `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}` + "x"))
	f.Fuzz(func(t *testing.T, data []byte) { openAndReread(t, data) })
}

// openAndReread: whatever opens must be readable, and survive being written and
// read again.
func openAndReread(t *testing.T, data []byte) {
	file, err := checkpoint.OpenReader(bytes.NewReader(data), int64(len(data)), "input")
	if err != nil {
		return
	}
	defer file.Close()
	for _, info := range file.Infos() {
		if info.Bytes() > 1<<24 {
			return // expanded from little: allowed, and slow
		}
	}
	tensors, err := file.ReadAll()
	if err != nil {
		return // cut or corrupt data behind a sound table of contents
	}
	var out bytes.Buffer
	if checkpoint.EncodeSafetensors(&out, tensors, nil) != nil {
		return // names that safetensors does not allow
	}
	again, err := checkpoint.OpenReader(bytes.NewReader(out.Bytes()), int64(out.Len()), "output")
	require.NoError(t, err)
	require.Len(t, again.Infos(), len(tensors))
	for _, want := range tensors {
		got, err := again.Read(want.Name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func BenchmarkWriteSafetensors(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.safetensors")
	tensors := big(1 << 28)
	b.SetBytes(1 << 28)
	for b.Loop() {
		require.NoError(b, checkpoint.WriteSafetensors(path, tensors, nil))
	}
}

func BenchmarkEncodeSafetensors(b *testing.B) {
	tensors := big(1 << 28)
	b.SetBytes(1 << 28)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, checkpoint.EncodeSafetensors(io.Discard, tensors, nil))
	}
}

func BenchmarkReadSafetensors(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.safetensors")
	require.NoError(b, checkpoint.WriteSafetensors(path, big(1<<28), nil))
	dst := make([]byte, 1<<24)
	b.SetBytes(1 << 28)
	for b.Loop() {
		f, err := checkpoint.Open(path)
		require.NoError(b, err)
		for _, info := range f.Infos() {
			require.NoError(b, f.ReadInto(info.Name, dst))
		}
		require.NoError(b, f.Close())
	}
}

// big is some tensors of 16 MiB.
func big(bytes int) []checkpoint.Tensor {
	var tensors []checkpoint.Tensor
	for i := range bytes >> 24 {
		tensors = append(tensors, checkpoint.Tensor{
			Name: "w" + string(rune('a'+i)), DType: checkpoint.F32, Shape: []int64{1 << 22}, Data: make([]byte, 1<<24),
		})
	}
	return tensors
}
