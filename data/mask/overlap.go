// SPDX-License-Identifier: MIT

package mask

import "fmt"

// BoxIoU is the area of two boxes' intersection over that of their union. Beside a crowd (a region of many objects that nobody
// has told apart) it is the share of the box that lies within the crowd.
func BoxIoU(box, truth Box, crowd bool) float64 {
	w := min(box[2]+box[0], truth[2]+truth[0]) - max(box[0], truth[0])
	h := min(box[3]+box[1], truth[3]+truth[1]) - max(box[1], truth[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	// Conversions keep a compiler from joining products and sums, so that all machines have the same last bit.
	common, area := w*h, box[2]*box[3]
	if crowd {
		return common / area
	}
	return common / (float64(area+float64(truth[2]*truth[3])) - common)
}

// IoU is the intersection of two masks of one size over their union, in pixels; beside a crowd, the share of the first that lies
// within it. Masks without pixels in common have 0, also if both are empty.
func IoU(r, truth RLE, crowd bool) (float64, error) {
	if r.Height != truth.Height || r.Width != truth.Width {
		return 0, fmt.Errorf("masks of different sizes: %d × %d and %d × %d (height × width)", r.Height, r.Width, truth.Height, truth.Width)
	}
	common, union := r.overlap(truth)
	switch {
	case common == 0:
		return 0, nil
	case crowd:
		return float64(common) / float64(r.Area()), nil
	}
	return float64(common) / float64(union), nil
}

// overlap counts the pixels of both masks and those of any.
func (r RLE) overlap(o RLE) (common, union uint32) {
	if len(r.runs) == 0 {
		return 0, 0
	}
	a, b := r.runs[0], o.runs[0] // what is left of the current runs
	for i, j := 0, 0; ; {
		n := min(a, b)
		if i&j&1 == 1 {
			common += n
		}
		if (i|j)&1 == 1 {
			union += n
		}
		if a -= n; a == 0 {
			if i++; i == len(r.runs) {
				return common, union // and the other one ends here too
			}
			a = r.runs[i]
		}
		if b -= n; b == 0 {
			j++
			b = o.runs[j]
		}
	}
}

// walk passes over two masks of one size in pieces in which neither changes.
func (r RLE) walk(o RLE, piece func(n uint32, inR, inO bool)) {
	var left, leftO uint32 // of the current runs
	i, j := -1, -1
	for {
		for left == 0 {
			if i++; i == len(r.runs) {
				return
			}
			left = r.runs[i]
		}
		for leftO == 0 {
			j++
			leftO = o.runs[j]
		}
		n := min(left, leftO)
		piece(n, i%2 == 1, j%2 == 1)
		left, leftO = left-n, leftO-n
	}
}

// Union has the pixels of any of the masks, which have one size. Of no masks it is the zero value.
func Union(masks ...RLE) (RLE, error) {
	return combine(masks, func(a, b bool) bool { return a || b })
}

// Intersection has the pixels that all the masks share.
func Intersection(masks ...RLE) (RLE, error) {
	return combine(masks, func(a, b bool) bool { return a && b })
}

func combine(masks []RLE, inside func(a, b bool) bool) (RLE, error) {
	if len(masks) == 0 {
		return RLE{}, nil
	}
	all := masks[0]
	for _, m := range masks[1:] {
		if m.Height != all.Height || m.Width != all.Width {
			return RLE{}, fmt.Errorf("masks of different sizes: %d × %d and %d × %d (height × width)", all.Height, all.Width, m.Height, m.Width)
		}
		var b builder
		all.walk(m, func(n uint32, inA, inB bool) { b.add(n, inside(inA, inB)) })
		all = b.mask(all.Height, all.Width)
	}
	return all, nil
}
