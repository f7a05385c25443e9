// SPDX-License-Identifier: MIT

package checkpoint

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strings"

	"seer/checkpoint/pickle"
)

// finish fills the table of contents from an unpickled object.
func (f *File) finish(root any, read blob) error {
	t, err := flatten(root)
	if err != nil {
		return formatErrorf(f.path, "", "%v", err)
	}
	f.infos, f.texts, f.notes = t.infos, t.texts, t.notes
	f.data = pickledTensors{t.tensors, read}
	return nil
}

// openZip reads what torch.save has written since 1.6: a zip archive with
// <name>/data.pkl and one uncompressed <name>/data/<key> for each storage.
func (f *File) openZip(size int64) error {
	f.format = PyTorchZip
	archive, err := zip.NewReader(f.r, size)
	if err != nil {
		return formatErrorf(f.path, "", "zip archive of %d bytes is damaged or cut (%v): download or copy it again", size, err)
	}
	records := make(map[string]*zip.File, len(archive.File))
	root, found := "", false
	for _, record := range archive.File {
		records[record.Name] = record
		base, ok := strings.CutSuffix(record.Name, "data.pkl")
		if ok && (base == "" || strings.HasSuffix(base, "/")) && (!found || len(base) < len(root)) {
			root, found = base, true
		}
	}
	if err := f.checkArchive(archive, records, root); err != nil {
		return err
	}
	needed := storages{}
	object, err := f.unpickleRecord(records[root+"data.pkl"], size, needed)
	if err != nil {
		return formatErrorf(f.path, "", "data.pkl: %v", err)
	}
	for key, s := range needed {
		if err := checkRecord(records[root+"data/"+key], s, size); err != nil {
			return formatErrorf(f.path, "", "storage data/%s: %v", key, err)
		}
	}
	return f.finish(object, func(key string, dst []byte, offset int64, whole bool) error {
		return f.readRecord(records[root+"data/"+key], dst, offset, whole)
	})
}

func (f *File) checkArchive(archive *zip.Reader, records map[string]*zip.File, root string) error {
	if records[root+"data.pkl"] == nil {
		return formatErrorf(f.path, "", "%s", describeArchive(archive))
	}
	if records[root+"constants.pkl"] != nil {
		return formatErrorf(f.path, "", "is a TorchScript archive: in Python, save torch.jit.load(file).state_dict()")
	}
	if order := records[root+"byteorder"]; order != nil {
		text := make([]byte, min(order.UncompressedSize64, 16))
		if err := f.readRecord(order, text, 0, true); err != nil || string(text) != "little" {
			return formatErrorf(f.path, "", "byte order is %q (%v); little is needed", text, err)
		}
	}
	return nil
}

// describeArchive says what a zip archive without data.pkl is instead.
func describeArchive(archive *zip.Reader) string {
	var members []string
	for _, record := range archive.File {
		switch name := record.Name; {
		case strings.HasSuffix(name, ".npy"):
			return "is a NumPy archive (.npz): in Python, save its arrays with safetensors.numpy.save_file"
		case strings.HasSuffix(name, "archive_format"), strings.HasSuffix(name, "models/model.json"):
			return "is a program by torch.export: in Python, save torch.export.load(file).state_dict"
		case name == "model.weights.h5":
			return "is a Keras model; weights of PyTorch are needed"
		case slices.Contains(weightExtensions, path.Ext(name)):
			members = append(members, name)
		}
	}
	if len(members) > 0 {
		return fmt.Sprintf("is a zip archive around %s: unpack it and name the file inside", members[0])
	}
	return "is a zip archive without data.pkl; a file by torch.save is needed"
}

// unpickleRecord runs the archive's pickle as a stream. A deflated one may be
// long, but not without end.
func (f *File) unpickleRecord(record *zip.File, fileBytes int64, needed storages) (any, error) {
	if limit := max(fileBytes, 1<<30); record.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("has %d bytes; allowed are %d", record.UncompressedSize64, limit)
	}
	r, err := f.openRecord(record)
	if err != nil {
		return nil, err
	}
	object, _, err := pickle.Decode(r, pickle.ReadOptions{Name: findName, Persistent: needed.load})
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, r) // the checksum is compared at the end
	return object, err
}

// checkRecord compares a record with the storage that it should hold. Deflate
// shrinks by 1032 at most: a higher claim is a bomb.
func checkRecord(record *zip.File, s *storage, fileBytes int64) error {
	if record == nil {
		return errors.New("is missing from the archive")
	}
	if s.dtype == "" {
		return nil // never read
	}
	bytes := int64(record.UncompressedSize64)
	if bytes < 0 || bytes/s.dtype.Size() != s.elements {
		return fmt.Errorf("has %d bytes, %d elements of %s are needed", bytes, s.elements, s.dtype)
	}
	if bytes/1032 > fileBytes || record.Method == zip.Store && bytes > fileBytes {
		return fmt.Errorf("claims %d bytes in a file of %d", bytes, fileBytes)
	}
	return nil
}

// readRecord reads a whole record through its checksum, and a part of an
// uncompressed one straight from its place.
func (f *File) readRecord(record *zip.File, dst []byte, offset int64, whole bool) error {
	if !whole && record.Method == zip.Store {
		base, err := record.DataOffset()
		if err != nil {
			return err
		}
		return readFull(f.r, dst, base+offset)
	}
	r, err := f.openRecord(record)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		return err
	}
	if _, err := io.ReadFull(r, dst); err != nil || !whole {
		return err
	}
	_, err = io.Copy(io.Discard, r) // the checksum is compared at the end
	return err
}

// openRecord reads a record through its checksum, where the archive has one:
// torch.serialization.set_crc32_options(False) writes 0 in its place, which the
// standard library takes for a checksum when a data descriptor follows.
func (f *File) openRecord(record *zip.File) (io.Reader, error) {
	base, err := record.DataOffset()
	if err != nil {
		return nil, err
	}
	var r io.Reader = io.NewSectionReader(f.r, base, int64(record.CompressedSize64))
	switch record.Method {
	case zip.Store:
	case zip.Deflate:
		r = flate.NewReader(r)
	default:
		return nil, fmt.Errorf("record %s is packed by method %d; stored and deflated ones can be read", record.Name, record.Method)
	}
	r = &sized{r: r, left: int64(record.UncompressedSize64)}
	if record.CRC32 == 0 {
		return r, nil
	}
	return &summed{r: r, want: record.CRC32}, nil
}

// sized holds a record to the length that the archive's directory gives it.
type sized struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (s *sized) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err == io.EOF && s.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// summed compares the CRC-32 at the end.
type summed struct {
	r         io.Reader
	sum, want uint32
}

// Read implements io.Reader.
func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
	if err == io.EOF && s.sum != s.want {
		err = fmt.Errorf("checksum is %08x, the archive's directory says %08x: the file is damaged", s.sum, s.want)
	}
	return n, err
}
