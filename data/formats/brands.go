// SPDX-License-Identifier: MIT

package formats

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// brands are the formats of files of boxes by the brands that they go by. Two of
// them, mif1 and msf1, tell only of the container: the compatible ones decide.
var brands = map[string]string{
	"avif": "avif", "avis": "avif",
	"heic": "heic", "heix": "heic", "heim": "heic", "heis": "heic", "hevc": "heic", "hevx": "heic", "hevm": "heic", "hevs": "heic",
}

// sniffBoxes returns the format of a file of boxes, or "".
func sniffBoxes(data []byte) string {
	major, rest, ok := fileType(data)
	if !ok {
		return ""
	}
	if format := brands[major]; format != "" || major != "mif1" && major != "msf1" {
		return format
	}
	for ; len(rest) >= 4; rest = rest[4:] {
		if format := brands[string(rest[:4])]; format != "" {
			return format
		}
	}
	return ""
}

// fileType returns the major brand of a file of boxes, and the compatible ones.
func fileType(data []byte) (major string, rest []byte, ok bool) {
	if len(data) < 12 || string(data[4:8]) != "ftyp" {
		return "", nil, false
	}
	n := int(min(binary.BigEndian.Uint32(data), uint32(min(len(data), 1<<16))))
	return string(data[8:12]), data[min(16, len(data)):max(n, min(16, len(data)))], true
}

// unknown is the error of data of no known format; it names what it recognises.
func unknown(data []byte) error {
	e := &Error{Reason: Unknown, Detail: fmt.Sprintf("it begins with %x; known are %s", data[:min(len(data), 8)], known)}
	major, rest, ok := fileType(data)
	if !ok {
		return e
	}
	names := []string{major}
	for ; len(rest) >= 4; rest = rest[4:] {
		names = append(names, string(rest[:4]))
	}
	e.Reason = Unsupported
	e.Detail = fmt.Sprintf("a file of boxes with the brands %q; of these AVIF (avif, avis) and HEIC (heic, heix) are decoded",
		strings.Join(names, " "))
	return e
}
