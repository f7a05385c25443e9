// SPDX-License-Identifier: MIT

package checkpoint

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"

	"seer/internal/durable"
)

// maxHeaderBytes is the limit of the reference implementation.
const maxHeaderBytes = 100_000_000

// metadataKey is the one name that a tensor cannot have.
const metadataKey = "__metadata__"

// span is where a tensor's bytes lie in the file.
type span struct{ begin, end int64 }

// openSafetensors reads the header: 8 bytes of length, then JSON. Here the
// library decodes the JSON; the checks are our own, because its own need the
// whole file in memory and do not name the tensor.
func (f *File) openSafetensors(size int64) error {
	f.format = Safetensors
	header, err := f.safetensorsHeader(size)
	if err != nil {
		return err
	}
	var decoded safetensors.Metadata
	if err := json.Unmarshal(header, &decoded); err != nil {
		return formatErrorf(f.path, "", "safetensors header: %v", err)
	}
	if m := decoded.Metadata(); m != nil {
		f.metadata = m
	}
	base := 8 + int64(len(header))
	spans, err := f.layout(decoded.Tensors(), size-base)
	if err != nil {
		return err
	}
	f.readInto = func(i int, dst []byte) error {
		return readFull(f.r, dst, base+spans[i].begin)
	}
	return nil
}

func (f *File) safetensorsHeader(size int64) ([]byte, error) {
	var length [8]byte
	if err := readFull(f.r, length[:], 0); err != nil {
		return nil, formatErrorf(f.path, "", "safetensors header: %v", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeaderBytes || int64(n) > size-8 {
		return nil, formatErrorf(f.path, "",
			"safetensors header of %d bytes in a file of %d (at most %d): truncated or not safetensors", n, size, maxHeaderBytes)
	}
	header := make([]byte, n)
	return header, readFull(f.r, header, 8)
}

// layout fills f.infos and the spans in the order of the file, and checks what
// the format promises: known types, lengths that fit the shapes, no hole, no
// overlap, no rest.
func (f *File) layout(tensors map[string]*safetensors.TensorInfo, dataBytes int64) ([]span, error) {
	names := make([]string, 0, len(tensors))
	for name := range tensors {
		names = append(names, name)
	}
	// Empty tensors share an offset with their successor, so the name decides last.
	slices.SortFunc(names, func(a, b string) int {
		x, y := tensors[a].DataOffsets, tensors[b].DataOffsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), strings.Compare(a, b))
	})
	spans := make([]span, len(names))
	end := int64(0)
	for i, name := range names {
		info, where, err := f.checkEntry(name, tensors[name], end)
		if err != nil {
			return nil, err
		}
		f.infos = append(f.infos, info)
		spans[i], end = where, where.end
	}
	if end != dataBytes {
		return nil, formatErrorf(f.path, "", "its tensors have %d bytes, the file holds %d: truncated, or written in part", end, dataBytes)
	}
	return spans, nil
}

func (f *File) checkEntry(name string, t *safetensors.TensorInfo, begin int64) (Info, span, error) {
	info := Info{Name: name, DType: DType(t.DType.String()), Shape: make([]int64, len(t.Shape))}
	for i, d := range t.Shape {
		if d > math.MaxInt64 {
			return Info{}, span{}, formatErrorf(f.path, name, "shape %v is larger than any memory", t.Shape)
		}
		info.Shape[i] = int64(d)
	}
	if err := info.check(); err != nil {
		return Info{}, span{}, formatErrorf(f.path, name, "%v", err)
	}
	from, to := t.DataOffsets[0], t.DataOffsets[1]
	if from != uint64(begin) || to < from || to-from != uint64(info.Bytes()) {
		return Info{}, span{}, formatErrorf(f.path, name, "%s %v needs %d bytes at offset %d; the header says %d to %d",
			info.DType, info.Shape, info.Bytes(), begin, from, to)
	}
	if to > math.MaxInt64 {
		return Info{}, span{}, formatErrorf(f.path, name, "ends at byte %d, beyond any file", to)
	}
	return info, span{int64(from), int64(to)}, nil
}

// readFull reads exactly len(dst) bytes at an offset.
func readFull(r io.ReaderAt, dst []byte, offset int64) error {
	n, err := r.ReadAt(dst, offset)
	if n == len(dst) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("file ends %d bytes early: it was cut while being read", len(dst)-n)
	}
	return err
}

// ReadSafetensors loads a whole file: its tensors in the order of the file and
// its metadata.
func ReadSafetensors(path string) ([]Tensor, map[string]string, error) {
	return readWhole(path, Safetensors)
}

// ReadPickle loads a whole file by torch.save; nested dicts become dotted names.
// The texts are the numbers and strings beside the tensors.
func ReadPickle(path string) ([]Tensor, map[string]string, error) {
	return readWhole(path, PyTorchZip, PyTorchLegacy)
}

func readWhole(path string, formats ...string) ([]Tensor, map[string]string, error) {
	f, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if !slices.Contains(formats, f.format) {
		return nil, nil, formatErrorf(path, "", "is a %s; needed is a %s", f.format, strings.Join(formats, " or a "))
	}
	tensors, err := f.ReadAll()
	return tensors, f.metadata, err
}

// WriteSafetensors replaces path atomically: a crash or a full disk leaves the
// old file. The bytes depend only on tensors and metadata, not on their order.
func WriteSafetensors(path string, tensors []Tensor, metadata map[string]string) error {
	err := durable.WriteFile(path, func(w io.Writer) error {
		return EncodeSafetensors(w, tensors, metadata)
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// EncodeSafetensors streams the file from the tensors' own memory. Wide types
// come first, then names in order, which keeps every tensor aligned to its
// element size.
func EncodeSafetensors(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	views := make(map[string]view, len(tensors))
	for _, t := range tensors {
		if err := checkName(t.Name); err != nil {
			return err
		}
		if _, twice := views[t.Name]; twice {
			return fmt.Errorf("tensor %q occurs twice", t.Name)
		}
		if err := t.check(); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		v, err := newView(t)
		if err != nil {
			return err
		}
		views[t.Name] = v
	}
	return safetensors.SerializeToWriter(views, metadata, w)
}

func checkName(name string) error {
	// The header is JSON, which would replace invalid bytes without a word.
	if name == "" || name == metadataKey || !utf8.ValidString(name) {
		return fmt.Errorf("tensor name %q: not empty, not %q and valid UTF-8 is needed", name, metadataKey)
	}
	return nil
}

// view shows a Tensor to the safetensors library. Its own TensorView refuses
// scalars, whose shape is empty.
type view struct {
	dtype safetensors.DType
	shape []uint64
	data  []byte
}

func newView(t Tensor) (view, error) {
	dtype, err := safetensors.ParseDType(string(t.DType))
	if err != nil {
		return view{}, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	shape := make([]uint64, len(t.Shape)) // never nil: nil would be written as null
	for i, d := range t.Shape {
		shape[i] = uint64(d)
	}
	return view{dtype, shape, t.Data}, nil
}

func (v view) DType() safetensors.DType { return v.dtype }
func (v view) Shape() []uint64          { return v.shape }
func (v view) Data() []byte             { return v.data }
func (v view) DataLen() uint64          { return uint64(len(v.data)) }
