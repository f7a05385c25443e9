// SPDX-License-Identifier: MIT

package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
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

// safetensorsData are the tensors of one file.
type safetensorsData struct {
	r     io.ReaderAt
	spans []span
}

func (s safetensorsData) scattered(int) bool { return false }
func (s safetensorsData) stored(i int) int64 { return s.spans[i].end - s.spans[i].begin }

func (s safetensorsData) readAt(i int, dst []byte, offset int64) error {
	return readFull(s.r, dst, s.spans[i].begin+offset)
}

// openSafetensors reads the header: 8 bytes of length, then JSON.
func (f *File) openSafetensors(size int64) error {
	f.format = Safetensors
	header, err := f.safetensorsHeader(size)
	if err != nil {
		return err
	}
	entries, err := f.decodeHeader(header)
	if err != nil {
		return err
	}
	base := 8 + int64(len(header))
	spans, err := f.layout(entries, size-base)
	if err != nil {
		return err
	}
	for i := range spans {
		spans[i].begin, spans[i].end = spans[i].begin+base, spans[i].end+base
	}
	f.data = safetensorsData{f.r, spans}
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

// headerEntry is a tensor in the header.
type headerEntry struct {
	name    string
	DType   *string  `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// decodeHeader reads the JSON name by name, because a map would hide a name that
// occurs twice.
func (f *File) decodeHeader(header []byte) ([]headerEntry, error) {
	fail := func(err error) ([]headerEntry, error) {
		return nil, formatErrorf(f.path, "", "safetensors header: %v", err)
	}
	if !utf8.Valid(header) {
		return fail(errors.New("it is not valid UTF-8"))
	}
	decoder := json.NewDecoder(bytes.NewReader(header))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return fail(fmt.Errorf("an object is needed, it begins with %v (%v)", token, err))
	}
	entries, err := f.headerEntries(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != nil {
		return fail(err)
	}
	if rest := bytes.TrimSpace(header[decoder.InputOffset():]); len(rest) > 0 {
		return fail(fmt.Errorf("%.40q follows its end", rest))
	}
	return entries, nil
}

// headerEntries reads the members of the header's object.
func (f *File) headerEntries(decoder *json.Decoder) (entries []headerEntry, err error) {
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, formatErrorf(f.path, "", "safetensors header: %v", err)
		}
		name := token.(string) // the decoder allows no other key
		if seen[name] {
			return nil, formatErrorf(f.path, name, "the safetensors header has this name twice")
		}
		seen[name] = true
		if name == metadataKey {
			err = decoder.Decode(&f.metadata)
		} else {
			entry := headerEntry{name: name}
			err = decoder.Decode(&entry)
			entries = append(entries, entry)
		}
		if err != nil {
			return nil, formatErrorf(f.path, name, "safetensors header: %v", err)
		}
	}
	return entries, nil
}

// layout fills f.infos and the spans in the order of the file, and checks what
// the format promises: lengths that fit the shapes, no hole, no overlap, no rest.
func (f *File) layout(entries []headerEntry, dataBytes int64) ([]span, error) {
	for _, e := range entries {
		if e.DType == nil || e.Shape == nil || len(e.Offsets) != 2 {
			return nil, formatErrorf(f.path, e.name, "the safetensors header gives it no dtype, shape and two data_offsets")
		}
	}
	// Empty tensors share an offset with their successor, so the name decides last.
	slices.SortFunc(entries, func(a, b headerEntry) int {
		x, y := a.Offsets, b.Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), strings.Compare(a.name, b.name))
	})
	spans := make([]span, len(entries))
	end, last := int64(0), ""
	for i, e := range entries {
		info, where, err := f.checkEntry(e, end, last)
		if err != nil {
			return nil, err
		}
		f.infos = append(f.infos, info)
		spans[i], end, last = where, where.end, e.name
	}
	if end != dataBytes {
		return nil, formatErrorf(f.path, "", "its tensors have %d bytes, the file holds %d: truncated, or written in part", end, dataBytes)
	}
	return spans, nil
}

// checkEntry checks a tensor that should begin where the last one ended.
func (f *File) checkEntry(e headerEntry, begin int64, last string) (Info, span, error) {
	fail := func(format string, args ...any) (Info, span, error) {
		return Info{}, span{}, formatErrorf(f.path, e.name, format, args...)
	}
	info := Info{Name: e.name, DType: DType(*e.DType), Shape: make([]int64, len(e.Shape))}
	for i, d := range e.Shape {
		if d > math.MaxInt64 {
			return fail("shape %v is larger than any memory", e.Shape)
		}
		info.Shape[i] = int64(d)
	}
	if err := info.check(); err != nil {
		return fail("%v", err)
	}
	from, to := e.Offsets[0], e.Offsets[1]
	switch {
	case from < uint64(begin):
		return fail("begins at byte %d, within tensor %q, which ends at %d", from, last, begin)
	case from > uint64(begin):
		return fail("begins at byte %d, %d bytes behind the end of the tensor before it", from, from-uint64(begin))
	case to < from || to > math.MaxInt64:
		return fail("lies at bytes %d to %d, which no file has", from, to)
	case dtypeBits[info.DType] == 0:
		info.extent = int64(to - from) // a type of a later version of the format
	case to-from != uint64(info.Bytes()):
		return fail("%s %v needs %d bytes at offset %d; the header says %d to %d", info.DType, info.Shape, info.Bytes(), begin, from, to)
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
	if f.format != Safetensors {
		return tensors, f.texts, err
	}
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
