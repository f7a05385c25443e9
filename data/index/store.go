// SPDX-License-Identifier: MIT

package index

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// store holds the records of a table and the offset of every block of them: in
// memory, or in a file that is read where a lookup needs it.
//
// Two short reads out of the page cache are used in place of a memory mapping.
// A mapping costs two page faults a lookup, around each of which the kernel
// maps tens of kilobytes more: the process soon seems to need the memory of
// the whole file. And where a file is cut while it is mapped, a lookup kills
// the process; a read returns an error.
type store struct {
	records, blocks []byte // in memory; blocks are uint64 offsets into records

	file                io.ReaderAt // nil in memory
	recordsAt, blocksAt int64       // positions in the file
	recordsLen          int64
	blockCount          int64
	closer              io.Closer
}

// maxBlock is the length of the longest block that Add can make.
const maxBlock = blockLen * (MaxName + 6*binary.MaxVarintLen64)

// buffers recycles the memory that blocks are read into.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

func (s *store) buffer() *[]byte {
	if s.file == nil {
		return nil
	}
	return buffers.Get().(*[]byte)
}

func (s *store) recycle(buf *[]byte) {
	if buf != nil {
		buffers.Put(buf)
	}
}

// Bytes returns the size of the entries in memory or in the file.
func (s *store) Bytes() int64 {
	if s.file == nil {
		return int64(len(s.records) + len(s.blocks))
	}
	return s.recordsLen + 8*s.blockCount
}

// block returns the records from block b on. From a file they are in buf, and
// end with the block.
func (s *store) block(b int64, buf *[]byte) ([]byte, error) {
	if s.file != nil {
		return s.readBlock(b, buf)
	}
	off := binary.LittleEndian.Uint64(s.blocks[b*8:])
	if off > uint64(len(s.records)) {
		return nil, fmt.Errorf("%w: block %d begins at %d of %d", errRecord, b, off, len(s.records))
	}
	return s.records[off:], nil
}

func (s *store) readBlock(b int64, buf *[]byte) ([]byte, error) {
	ends := append((*buf)[:0], make([]byte, 16)...) // this block's offset and the next one's
	last := b == s.blockCount-1
	if last {
		ends = ends[:8]
	}
	if _, err := s.file.ReadAt(ends, s.blocksAt+8*b); err != nil {
		return nil, fmt.Errorf("index: block %d: %w", b, err)
	}
	from, to := binary.LittleEndian.Uint64(ends), uint64(s.recordsLen)
	if !last {
		to = binary.LittleEndian.Uint64(ends[8:])
	}
	if from > to || to > uint64(s.recordsLen) || to-from > maxBlock {
		return nil, fmt.Errorf("%w: block %d spans %d to %d of %d", errRecord, b, from, to, s.recordsLen)
	}
	if n := int(to - from); n > cap(*buf) {
		*buf = make([]byte, 0, n+n/2)
	}
	out := (*buf)[:to-from]
	if _, err := s.file.ReadAt(out, s.recordsAt+int64(from)); err != nil {
		return nil, fmt.Errorf("index: block %d: %w", b, err)
	}
	return out, nil
}

// Close closes the file. The table must not be used afterwards.
func (s *store) Close() error {
	if s.closer == nil {
		return nil
	}
	c := s.closer
	s.closer = nil
	return c.Close()
}
