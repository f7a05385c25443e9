// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Checksums returns data with right checksums if it is a PNG, so that damage
// reaches what lies behind them.
func Checksums(data []byte) []byte {
	if Sniff(data) != "png" {
		return data
	}
	data = bytes.Clone(data)
	f := &pngFile{data: data}
	for p := 8; ; {
		c, ok := f.next(p)
		end := c.at + c.n
		if !ok || end+4 > len(data) {
			return data
		}
		binary.BigEndian.PutUint32(data[end:], crc32.ChecksumIEEE(data[c.at-4:end]))
		p = end + 4
	}
}
