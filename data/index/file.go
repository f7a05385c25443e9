// SPDX-License-Identifier: MIT

package index

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"seer/internal/durable"
)

const (
	magic      = "SEERIDX\x01"
	headerLen  = 128
	headerUsed = 88 // bytes of the header that mean something
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// FileOptions say how a table is written.
type FileOptions struct {
	Layout
	// Sort orders entries by name, bytewise; equal names keep their order.
	// Without it the order is that of insertion.
	Sort bool
	// Memory bounds the memory of sorting, in bytes; 0 means 256 MiB. More
	// than that is sorted in pieces and merged through temporary files.
	Memory int
	// Private keeps the file from others: it may hold URLs with passwords and
	// signatures.
	Private bool
}

// perm are the permission bits, 0 for those that files have.
func (o FileOptions) perm() fs.FileMode {
	if o.Private {
		return 0o600
	}
	return 0
}

// file is a table being written: records into the file itself, the block table
// beside it, because both grow at once.
type file struct {
	path  string
	main  *durable.Pending
	side  *os.File
	sideW *bufio.Writer
}

// Create builds a table in a file. The file appears under its name only when
// Finish succeeds; temporary files lie beside it.
func Create(path string, opt FileOptions) (*Builder, error) { return createOn(durable.Disk, path, opt) }

func createOn(disk durable.FS, path string, opt FileOptions) (*Builder, error) {
	f := &file{path: path}
	b := &Builder{file: f}
	dir := filepath.Dir(path)
	var err error
	if f.main, err = durable.CreateOn(disk, path, opt.perm()); err == nil {
		f.side, err = scratch(dir)
	}
	if err != nil {
		b.Abort()
		return nil, fmt.Errorf("index: %w", err)
	}
	f.sideW = bufio.NewWriterSize(f.side, 1<<16)
	f.main.Write(make([]byte, headerLen)) // errors stick until Finish
	b.enc = newEncoder(opt.Layout, f.main, f.sideW)
	if opt.Sort {
		b.sorter = newSorter(dir, opt)
	}
	return b, nil
}

// scratch makes a file without a name, which is gone when its process is.
func scratch(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".index-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Abort drops what was added and removes the temporary files. After Finish it
// does nothing.
func (b *Builder) Abort() {
	if b.sorter != nil {
		b.sorter.close()
	}
	if b.file == nil {
		return
	}
	if b.file.main != nil {
		b.file.main.Abort() // nothing after Commit
	}
	if b.file.side != nil {
		b.file.side.Close()
	}
}

func (b *Builder) finishFile(m Meta) (*Table, error) {
	f := b.file
	if b.sorter != nil {
		if err := b.sorter.merge(b.enc.add); err != nil {
			return nil, fmt.Errorf("index: sorting %s: %w", f.path, err)
		}
	}
	if err := f.assemble(&b.enc, m); err != nil {
		return nil, fmt.Errorf("index: writing %s: %w", f.path, err)
	}
	if err := f.main.Commit(); err != nil {
		return nil, fmt.Errorf("index: writing %s: %w", f.path, err)
	}
	return Open(f.path)
}

// assemble appends the block table and the description to the records, then
// writes the header over its placeholder.
func (f *file) assemble(c *encoder, m Meta) error {
	desc, err := json.Marshal(m)
	if err != nil {
		return err
	}
	blocksLen := (c.n + blockLen - 1) / blockLen * 8
	f.main.Write(make([]byte, pad8(c.size)))
	if err := f.sideW.Flush(); err != nil {
		return err
	}
	if _, err := f.side.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(f.main, f.side); err != nil {
		return err
	}
	f.main.Write(desc)
	head := header{layout: c.layout, n: c.n, records: c.size, blocks: blocksLen, desc: int64(len(desc)), descSum: crc32.Checksum(desc, castagnoli)}
	head.sum = finishHash(c.sum, c.n, m)
	_, err = f.main.WriteAt(head.encode(), 0)
	return err
}

// header is the fixed part of a file; the package documentation has its bytes.
type header struct {
	layout                Layout
	n                     int64
	records, blocks, desc int64 // lengths
	sum                   [32]byte
	descSum               uint32
}

func (h *header) encode() []byte {
	le := binary.LittleEndian
	out := append(make([]byte, 0, headerLen), magic...)
	out = le.AppendUint32(out, h.layout.flags())
	out = le.AppendUint32(out, blockLen)
	for _, v := range []int64{h.n, h.records, h.blocks, h.desc} {
		out = le.AppendUint64(out, uint64(v))
	}
	out = append(out, h.sum[:]...)
	out = le.AppendUint32(out, h.descSum)
	out = le.AppendUint32(out, crc32.Checksum(out, castagnoli))
	return out[:headerLen]
}

func decodeHeader(b []byte) (h header, err error) {
	le := binary.LittleEndian
	if len(b) < headerLen || string(b[:len(magic)]) != magic {
		return h, errors.New("this is no index file")
	}
	if le.Uint32(b[headerUsed-4:]) != crc32.Checksum(b[:headerUsed-4], castagnoli) {
		return h, errors.New("the header's checksum is wrong")
	}
	if flags := le.Uint32(b[8:]); flags != layoutOf(flags).flags() || le.Uint32(b[12:]) != blockLen {
		return h, fmt.Errorf("flags %#x and blocks of %d entries; this program knows flags up to 3 and blocks of %d", flags, le.Uint32(b[12:]), blockLen)
	}
	h.layout = layoutOf(le.Uint32(b[8:]))
	for i, p := range []*int64{&h.n, &h.records, &h.blocks, &h.desc} {
		*p = int64(le.Uint64(b[16+8*i:]))
	}
	copy(h.sum[:], b[48:])
	h.descSum = le.Uint32(b[80:])
	return h, nil
}

// parse checks the outside of a file of the given size.
func parse(r io.ReaderAt, size int64) (*Table, error) {
	b := make([]byte, headerLen)
	if _, err := r.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("its %d bytes are no header: %w", size, err)
	}
	h, err := decodeHeader(b)
	if err != nil {
		return nil, err
	}
	// Each length is below the file's before any are added: no overflow.
	for _, v := range []int64{h.n / blockLen, h.records, h.blocks, h.desc} {
		if v < 0 || v > size {
			return nil, fmt.Errorf("a part of %d bytes in a file of %d", v, size)
		}
	}
	blocksAt := headerLen + h.records + pad8(h.records)
	descAt, count := blocksAt+h.blocks, (h.n+blockLen-1)/blockLen
	if h.blocks != count*8 || descAt+h.desc != size {
		return nil, fmt.Errorf("%d bytes do not hold %d entries as the header describes them; it was cut or written over", size, h.n)
	}
	desc := make([]byte, h.desc)
	if _, err := r.ReadAt(desc, descAt); err != nil {
		return nil, err
	}
	if crc32.Checksum(desc, castagnoli) != h.descSum {
		return nil, errors.New("the description's checksum is wrong")
	}
	t := &Table{layout: h.layout, n: h.n, sum: h.sum}
	t.store = store{file: r, recordsAt: headerLen, recordsLen: h.records, blocksAt: blocksAt, blockCount: count}
	if err := json.Unmarshal(desc, &t.meta); err != nil {
		return nil, err
	}
	return t, t.rankClasses()
}

// Open opens an index file. It reads the header and the description only;
// Close must be called when no lookup is running.
func Open(path string) (*Table, error) {
	// Without waiting: to open a pipe that nobody writes would never end.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("it is no regular file (%v)", st.Mode().Type())
	}
	var t *Table
	if err == nil {
		t, err = parse(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("index: %s: %w; build it again", path, err)
	}
	t.closer = f
	return t, nil
}

func pad8(n int64) int64 { return -n & 7 }
