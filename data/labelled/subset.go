// SPDX-License-Identifier: MIT

package labelled

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"seer/data/index"
)

// Draw is the lot of an image: those with the smallest are taken first. It is the first eight bytes, big-endian, of the
// SHA-256 of the seed in decimal, a slash and the name. So a smaller draw of a seed is part of every larger one.
//
//	int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
func Draw(seed uint64, name string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s", seed, name))
	return binary.BigEndian.Uint64(sum[:])
}

// Subset returns the images of some indices, in the order of the indices. It shares the list of s: close one of them, once.
func (s *Set) Subset(indices []int64) *Set {
	sub := *s
	sub.indices = make([]int64, len(indices))
	for k, i := range indices {
		sub.indices[k] = s.at(i)
	}
	return &sub
}

// Named returns the images that a file names, one a line as SimCLR's 1percent.txt has them (n04235860_14959.JPEG): by their
// last part or by their whole path, in the order of s. Names that s lacks are counted; that none is there is an error.
func (s *Set) Named(path string) (*Set, index.Count, error) {
	wanted := map[string]bool{} // and whether it was found
	err := readLines(path, func(line []byte) error {
		wanted[string(line)] = false
		return nil
	})
	if err != nil {
		return nil, index.Count{}, err
	}
	var taken []int64
	for i := range s.Len() {
		name := s.Name(i)
		for _, key := range []string{name, name[strings.LastIndexByte(name, '/')+1:]} {
			found, ok := wanted[key]
			if found {
				return nil, index.Count{}, fmt.Errorf("labelled: %s: two images are called %s, the second is %s; name them by their paths", path, cut(key), name)
			}
			if ok {
				wanted[key] = true
				taken = append(taken, i)
				break
			}
		}
	}
	absent := counts{}
	for _, name := range sortedKeys(wanted) {
		if !wanted[name] {
			absent.add("", name)
		}
	}
	if len(taken) == 0 {
		return nil, absent[""], fmt.Errorf("labelled: none of the %d images that %s names is in the set, whose first is %s; give a list of this data set's images, a name a line",
			len(wanted), path, s.Name(0))
	}
	return s.Subset(taken), absent[""], nil
}

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Fraction draws a part of the images, round(fraction · n) of them, in the order of s. Balanced, every class gives the same
// number, the largest one more where it does not divide; a class that has fewer gives all, and the others make up for it.
func (s *Set) Fraction(fraction float64, balanced bool, seed uint64) (*Set, error) {
	n := int64(math.Round(fraction * float64(s.Len())))
	switch {
	case !(fraction > 0 && fraction <= 1):
		return nil, fmt.Errorf("labelled: a fraction of %g of the images; allowed is over 0 to 1", fraction)
	case n == 0:
		return nil, fmt.Errorf("labelled: a fraction of %g of %d images is none; take at least %g", fraction, s.Len(), 1/float64(s.Len()))
	case balanced && s.MultiLabel():
		return nil, fmt.Errorf("labelled: a balanced fraction needs one class an image, and in %s they have many; draw at random", s.Kind)
	}
	if !balanced {
		return s.Subset(s.draw(s.all(), n, seed)), nil
	}
	byClass := s.byClass()
	quota := quotas(byClass, n)
	var taken []int64
	for class, images := range byClass {
		taken = append(taken, s.draw(images, quota[class], seed)...)
	}
	slices.Sort(taken)
	return s.Subset(taken), nil
}

// quotas shares n out: the class with the fewest images is served first, and what it cannot give the others do.
func quotas(byClass [][]int64, n int64) []int64 {
	order := make([]int, len(byClass))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(byClass[a]), len(byClass[b])) })
	quota := make([]int64, len(byClass))
	for k, class := range order {
		quota[class] = min(n/int64(len(order)-k), int64(len(byClass[class])))
		n -= quota[class]
	}
	return quota
}

// Shots draws k images of every class, in the order of s. A class that has fewer is an error.
func (s *Set) Shots(k int64, seed uint64) (*Set, error) {
	if s.MultiLabel() {
		return nil, fmt.Errorf("labelled: images of %s have many classes; draw for one class at a time", s.Kind)
	}
	var taken []int64
	for class, images := range s.byClass() {
		if k < 1 || int64(len(images)) < k {
			return nil, fmt.Errorf("labelled: %d images of every class: class %q has %d; allowed are 1 to the size of the smallest class", k, s.Title(class), len(images))
		}
		taken = append(taken, s.draw(images, k, seed)...)
	}
	slices.Sort(taken)
	return s.Subset(taken), nil
}

// ShotsOf draws k images that a class is in and n that it is not in, or as many as there are, as one-against-the-rest
// classifiers are trained. Images where it is not known are neither.
func (s *Set) ShotsOf(class int, k, n int64, seed uint64) (positive, negative []int64) {
	row := make([]int8, len(s.classes))
	for i := range s.Len() {
		s.Row(i, row)
		switch row[class] {
		case 1:
			positive = append(positive, i)
		case 0:
			negative = append(negative, i)
		}
	}
	return s.draw(positive, k, seed), s.draw(negative, n, seed)
}

func (s *Set) all() []int64 {
	out := make([]int64, s.Len())
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

func (s *Set) byClass() [][]int64 {
	out := make([][]int64, len(s.classes))
	for i := range s.Len() {
		label := s.Label(i)
		out[label] = append(out[label], i)
	}
	return out
}

// draw returns the n images with the smallest lots, in the order in which they came.
func (s *Set) draw(images []int64, n int64, seed uint64) []int64 {
	type lot struct {
		draw  uint64
		image int64
	}
	lots := make([]lot, len(images))
	for k, i := range images {
		lots[k] = lot{Draw(seed, s.Name(i)), i}
	}
	slices.SortFunc(lots, func(a, b lot) int { return cmp.Or(cmp.Compare(a.draw, b.draw), cmp.Compare(a.image, b.image)) })
	out := make([]int64, min(int64(len(lots)), n))
	for k := range out {
		out[k] = lots[k].image
	}
	slices.Sort(out)
	return out
}
