// SPDX-License-Identifier: MIT

package checkpoint

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// blob reads part of a storage's bytes; whole says that dst is all of it.
type blob func(key string, dst []byte, offset int64, whole bool) error

// finish fills the table of contents from an unpickled object.
func (f *File) finish(root any, read blob) error {
	t, err := flatten(root)
	if err != nil {
		return formatErrorf(f.path, "", "%v", err)
	}
	f.infos, f.metadata, f.notes = t.infos, t.texts, t.notes
	f.readInto = func(i int, dst []byte) error { return t.tensors[i].read(dst, read) }
	return nil
}

func (p *pickledTensor) read(dst []byte, read blob) error {
	size := p.dtype.Size()
	if p.contiguous() {
		return read(p.storage.key, dst, p.offset*size, int64(len(dst)) == p.storage.elements*size)
	}
	last, err := p.lastElement()
	if err != nil {
		return err
	}
	source := make([]byte, (last-p.offset+1)*size)
	if err := read(p.storage.key, source, p.offset*size, int64(len(source)) == p.storage.elements*size); err != nil {
		return err
	}
	p.gather(dst, source)
	return nil
}

// openZip reads what torch.save has written since 1.6: a zip archive with
// <name>/data.pkl and one uncompressed <name>/data/<key> for each storage.
func (f *File) openZip(size int64) error {
	f.format = PyTorchZip
	archive, err := zip.NewReader(f.r, size)
	if err != nil {
		return formatErrorf(f.path, "", "zip archive is damaged or cut: %v", err)
	}
	records := make(map[string]*zip.File, len(archive.File))
	root := ""
	for _, record := range archive.File {
		records[record.Name] = record
		if base, ok := strings.CutSuffix(record.Name, "data.pkl"); ok && (base == "" || strings.HasSuffix(base, "/")) {
			root = record.Name[:len(base)]
		}
	}
	if err := f.checkArchive(records, root); err != nil {
		return err
	}
	data, err := readRecord(records[root+"data.pkl"], maxPickleBytes)
	if err != nil {
		return formatErrorf(f.path, "", "data.pkl: %v", err)
	}
	found := storages{}
	object, _, err := scanAndUnpickle(data, found.load)
	if err != nil {
		return formatErrorf(f.path, "", "data.pkl: %v", err)
	}
	for key, s := range found {
		if err := checkRecord(records[root+"data/"+key], s, size); err != nil {
			return formatErrorf(f.path, "", "storage data/%s: %v", key, err)
		}
	}
	return f.finish(object, func(key string, dst []byte, offset int64, whole bool) error {
		return f.readRecordInto(records[root+"data/"+key], dst, offset, whole)
	})
}

func (f *File) checkArchive(records map[string]*zip.File, root string) error {
	if records[root+"data.pkl"] == nil {
		return formatErrorf(f.path, "", "is a zip archive without data.pkl; a file by torch.save is needed")
	}
	if records[root+"constants.pkl"] != nil {
		return formatErrorf(f.path, "", "is a TorchScript archive: in Python, save torch.jit.load(file).state_dict()")
	}
	if order := records[root+"byteorder"]; order != nil {
		text, err := readRecord(order, 16)
		if err != nil || string(text) != "little" {
			return formatErrorf(f.path, "", "byte order is %q (%v); little is needed", text, err)
		}
	}
	return nil
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

func readRecord(record *zip.File, limit int64) ([]byte, error) {
	if record.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("has %d bytes; allowed are %d", record.UncompressedSize64, limit)
	}
	r, err := record.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// readRecordInto reads a whole record through its checksum, and a part of an
// uncompressed one straight from its place.
func (f *File) readRecordInto(record *zip.File, dst []byte, offset int64, whole bool) error {
	if !whole && record.Method == zip.Store {
		base, err := record.DataOffset()
		if err != nil {
			return err
		}
		return readFull(f.r, dst, base+offset)
	}
	r, err := record.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		return err
	}
	if _, err := io.ReadFull(r, dst); err != nil || !whole {
		return err
	}
	// The checksum is compared when the reader meets the end.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return nil
}

// openLegacy reads what torch.save wrote before 1.6: five pickles (magic number,
// protocol, system, object, storage keys), then each storage as a count of 8
// bytes and its elements.
func (f *File) openLegacy(size int64) error {
	f.format = PyTorchLegacy
	stream := &pickleStream{r: f.r, size: size}
	found := storages{}
	var parts [5]any
	for i := range parts {
		var err error
		if parts[i], err = stream.next(found.load); err == nil && i < 3 {
			err = checkPreamble(i, parts[i])
		}
		if err != nil {
			return formatErrorf(f.path, "", "legacy PyTorch file, part %d of 5: %v", i+1, err)
		}
	}
	places, err := f.placeStorages(parts[4], found, stream.at, size)
	if err != nil {
		return formatErrorf(f.path, "", "legacy PyTorch file: %v", err)
	}
	return f.finish(parts[3], func(key string, dst []byte, offset int64, _ bool) error {
		place, ok := places[key]
		if !ok {
			return fmt.Errorf("storage %q is missing from the file", key)
		}
		return readFull(f.r, dst, place+offset)
	})
}

// magicNumber opens every legacy file.
var magicNumber, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

func checkPreamble(i int, part any) error {
	switch i {
	case 0:
		if n, ok := part.(*big.Int); !ok || n.Cmp(magicNumber) != 0 {
			return fmt.Errorf("magic number is %v: a plain pickle, not a file by torch.save", part)
		}
	case 1:
		if part != 1001 {
			return fmt.Errorf("protocol is %v; 1001 is needed", part)
		}
	case 2:
		system, _ := part.(*types.Dict)
		if system == nil {
			return fmt.Errorf("system is %T; a dict is needed", part)
		}
		if little, ok := system.Get("little_endian"); ok && little != true {
			return errors.New("byte order is big; little is needed")
		}
	}
	return nil
}

// placeStorages walks the blocks behind the pickles and returns where the
// elements of each key begin.
func (f *File) placeStorages(keys any, found storages, at, size int64) (map[string]int64, error) {
	list, ok := keys.(*types.List)
	if !ok {
		return nil, fmt.Errorf("storage keys are %T; a list is needed", keys)
	}
	places := make(map[string]int64, len(*list))
	for _, item := range *list {
		key, _ := item.(string)
		s := found[key]
		if s == nil || s.dtype == "" {
			return nil, fmt.Errorf("storage %v is of no supported type", item)
		}
		var count [8]byte
		if err := readFull(f.r, count[:], at); err != nil {
			return nil, fmt.Errorf("storage %q: %w", key, err)
		}
		n := int64(binary.LittleEndian.Uint64(count[:]))
		if n != s.elements || n > (size-at-8)/s.dtype.Size() {
			return nil, fmt.Errorf("storage %q has %d elements of %s in the last %d bytes of the file; %d are needed",
				key, n, s.dtype, size-at-8, s.elements)
		}
		places[key] = at + 8
		at += 8 + n*s.dtype.Size()
	}
	return places, nil
}

// pickleStream reads pickles that lie one behind the other.
type pickleStream struct {
	r        io.ReaderAt
	at, size int64
}

// next reads the pickle's bytes in growing windows: only its opcodes tell where
// it ends, and gigabytes of storages may follow.
func (p *pickleStream) next(persistent func(any) (any, error)) (any, error) {
	limit := min(p.size-p.at, maxPickleBytes)
	for window := min(limit, 64<<10); ; window = min(limit, 4*window) {
		data := make([]byte, window)
		if err := readFull(p.r, data, p.at); err != nil {
			return nil, err
		}
		value, n, err := scanAndUnpickle(data, persistent)
		if errors.Is(err, errPickleShort) && window < limit {
			continue
		}
		p.at += int64(n)
		return value, err
	}
}

func scanAndUnpickle(data []byte, persistent func(any) (any, error)) (any, int, error) {
	n, err := scanPickle(data)
	if err != nil {
		return nil, 0, err
	}
	value, err := unpickle(data[:n], persistent)
	return value, n, err
}
