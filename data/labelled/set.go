// SPDX-License-Identifier: MIT

package labelled

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"seer/data"
)

// A Set is an ordered list of images with the classes of each. It is immutable and, but for Close, safe for concurrent use.
type Set struct {
	// Kind is the layout that the set was read from, one of [Kinds], and Split its part.
	Kind, Split string

	source  data.Source
	indices []int64 // of the images of source that belong to a subset; nil: all
	classes []string
	titles  []string // what people call the classes; nil: as classes
	rows    *rows    // nil with one class an image
	places  []int32  // of the source's labels among classes; nil: the same
}

var _ data.Source = (*Set)(nil)

// at is the place of image i in the source.
func (s *Set) at(i int64) int64 {
	if s.indices == nil {
		return i
	}
	return s.indices[i]
}

// Len returns the number of images.
func (s *Set) Len() int64 {
	if s.indices == nil {
		return s.source.Len()
	}
	return int64(len(s.indices))
}

// Read implements [data.Source].
func (s *Set) Read(ctx context.Context, i int64, buf []byte) (data.Item, error) {
	return s.source.Read(ctx, s.at(i), buf)
}

// Name returns the path of image i below the folder of images.
func (s *Set) Name(i int64) string { return s.source.Name(s.at(i)) }

// Label returns the class of image i; -1 in a set with many classes an image.
func (s *Set) Label(i int64) int {
	if s.rows != nil {
		return -1
	}
	label := s.source.Label(s.at(i))
	if s.places != nil {
		return int(s.places[label])
	}
	return label
}

// AlignedTo returns s with the classes of another set, the one to train on: a part that lacks a class would count all that
// follow it differently. Classes are told by name, and it is an error if the other has not all of them. The sets share the
// list of images.
func (s *Set) AlignedTo(other *Set) (*Set, error) {
	if slices.Equal(s.classes, other.classes) {
		return s, nil
	}
	if s.rows != nil || other.rows != nil {
		return nil, fmt.Errorf("labelled: the %s part has %d classes and the %s part has other ones, %d; sets with many classes an image need the same list", s.Split, len(s.classes), other.Split, len(other.classes))
	}
	known := make(map[string]int32, len(other.classes))
	for i, class := range other.classes {
		known[class] = int32(i)
	}
	out := *s
	out.classes, out.titles = other.classes, other.titles
	to := make([]int32, len(s.classes))
	var unknown []string
	for i, class := range s.classes {
		place, ok := known[class]
		if !ok {
			unknown = append(unknown, class)
		}
		to[i] = place
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("labelled: %d classes of the %s part are not in the %s part, the first is %q; both must be parts of one data set", len(unknown), s.Split, other.Split, unknown[0])
	}
	if out.places = to; s.places != nil {
		out.places = make([]int32, len(s.places))
		for i, place := range s.places {
			out.places[i] = to[place]
		}
	}
	return &out, nil
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
		s.rows.fill(s.at(i), row)
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
	for _, m := range s.rows.of(s.at(i)) {
		if m.value() == 1 {
			fn(m.class())
		}
	}
}

// Listing says what the annotations name and the set leaves out: see [data.ListingOf].
func (s *Set) Listing() data.Listing { return data.ListingOf(s.source) }

// Fingerprint identifies names, classes and targets in their order: see [data.Fingerprint].
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
			for _, m := range s.rows.of(s.at(i)) {
				scratch = binary.LittleEndian.AppendUint32(scratch, uint32(m))
			}
			h.Write(scratch)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Close releases the list of images, that of all subsets too.
func (s *Set) Close() error { return s.source.Close() }
