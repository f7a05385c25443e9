// SPDX-License-Identifier: MIT

package source

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"seer/data/index"
)

// Listing says what was met while a source was listed besides its images. Nothing is left out without a word.
type Listing struct {
	// Skipped counts what was left out, by what it is: an ending, "hidden", "links", …
	Skipped map[string]index.Count `json:"skipped,omitempty"`
	// Remarks counts what was taken, but may not be what was meant.
	Remarks map[string]index.Count `json:"remarks,omitempty"`
}

// ListingOf returns what was met when a source was listed, however long ago that was: an index remembers it.
func ListingOf(src Source) Listing {
	if s, ok := src.(interface{ Listing() Listing }); ok {
		return s.Listing()
	}
	return Listing{}
}

// String is one line, the most frequent first; empty where there is nothing to say.
func (l Listing) String() string {
	var parts []string
	if len(l.Skipped) > 0 {
		parts = append(parts, "left out: "+counts(l.Skipped).text(8, true))
	}
	for _, what := range counts(l.Remarks).ranked() {
		c := l.Remarks[what]
		parts = append(parts, fmt.Sprintf("%s: %d%s", what, c.N, where(c)))
	}
	if _, several := l.Remarks[manyImages]; several || l.Skipped[companions].N > 0 {
		parts = append(parts, "data.members chooses")
	}
	return strings.Join(parts, "; ")
}

// counts counts what is met while a source is listed.
type counts map[string]index.Count

func (t counts) add(what, where string) {
	c := t[what]
	if c.N++; c.N == 1 {
		c.First = cut(where, longestExample)
	}
	t[what] = c
}

// merge adds the counts of a part, whose examples lie in a place: a shard, or "" for the same.
func (t counts) merge(o map[string]index.Count, place string) {
	for what, c := range o {
		switch {
		case c.First == "":
			c.First = place
		case place != "":
			c.First = place + ": " + c.First
		}
		if old, ok := t[what]; ok {
			c = index.Count{N: old.N + c.N, First: old.First}
		}
		t[what] = c
	}
}

// total is the sum of all counts.
func (t counts) total() (n int64) {
	for _, c := range t {
		n += c.N
	}
	return n
}

// ranked lists what was counted, the most frequent first.
func (t counts) ranked() []string {
	return slices.SortedFunc(maps.Keys(t), func(a, b string) int {
		return cmp.Or(cmp.Compare(t[b].N, t[a].N), strings.Compare(a, b))
	})
}

// text names the most frequent, with an example each if asked for.
func (t counts) text(most int, examples bool) string {
	ranked := t.ranked()
	var parts []string
	for _, what := range ranked[:min(len(ranked), most)] {
		part := fmt.Sprintf("%d %s", t[what].N, what)
		if examples {
			part += where(t[what])
		}
		parts = append(parts, part)
	}
	if rest := t.total() - t.sum(ranked[:min(len(ranked), most)]); rest > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d other kinds", rest, len(ranked)-most))
	}
	return strings.Join(parts, ", ")
}

func (t counts) sum(of []string) (n int64) {
	for _, what := range of {
		n += t[what].N
	}
	return n
}

// where is the example of a count in brackets.
func where(c index.Count) string {
	switch {
	case c.First == "":
		return ""
	case c.N == 1:
		return " (" + printable(c.First) + ")"
	}
	return " (" + printable(c.First) + ", …)"
}

// longestExample bounds what an index stores of a name.
const longestExample = 200

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// printable quotes a name that would not show as it is, or would break a line.
func printable(name string) string {
	odd := strings.TrimSpace(name) != name || !utf8.ValidString(name)
	if odd || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
