// SPDX-License-Identifier: MIT

package pickle

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// short turns the end of the bytes into ErrShort and keeps other errors, those of
// a disk.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrShort
	}
	return err
}

func (m *machine) byte() (byte, error) {
	b, err := m.r.ReadByte()
	if err != nil {
		return 0, short(err)
	}
	m.at++
	return b, nil
}

// uint reads a little-endian number of up to 8 bytes.
func (m *machine) uint(width int) (uint64, error) {
	var wide [8]byte
	n, err := io.ReadFull(m.r, wide[:width])
	m.at += int64(n)
	if err != nil {
		return 0, short(err)
	}
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// bytes reads n bytes that are short enough to keep.
func (m *machine) bytes(n uint64) ([]byte, error) {
	if err := m.charge(int64(n) + slotCost); err != nil {
		return nil, err
	}
	data := make([]byte, n)
	got, err := io.ReadFull(m.r, data)
	m.at += int64(got)
	if err != nil {
		return nil, short(err)
	}
	return data, nil
}

// skip passes over n bytes.
func (m *machine) skip(n uint64) error {
	for n > 0 {
		part := int(min(n, 1<<30))
		got, err := m.r.Discard(part)
		m.at += int64(got)
		if err != nil {
			return short(err)
		}
		n -= uint64(part)
	}
	return nil
}

// line reads up to a line feed, which it drops.
func (m *machine) line() (string, error) {
	var line []byte
	for {
		part, err := m.r.ReadSlice('\n')
		m.at += int64(len(part))
		if len(line)+len(part) > maxLine {
			return "", fmt.Errorf("pickle has a line of more than %d bytes", maxLine)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return string(line[:len(line)-1]), m.charge(int64(len(line)))
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", short(err)
		}
	}
}
