// SPDX-License-Identifier: MIT

package labelled

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"seer/data/source"
)

// A Set is an ordered list of images with the classes of each. It is immutable and, but for Close, safe for concurrent use.
type Set struct {
	// Kind is the layout that the set was read from, one of [Kinds], and Split its part.
	Kind, Split string

	source  source.Source
	classes []string
	titles  []string // what people call the classes; nil: as classes
	rows    *rows    // nil with one class an image
}

var _ source.Source = (*Set)(nil)

// Len returns the number of images.
func (s *Set) Len() int64 { return s.source.Len() }

// Read implements [source.Source].
func (s *Set) Read(ctx context.Context, i int64, buf []byte) (source.Item, error) {
	return s.source.Read(ctx, i, buf)
}

// Name returns the path of image i below the folder of images.
func (s *Set) Name(i int64) string { return s.source.Name(i) }

// Label returns the class of image i; -1 in a set with many classes an image.
func (s *Set) Label(i int64) int {
	if s.rows != nil {
		return -1
	}
	return s.source.Label(i)
}

// MultiLabel says whether an image has many classes, which [Set.Row] gives.
func (s *Set) MultiLabel() bool { return s.rows != nil }

// Row writes the targets of image i into row, which has one element a class: 1 where the class is in the image, 0 where it
// is not, -1 where that is not known. In a set with one class an image it is that class's one-hot row.
func (s *Set) Row(i int64, row []int8) {
	if len(row) != len(s.classes) {
		panic(fmt.Sprintf("labelled: a row of %d values for %d classes", len(row), len(s.classes)))
	}
	if s.rows != nil {
		s.rows.fill(i, row)
		return
	}
	clear(row)
	row[s.Label(i)] = 1
}

// Classes returns the names of the classes in the order of labels and rows, as the data set identifies them: WordNet
// numbers of ImageNet, machine names of Open Images. The slice belongs to the set.
func (s *Set) Classes() []string { return s.classes }

// Title returns what people call a class ("tench, Tinca tinca"); its name where the layout does not say.
func (s *Set) Title(class int) string {
	if s.titles == nil {
		return s.classes[class]
	}
	return s.titles[class]
}

// Counts returns how many images each class has, or is known to be in.
func (s *Set) Counts() []int64 {
	n := make([]int64, len(s.classes))
	for i := range s.Len() {
		s.eachClass(i, func(class int) { n[class]++ })
	}
	return n
}

// eachClass calls fn for the classes that image i is known to have.
func (s *Set) eachClass(i int64, fn func(class int)) {
	if s.rows == nil {
		fn(s.Label(i))
		return
	}
	for _, m := range s.rows.of(i) {
		if m.value() == 1 {
			fn(m.class())
		}
	}
}

// Listing says what the annotations name and the set leaves out: see [source.ListingOf].
func (s *Set) Listing() source.Listing { return source.ListingOf(s.source) }

// Fingerprint identifies names, classes and targets in their order: see [source.Fingerprint].
func (s *Set) Fingerprint() string {
	h := sha256.New()
	for _, class := range s.classes {
		fmt.Fprintf(h, "%s\x00", class)
	}
	var scratch []byte
	for i := range s.Len() {
		fmt.Fprintf(h, "%s\x00%d\n", s.Name(i), s.Label(i))
		if s.rows != nil {
			scratch = append(scratch[:0], byte(s.rows.rest))
			for _, m := range s.rows.of(i) {
				scratch = binary.LittleEndian.AppendUint32(scratch, uint32(m))
			}
			h.Write(scratch)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Close releases the list of images.
func (s *Set) Close() error { return s.source.Close() }
