// SPDX-License-Identifier: MIT

package mask

import (
	"fmt"
	"math"
	"slices"
)

// Polygons are drawn as pycocotools does (rleFrPoly): corners are rounded to a grid five times as fine as the pixels, edges are
// lines of grid points, and a column of pixels is crossed where an edge passes from the grid's column 5x+2 to 5x+3, the middle of
// pixel x. The pixels of a column lie inside between one crossing and the next.
//
// pycocotools walks all points of all edges. Only the crossings matter, and they are found directly: an edge costs as much as the
// columns of the image that it passes, wherever its ends are.
const (
	grid   = 5
	middle = 2
)

// maxCoordinate is where pycocotools' 32-bit grid ends.
const maxCoordinate = math.MaxInt32 / grid

// maxCrossings bounds the memory that a file can make a polygon take. Outlines of COCO have some thousands.
const maxCrossings = 1 << 26

// FromPolygons is the union of polygons, each a list x, y, x, y, and so on, with pixel 0 from 0 to 1. A polygon needs at
// least two corners; one without an inside has no pixels.
func FromPolygons(height, width int, polygons [][]float64) (RLE, error) {
	if err := checkSize(height, width); err != nil {
		return RLE{}, err
	}
	masks := make([]RLE, len(polygons))
	for i, p := range polygons {
		var err error
		if masks[i], err = fromPolygon(height, width, p); err != nil {
			return RLE{}, fmt.Errorf("polygon %d: %w", i, err)
		}
	}
	if len(masks) == 0 {
		return RLE{height, width, []uint32{uint32(height * width)}}, nil
	}
	return Union(masks...)
}

// FromBox is the mask of a box: of the polygon of its corners.
func FromBox(height, width int, b Box) (RLE, error) {
	left, top, right, bottom := b[0], b[1], b[0]+b[2], b[1]+b[3]
	return FromPolygons(height, width, [][]float64{{left, top, left, bottom, right, bottom, right, top}})
}

func fromPolygon(height, width int, xy []float64) (RLE, error) {
	if len(xy) < 4 || len(xy)%2 != 0 {
		return RLE{}, fmt.Errorf("%d numbers; an x and a y for each corner are needed, and at least two corners", len(xy))
	}
	for i, v := range xy {
		if !(math.Abs(v) < maxCoordinate) {
			return RLE{}, fmt.Errorf("number %d is %v; coordinates must lie within ±%d", i, v, maxCoordinate)
		}
	}
	e := edges{height: height, width: width}
	x, y := onGrid(xy[len(xy)-2]), onGrid(xy[len(xy)-1])
	for i := 0; i < len(xy); i += 2 {
		toX, toY := onGrid(xy[i]), onGrid(xy[i+1])
		e.cross(x, y, toX, toY)
		if len(e.at) > maxCrossings {
			return RLE{}, fmt.Errorf("the polygon crosses columns of pixels more than %d times", maxCrossings)
		}
		x, y = toX, toY
	}
	return e.fill(), nil
}

// onGrid rounds as C does when it cuts x + ½.
func onGrid(v float64) int { return int(float64(grid*v) + .5) }

// edges collects where a polygon's edges cross the middles of columns, as places in a mask's order.
type edges struct {
	height, width int
	at            []uint32
}

// cross adds the crossings of an edge. Its points are made along the longer side, from the lower end on, and an edge has the same
// points in both directions.
func (e *edges) cross(x, y, toX, toY int) {
	dx, dy := abs(toX-x), abs(toY-y)
	if dx == 0 {
		return
	}
	if dx >= dy {
		if x > toX {
			x, y, toX, toY = toX, toY, x, y
		}
		slope := float64(toY-y) / float64(dx)
		e.columns(x, toX, func(column int) (int, int) {
			t := column - x
			return cut(y, slope, t), cut(y, slope, t+1)
		})
		return
	}
	if y > toY {
		x, y, toX, toY = toX, toY, x, y
	}
	slope := float64(toX-x) / float64(dy)
	e.columns(min(x, toX), max(x, toX), func(column int) (int, int) {
		t := passage(x, slope, dy, column)
		return y + t, y + t + 1
	})
}

// cut is the coordinate of the edge's point t along the shorter side.
func cut(from int, slope float64, t int) int {
	return int(float64(from) + float64(slope*float64(t)) + .5)
}

// passage finds the point t of a steep edge that lies in the grid's column, or right of it, while t+1 lies on the other side.
func passage(x int, slope float64, dy, column int) int {
	beyond := func(t int) bool { return cut(x, slope, t) > column }
	start := beyond(0)
	t := int((float64(column) + .5 - float64(x)) / slope) // but for rounding
	t = max(0, min(t, dy-1))
	for t > 0 && beyond(t) != start {
		t--
	}
	for t < dy-1 && beyond(t+1) == start {
		t++
	}
	return t
}

// columns calls row for each of the grid's columns 5x+2 of the image that the edge leaves between two of its ends, and adds
// a crossing at the upper of the two points that row returns.
func (e *edges) columns(from, to int, rows func(column int) (int, int)) {
	first := max(0, ceil(from-middle))
	for pixel := first; pixel < e.width && grid*pixel+middle < to && len(e.at) <= maxCrossings; pixel++ {
		y, next := rows(grid*pixel + middle)
		row := max(0, min(ceil(min(y, next)-middle), e.height))
		e.at = append(e.at, uint32(pixel*e.height+row))
	}
}

// ceil divides by the grid and rounds up.
func ceil(v int) int {
	if v > 0 {
		return (v + grid - 1) / grid
	}
	return v / grid
}

func abs(v int) int { return max(v, -v) }

// fill makes runs: what is crossed twice at one place is not crossed.
func (e *edges) fill() RLE {
	slices.Sort(e.at)
	size := uint32(e.height * e.width)
	b := builder{runs: make([]uint32, 0, len(e.at)+1)}
	inside, from := false, uint32(0)
	for _, at := range e.at {
		b.add(at-from, inside)
		inside, from = !inside, at
	}
	b.add(size-from, inside)
	return b.mask(e.height, e.width)
}
