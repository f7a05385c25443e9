// SPDX-License-Identifier: MIT

package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The pickle machine allocates what a length field asks for before it reads the
// bytes, so a file of twenty bytes could ask for terabytes. scanPickle walks the
// opcodes first and lets through only lengths that the file really holds.

// Limits no state dict comes near.
const (
	maxPickleBytes = 32 << 20 // opcodes and names only; tensors lie outside
	maxMarks       = 10_000   // nesting of unfinished containers
	maxLongBytes   = 16       // PyTorch's magic number has 10
	maxLineBytes   = 64 << 10
)

// errPickleShort says that the pickle goes on behind the bytes given.
var errPickleShort = errors.New("pickle ends early")

// argument is how an opcode's argument is laid out.
type argument uint8

const (
	argUnknown argument = iota
	argNone
	arg1Byte
	arg2Bytes
	arg4Bytes
	arg8Bytes
	argLine   // up to a line feed
	argLines  // two lines
	argLen1   // bytes counted by 1 byte
	argLen4   // bytes counted by 4 bytes
	argLen8   // bytes counted by 8 bytes
	argFrame  // 8 bytes of length of what follows, itself opcodes
	argLong1  // integer counted by 1 byte
	argLong4  // integer counted by 4 bytes
	argNumber // decimal line
)

// arguments is indexed by opcode (Python's pickletools.py, protocols 0 to 5).
// Out-of-band buffers and extension codes are left out: nothing in a state dict
// needs them.
var arguments = opcodeTable(map[argument]string{
	argNone: "(.012NQRabd}elo]st)u" +
		"\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94",
	arg1Byte:  "Khq\x80",
	arg2Bytes: "M",
	arg4Bytes: "Jjr",
	arg8Bytes: "G",
	argLine:   "FSVgp",
	argNumber: "IL",
	argLines:  "ci",
	argLen1:   "UC\x8c",
	argLen4:   "TXB",
	argLen8:   "\x8d\x8e\x96",
	argFrame:  "\x95",
	argLong1:  "\x8a",
	argLong4:  "\x8b",
})

func opcodeTable(rows map[argument]string) (table [256]argument) {
	for arg, opcodes := range rows {
		for i := range len(opcodes) {
			table[opcodes[i]] = arg
		}
	}
	return table
}

// scanPickle returns the length of the pickle at the start of data.
func scanPickle(data []byte) (int, error) {
	marks := 0
	for at := 0; at < len(data); {
		opcode := data[at]
		at++
		n, err := argumentBytes(opcode, data[at:])
		if err != nil {
			return 0, err
		}
		at += n
		switch opcode {
		case '.':
			return at, nil
		case '(':
			marks++
		case 't', 'l', 'd', 'e', 'u', 'o', '1', 'i', 0x90, 0x91:
			marks--
		}
		if marks > maxMarks {
			return 0, fmt.Errorf("pickle nests deeper than %d", maxMarks)
		}
	}
	return 0, errPickleShort
}

// argumentBytes is the length of an opcode's argument at the start of rest.
func argumentBytes(opcode byte, rest []byte) (int, error) {
	switch kind := arguments[opcode]; kind {
	case argNone:
		return 0, nil
	case arg1Byte:
		return fixed(1, rest)
	case arg2Bytes:
		return fixed(2, rest)
	case arg4Bytes:
		return fixed(4, rest)
	case arg8Bytes:
		return fixed(8, rest)
	case argLine:
		return line(rest, maxLineBytes)
	case argNumber:
		return line(rest, 64)
	case argLines:
		first, err := line(rest, maxLineBytes)
		if err != nil {
			return 0, err
		}
		second, err := line(rest[first:], maxLineBytes)
		return first + second, err
	case argLen1, argLong1:
		return counted(kind, 1, rest)
	case argLen4, argLong4:
		return counted(kind, 4, rest)
	case argLen8, argFrame:
		return counted(kind, 8, rest)
	default:
		return 0, fmt.Errorf("pickle has opcode 0x%02x, which no state dict needs", opcode)
	}
}

func fixed(n int, rest []byte) (int, error) {
	if len(rest) < n {
		return 0, errPickleShort
	}
	return n, nil
}

func line(rest []byte, limit int) (int, error) {
	i := bytes.IndexByte(rest[:min(len(rest), limit)], '\n')
	if i >= 0 {
		return i + 1, nil
	}
	if len(rest) >= limit {
		return 0, fmt.Errorf("pickle has a line of more than %d bytes", limit)
	}
	return 0, errPickleShort
}

// counted is the length of a length field of some bytes and of what it counts.
func counted(kind argument, field int, rest []byte) (int, error) {
	if len(rest) < field {
		return 0, errPickleShort
	}
	var wide [8]byte
	copy(wide[:], rest[:field])
	n := binary.LittleEndian.Uint64(wide[:])
	if kind == argLong1 || kind == argLong4 {
		// Zero bytes are Python's 0, but no pickler writes them, and the machine
		// does not expect them.
		if n == 0 || n > maxLongBytes {
			return 0, fmt.Errorf("pickle has an integer of %d bytes; allowed are 1 to %d", n, maxLongBytes)
		}
	}
	if n > maxPickleBytes {
		return 0, fmt.Errorf("pickle has an object of %d bytes; allowed are %d", n, maxPickleBytes)
	}
	if n > uint64(len(rest)-field) {
		return 0, errPickleShort
	}
	if kind == argFrame {
		return field, nil // the frame's content is scanned like the rest
	}
	return field + int(n), nil
}
