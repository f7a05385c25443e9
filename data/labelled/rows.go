// SPDX-License-Identifier: MIT

package labelled

import (
	"fmt"
	"slices"
)

// mark is what an annotation says about one class of an image: the class, and the value -1, 0 or 1 plus one in the lowest
// two bits. Four bytes a mark keep the 60 million labels of Open Images below 300 MB; rows of 9605 values would need 86 GB.
type mark uint32

// maxClasses is bounded by the bits of a mark.
const maxClasses = 1 << 24

func newMark(class int, value int8) mark { return mark(class)<<2 | mark(value+1) }

func (m mark) class() int  { return int(m >> 2) }
func (m mark) value() int8 { return int8(m&3) - 1 }

// rows holds the marks of all images one after the other, sorted by class within an image.
type rows struct {
	ends  []int64 // where the marks of each image end
	marks []mark
	rest  int8 // the value of classes without a mark
}

func (r *rows) len() int { return len(r.ends) }

// of returns the marks of image i, which belong to r.
func (r *rows) of(i int64) []mark {
	var from int64
	if i > 0 {
		from = r.ends[i-1]
	}
	return r.marks[from:r.ends[i]]
}

// add appends the marks of the next image. They may come in any order and more than once: where they contradict each
// other the class is unknown. It returns how often that was so.
func (r *rows) add(marks []mark) (contradictions int) {
	slices.Sort(marks)
	from := len(r.marks)
	for _, m := range marks {
		switch last := len(r.marks) - 1; {
		case last < from || r.marks[last].class() != m.class():
			r.marks = append(r.marks, m)
		case r.marks[last] != m:
			r.marks[last] = newMark(m.class(), -1)
			contradictions++
		}
	}
	r.ends = append(r.ends, int64(len(r.marks)))
	return contradictions
}

// fill writes the row of image i, one value a class.
func (r *rows) fill(i int64, row []int8) {
	for c := range row {
		row[c] = r.rest
	}
	for _, m := range r.of(i) {
		row[m.class()] = m.value()
	}
}

// choose returns the rows of some images, which come in their order.
func (r *rows) choose(kept []int64) *rows {
	if len(kept) == r.len() {
		return r
	}
	out := &rows{rest: r.rest, ends: make([]int64, 0, len(kept))}
	for _, i := range kept {
		out.marks = append(out.marks, r.of(i)...)
		out.ends = append(out.ends, int64(len(out.marks)))
	}
	return out
}

func checkClasses(path string, n int) error {
	if n < 1 || n > maxClasses {
		return fmt.Errorf("labelled: %s: %d classes; allowed are 1 to %d", path, n, maxClasses)
	}
	return nil
}
