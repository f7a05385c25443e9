// SPDX-License-Identifier: MIT

package index

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"path"
	"slices"
	"strconv"
	"strings"

	"seer/internal/redact"
)

// Shard describes one tar file of a table with spans, so that a changed file
// is noticed before its stale offsets are read.
type Shard struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	ModTime int64  `json:"mod_time"` // nanoseconds since 1970
	Images  int64  `json:"images"`   // entries that lie in it
}

// Meta describes a whole table.
type Meta struct {
	// Kind says what names mean: "files" below Root, members of tar "shards" or "urls".
	Kind string `json:"kind"`
	// Root is the folder that relative names start from.
	Root   string  `json:"root,omitempty"`
	Shards []Shard `json:"shards,omitempty"`
	// Classes names the labels in the order in which they were handed to the
	// builder. The table counts labels in the order of the names, as
	// torchvision's ImageFolder does. Empty: labels are the integers given.
	Classes []string `json:"classes,omitempty"`
	// Numeric says that all Classes are decimal integers and that labels are
	// their values, whatever the order.
	Numeric bool `json:"numeric,omitempty"`
	// Labels is one more than the largest label where Classes is empty.
	Labels int32 `json:"labels,omitempty"`
	// Members are the patterns that chose the entries among what there was; empty: none did.
	Members []string `json:"members,omitempty"`
	// Skipped counts what was found and left out, by what it is. Remarks counts
	// what was taken and is worth a look. Neither is part of the fingerprint.
	Skipped map[string]Count `json:"skipped,omitempty"`
	Remarks map[string]Count `json:"remarks,omitempty"`
	// Rules is the version of the rules by which members of a tar file were chosen.
	Rules int `json:"rules,omitempty"`
}

// Count says how often something was met, and where first.
type Count struct {
	N     int64  `json:"count"`
	First string `json:"first,omitempty"`
}

// MaxLabel bounds integer labels: their classes have names too.
const MaxLabel = 1<<24 - 1

// A Table is an immutable list of entries. It is safe for concurrent use.
type Table struct {
	layout Layout
	n      int64
	meta   Meta
	sum    [sha256.Size]byte

	classes []string // sorted
	rank    []int32  // label as stored to label as reported; nil is the identity

	store
}

// Len returns the number of entries.
func (t *Table) Len() int64 { return t.n }

// Layout returns what entries hold besides their names.
func (t *Table) Layout() Layout { return t.layout }

// Meta returns the description that the table was finished with.
func (t *Table) Meta() Meta { return t.meta }

// Classes returns the names of the labels 0, 1, …: sorted, or the integers
// themselves; nil where the table has no labels.
func (t *Table) Classes() []string { return t.classes }

// Fingerprint returns the SHA-256 of the content in hexadecimal: every name,
// label and span in order, the names of the shards and the classes. It does
// not depend on where the data lies, nor on how the table was built.
func (t *Table) Fingerprint() string { return hex.EncodeToString(t.sum[:]) }

// Entry returns entry i. Its name is appended to name[:0], so that a caller
// with a buffer needs no memory; the name is the caller's. An error means that
// the table's file is damaged.
func (t *Table) Entry(i int64, name []byte) (Entry, error) {
	if i < 0 || i >= t.n {
		panic(fmt.Sprintf("index: entry %d of %d", i, t.n))
	}
	e := Entry{Name: name[:0]}
	buf := t.buffer()
	defer t.recycle(buf)
	rest, err := t.block(i/blockLen, buf)
	for range i%blockLen + 1 {
		if err != nil {
			return Entry{}, fmt.Errorf("entry %d: %w", i, err)
		}
		rest, err = readRecord(rest, t.layout, &e)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("entry %d: %w", i, err)
	}
	return e, t.rankLabel(&e)
}

// Name returns the name of entry i.
func (t *Table) Name(i int64) (string, error) {
	e, err := t.Entry(i, make([]byte, 0, 128))
	return string(e.Name), err
}

// Each calls fn for all entries in order, faster than Entry does one by one,
// until fn returns an error. The name is only valid during the call.
func (t *Table) Each(fn func(i int64, e Entry) error) error {
	e := Entry{Name: make([]byte, 0, 256)}
	buf := t.buffer()
	defer t.recycle(buf)
	var rest []byte
	for i := range t.n {
		var err error
		if i%blockLen == 0 {
			e = Entry{Name: e.Name[:0]}
			if rest, err = t.block(i/blockLen, buf); err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
		}
		if rest, err = readRecord(rest, t.layout, &e); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		out := e
		if err = t.rankLabel(&out); err == nil {
			err = fn(i, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rankLabel turns a label as stored into its rank among the sorted classes.
func (t *Table) rankLabel(e *Entry) error {
	if t.rank == nil || e.Label < 0 {
		return nil
	}
	if int(e.Label) >= len(t.rank) {
		return fmt.Errorf("%w: label %d of %d classes at %q", errRecord, e.Label, len(t.rank), e.Name)
	}
	e.Label = t.rank[e.Label]
	return nil
}

// rankClasses prepares the order in which labels are reported.
func (t *Table) rankClasses() error {
	m := &t.meta
	switch {
	case m.Numeric:
		return t.rankNumbers()
	case len(m.Classes) > 0:
		return t.rankNames()
	case m.Labels < 0 || m.Labels > MaxLabel+1:
		return fmt.Errorf("index: %d labels; allowed are 0 to %d", m.Labels, MaxLabel+1)
	}
	t.classes = integers(m.Labels)
	return nil
}

func (t *Table) rankNames() error {
	t.classes = slices.Sorted(slices.Values(t.meta.Classes))
	t.rank = make([]int32, len(t.classes))
	for i, name := range t.meta.Classes {
		r, _ := slices.BinarySearch(t.classes, name)
		t.rank[i] = int32(r)
	}
	if len(slices.Compact(slices.Clone(t.classes))) != len(t.classes) {
		return fmt.Errorf("index: two classes have the same name")
	}
	return nil
}

func (t *Table) rankNumbers() error {
	t.rank = make([]int32, len(t.meta.Classes))
	n := int32(0)
	for i, text := range t.meta.Classes {
		v, err := strconv.ParseUint(text, 10, 31)
		if err != nil || v > MaxLabel {
			return fmt.Errorf("index: label %.40q; allowed are the integers from 0 to %d", text, MaxLabel)
		}
		t.rank[i] = int32(v)
		n = max(n, int32(v)+1)
	}
	t.classes = integers(n)
	return nil
}

// integers returns "0", "1", … n-1; nil for none.
func integers(n int32) (names []string) {
	for i := range n {
		names = append(names, strconv.Itoa(int(i)))
	}
	return names
}

// newHasher begins the fingerprint, which grows while records are written.
func newHasher(l Layout) hash.Hash {
	h := sha256.New()
	fmt.Fprintf(h, "seer index 1\n%d\n", l.flags())
	return h
}

// finishHash adds what is known at the end only. Shards count by their base
// names: moving a data set does not change it, nor does a new signature in its URL.
func finishHash(h hash.Hash, n int64, m Meta) (sum [sha256.Size]byte) {
	bases := make([]string, len(m.Shards))
	for i, s := range m.Shards {
		bases[i] = path.Base(redact.URL(s.Path))
	}
	fmt.Fprintf(h, "\n%d\n%s\n%s\n%v\n%d\n", n, strings.Join(bases, "\x00"), strings.Join(m.Classes, "\x00"), m.Numeric, m.Labels)
	h.Sum(sum[:0])
	return sum
}
