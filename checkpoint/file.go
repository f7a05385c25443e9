// SPDX-License-Identifier: MIT

package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Formats that [Open] recognises.
const (
	Safetensors   = "safetensors"
	PyTorchZip    = "PyTorch zip archive"
	PyTorchLegacy = "PyTorch legacy pickle"
)

// File is an open file of tensors. Reading different tensors from several
// goroutines at once is safe.
type File struct {
	path     string
	size     int64
	format   string
	infos    []Info
	index    map[string]int
	metadata map[string]string
	texts    map[string]string
	notes    []string

	data  tensors
	r     io.ReaderAt
	close func() error
}

// tensors are the data of a file's tensors, by their position in its list.
type tensors interface {
	// readAt fills dst with a tensor's bytes from an offset on.
	readAt(i int, dst []byte, offset int64) error
	// scattered tells that the elements do not lie one behind the other, so that a
	// part costs as much as the whole.
	scattered(i int) bool
	// stored is the number of bytes that the file holds: an expanded tensor has more.
	stored(i int) int64
}

// Open reads a file's table of contents; the tensors stay on disk. The path may
// also be the index of a checkpoint in several files (…index.json), or a folder
// that holds the weights of one model.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return openFolder(path)
	}
	f, err := openPath(path)
	if number, of := Shard(path); err == nil && of > 1 {
		f.notes = append(f.notes, fmt.Sprintf("this is shard %d of %d: name their folder to see them all", number, of))
	}
	return f, err
}

// openPath opens a file or an index.
func openPath(path string) (*File, error) {
	if strings.HasSuffix(path, indexSuffix) {
		return openIndex(path)
	}
	return openSingle(path)
}

// openSingle opens a file of tensors. What it is comes first: to open a FIFO would
// wait for a writer.
func openSingle(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, formatErrorf(path, "", "is no regular file; a .safetensors or .pth file is needed")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	result, err := openFile(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return result, nil
}

func openFile(f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	result, err := OpenReader(f, info.Size(), f.Name())
	if err != nil {
		return nil, err
	}
	result.close = f.Close
	return result, nil
}

// OpenReader is [Open] for bytes that lie elsewhere, such as in memory; name
// stands for the path in errors.
func OpenReader(r io.ReaderAt, size int64, name string) (*File, error) {
	head := make([]byte, min(size, sniffBytes))
	if err := readFull(r, head, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	result := &File{path: name, size: size, r: r, metadata: map[string]string{}, close: func() error { return nil }}
	var err error
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		err = result.openZip(size)
	case isSafetensors(head):
		err = result.openSafetensors(size)
	case isPickle(head):
		err = result.openLegacy(size)
	default:
		err = formatErrorf(name, "", "%s", describeUnknown(head))
	}
	if err != nil {
		return nil, err
	}
	result.buildIndex()
	return result, nil
}

func (f *File) buildIndex() {
	f.index = make(map[string]int, len(f.infos))
	for i, info := range f.infos {
		f.index[info.Name] = i
	}
}

// Path is the name that the file was opened by.
func (f *File) Path() string { return f.path }

// Size is the length of the file in bytes, of all its shards where it has some.
func (f *File) Size() int64 { return f.size }

// Format is one of [Safetensors], [PyTorchZip] and [PyTorchLegacy], or says that
// there are several such files.
func (f *File) Format() string { return f.format }

// Infos lists the tensors in the order of the file. The list is shared: do not
// change it.
func (f *File) Infos() []Info { return f.infos }

// Metadata is what the writer of a safetensors file says about it. A pickle has
// none.
func (f *File) Metadata() map[string]string { return f.metadata }

// Texts are the numbers and texts beside a pickle's tensors, such as "epoch". They
// mean whatever their program meant by them.
func (f *File) Texts() map[string]string { return f.texts }

// Notes says what a pickle held besides tensors and was left out.
func (f *File) Notes() []string { return f.notes }

// Lookup finds a tensor by name.
func (f *File) Lookup(name string) (Info, bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.infos[i], true
}

// Read loads one tensor into memory of its own.
func (f *File) Read(name string) (Tensor, error) {
	info, ok := f.Lookup(name)
	if !ok {
		return Tensor{}, f.missing(name)
	}
	if err := f.affordable(name); err != nil {
		return Tensor{}, err
	}
	t := Tensor{Name: info.Name, DType: info.DType, Shape: slices.Clone(info.Shape), Data: make([]byte, info.Bytes())}
	return t, f.ReadInto(name, t.Data)
}

// ReadInto loads one tensor into dst, whose length must be the tensor's bytes:
// how a file of many gigabytes goes straight into a model's memory.
func (f *File) ReadInto(name string, dst []byte) error {
	i, ok := f.index[name]
	if !ok {
		return f.missing(name)
	}
	if want := f.infos[i].Bytes(); int64(len(dst)) != want {
		return fmt.Errorf("%s: tensor %q has %d bytes, the destination %d", f.path, name, want, len(dst))
	}
	if len(dst) == 0 {
		return nil
	}
	if err := f.data.readAt(i, dst, 0); err != nil {
		return fmt.Errorf("%s: tensor %q: %w", f.path, name, err)
	}
	return nil
}

// maxExpanded is how far a tensor that repeats its elements may grow in memory
// that nobody has asked for.
const maxExpanded = 1 << 30

// affordable keeps a small file from asking for large memory.
func (f *File) affordable(name string) error {
	i := f.index[name]
	if size := f.infos[i].Bytes(); size > maxExpanded && size > f.data.stored(i) {
		return formatErrorf(f.path, name, "shape %v is expanded from %d bytes to %d; allowed are %d: in Python, save a contiguous copy",
			f.infos[i].Shape, f.data.stored(i), size, maxExpanded)
	}
	return nil
}

// Pieces reads a tensor in parts of at most some bytes and hands them on, so that
// one of many gigabytes can be looked through. A part is valid during the call.
// Tensors whose elements lie scattered come whole.
func (f *File) Pieces(name string, limit int64, use func(piece []byte) error) error {
	info, ok := f.Lookup(name)
	if !ok {
		return f.missing(name)
	}
	i, size := f.index[name], info.Bytes()
	if f.data.scattered(i) {
		if err := f.affordable(name); err != nil {
			return err
		}
		limit = size
	}
	buffer := make([]byte, min(size, limit))
	for at := int64(0); at < size; at += limit {
		piece := buffer[:min(limit, size-at)]
		if err := f.data.readAt(i, piece, at); err != nil {
			return fmt.Errorf("%s: tensor %q: %w", f.path, name, err)
		}
		if err := use(piece); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) missing(name string) error {
	return formatErrorf(f.path, name, "is not in this file of %d tensors; `seer inspect` lists them", len(f.infos))
}

// ReadAll loads every tensor, in the order of the file. Expanded ones may grow to a
// gigabyte together.
func (f *File) ReadAll() ([]Tensor, error) {
	grown := int64(0)
	for i, info := range f.infos {
		if err := f.affordable(info.Name); err != nil {
			return nil, err
		}
		if grown += max(info.Bytes()-f.data.stored(i), 0); grown > maxExpanded {
			return nil, formatErrorf(f.path, info.Name, "is one of many expanded tensors, of more than %d bytes together: read them one by one", maxExpanded)
		}
	}
	tensors := make([]Tensor, len(f.infos))
	for i, info := range f.infos {
		var err error
		if tensors[i], err = f.Read(info.Name); err != nil {
			return nil, err
		}
	}
	return tensors, nil
}

// Close releases the file.
func (f *File) Close() error { return f.close() }
