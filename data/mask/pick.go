// SPDX-License-Identifier: MIT

package mask

import "sort"

// span is a piece of a column of pixels: rows from to to, without to.
type span struct{ from, to int }

// columns are the spans of each column.
func (r RLE) columns() [][]span {
	all := make([][]span, r.Width)
	at := 0
	for i, n := range r.runs {
		end := at + int(n)
		for i%2 == 1 && at < end {
			x, y := at/r.Height, at%r.Height
			to := min(r.Height, y+end-at)
			all[x] = append(all[x], span{y, to})
			at += to - y
		}
		at = end
	}
	return all
}

// Pick makes a mask whose pixel (x, y) is pixel (columns[x], rows[y]) of r: a resized, cut, padded or mirrored one, as nearest
// neighbours have it. A place of -1 lies outside. Rows that are not -1 follow each other and do not descend. It takes time with
// the mask's outline, not its area.
func (r RLE) Pick(rows, columns []int) (RLE, error) {
	if err := checkSize(len(rows), len(columns)); err != nil {
		return RLE{}, err
	}
	first := firstInside(rows)
	inside := rows[first:]
	for len(inside) > 0 && inside[len(inside)-1] < 0 {
		inside = inside[:len(inside)-1]
	}
	place := make([]int, r.Height+1) // the first row of the new mask that lies at a row of r, or below
	for y := range place {
		place[y] = first + sort.SearchInts(inside, y)
	}
	spans := r.columns()
	var b builder
	for _, x := range columns {
		at := 0
		if x >= 0 {
			for _, s := range spans[x] {
				b.add(uint32(place[s.from]-at), false)
				b.add(uint32(place[s.to]-place[s.from]), true)
				at = place[s.to]
			}
		}
		b.add(uint32(len(rows)-at), false)
	}
	return b.mask(len(rows), len(columns)), nil
}

// firstInside is the place of the first row that is not outside.
func firstInside(rows []int) int {
	for y, v := range rows {
		if v >= 0 {
			return y
		}
	}
	return len(rows)
}
