// SPDX-License-Identifier: MIT

// Package index holds the list of a data set's images, a million or a billion
// of them, in flat memory or in a file, with random access.
//
// A [Table] is a sequence of [Entry] values: a name and, where asked, a label
// and a span (shard, offset, length) inside a tar file. Entries live in blocks
// of sixteen. A name is stored as the part that differs from the name before
// it in the block, a span as its distance from the span before it, so that a
// sorted list of paths costs about ten bytes an image and the collector sees a
// handful of pointers. A lookup decodes at most one block.
//
// A [Builder] makes a table in memory ([NewBuilder]) or on disk ([Create]), in
// the order in which entries come or sorted by name; on disk it needs a fixed
// amount of memory for any number of entries. [Open] takes a fraction of a
// millisecond whatever the size of the file, and a lookup reads a few hundred
// bytes of it, so that memory stays flat however much is looked at.
//
// # File format
//
// All integers are little-endian. A header of 128 bytes:
//
//	 0  magic "SEERIDX\x01"
//	 8  uint32 flags: bit 0 labels, bit 1 spans
//	12  uint32 entries in a block (16)
//	16  uint64 number of entries
//	24  uint64 length of the records, which begin at 128
//	32  uint64 length of the block table, which follows at the next multiple of 8
//	40  uint64 length of the description, which follows the block table
//	48  [32]byte SHA-256 of the content: see [Table.Fingerprint]
//	80  uint32 CRC-32C of the description
//	84  uint32 CRC-32C of the header before this field
//
// The block table holds the offset of each block as uint64. The description is
// JSON ([Meta]). A record is
//
//	uvarint shared    bytes of the previous name to keep (0 first in a block)
//	uvarint n, n bytes of name
//	if spans:  uvarint shard, varint offset minus the end of the previous span
//	           in the same shard and block (else minus 0), uvarint length
//	if labels: uvarint label+1
package index
