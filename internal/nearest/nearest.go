// SPDX-License-Identifier: MIT

// Package nearest finds the known names closest to a misspelt one, for error
// messages that say what was probably meant.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// Names returns at most n of the known names, the closest to name first, by edit
// distance regardless of case. Names that share less than two thirds with it are left out,
// so that the answer may be empty.
func Names(name string, known []string, n int) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, k := range known {
		d := Distance(strings.ToLower(name), strings.ToLower(k))
		if d <= max(2, max(len(name), len(k))/3) {
			found = append(found, candidate{k, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	names := make([]string, 0, n)
	for _, c := range found[:min(n, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// Distance is the Levenshtein distance in bytes: the least number of insertions,
// deletions and replacements that turn a into b.
func Distance(a, b string) int {
	// One row of the usual table is enough: row[j] is the distance of a[:i] to b[:j].
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
