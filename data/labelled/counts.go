// SPDX-License-Identifier: MIT

package labelled

import "seer/data/index"

// counts counts what is met while annotations are read, with the first example of each.
type counts map[string]index.Count

func (c counts) add(what, where string) {
	n := c[what]
	if n.N++; n.N == 1 {
		n.First = cut(where)
	}
	c[what] = n
}

// longest bounds what errors and counts repeat of a file.
const longest = 100

func cut[T string | []byte](s T) string {
	if len(s) > longest {
		return string(s[:longest]) + "…"
	}
	return string(s)
}
