// SPDX-License-Identifier: MIT

package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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
	format   string
	infos    []Info
	index    map[string]int
	metadata map[string]string
	notes    []string

	// readInto fills dst, which has exactly the bytes of tensor i.
	readInto func(i int, dst []byte) error
	r        io.ReaderAt
	close    func() error
}

// Open reads a file's table of contents; the tensors stay on disk.
func Open(path string) (*File, error) {
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
	if info.IsDir() {
		return nil, formatErrorf(f.Name(), "", "is a folder; name a .safetensors or .pth file in it")
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
	result := &File{path: name, r: r, metadata: map[string]string{}, close: func() error { return nil }}
	var err error
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		err = result.openZip(size)
	case isPickle(head):
		err = result.openLegacy(size)
	case len(head) > 8 && head[8] == '{':
		err = result.openSafetensors(size)
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

// sniffBytes reach to the magic word of a tar archive.
const sniffBytes = 512

// isPickle recognises the first object of a legacy file, the integer
// 0x1950a86a20f9469cfc6c, in binary or text protocol.
func isPickle(head []byte) bool {
	return len(head) > 1 && head[0] == 0x80 && head[1] <= 5 ||
		bytes.HasPrefix(head, []byte("L119547037146038801333356L"))
}

// describeUnknown names the usual mistakes behind a file that is no checkpoint.
func describeUnknown(head []byte) string {
	const allowed = "; a safetensors file or a file by torch.save is needed"
	lower := bytes.ToLower(bytes.TrimSpace(head))
	switch {
	case len(head) == 0:
		return "is empty" + allowed
	case bytes.HasPrefix(head, []byte("version https://git-lfs")):
		return "is a Git LFS pointer, not the file itself: run `git lfs pull`"
	case bytes.HasPrefix(lower, []byte("<!doctype")), bytes.HasPrefix(lower, []byte("<html")):
		return "is a web page, probably an error saved by a download" + allowed
	case len(head) > 262 && bytes.HasPrefix(head[257:], []byte("ustar")):
		return "is a tar archive (PyTorch wrote such files before 0.1.10): load and save it again with a newer PyTorch"
	case bytes.HasPrefix(head, []byte("\x89HDF")):
		return "is an HDF5 file" + allowed
	default:
		return fmt.Sprintf("is of unknown format, it begins with %q%s", head[:min(len(head), 16)], allowed)
	}
}

// Path is the name that the file was opened by.
func (f *File) Path() string { return f.path }

// Format is one of [Safetensors], [PyTorchZip] and [PyTorchLegacy].
func (f *File) Format() string { return f.format }

// Infos lists the tensors in the order of the file. The list is shared: do not
// change it.
func (f *File) Infos() []Info { return f.infos }

// Metadata holds the file's texts; for a pickle, the numbers and texts beside
// its tensors, such as "epoch".
func (f *File) Metadata() map[string]string { return f.metadata }

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
	if err := f.readInto(i, dst); err != nil {
		return fmt.Errorf("%s: tensor %q: %w", f.path, name, err)
	}
	return nil
}

func (f *File) missing(name string) error {
	return formatErrorf(f.path, name, "is not in this file of %d tensors; `seer inspect` lists them", len(f.infos))
}

// ReadAll loads every tensor, in the order of the file.
func (f *File) ReadAll() ([]Tensor, error) {
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
