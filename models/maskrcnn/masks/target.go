// SPDX-License-Identifier: MIT

package masks

import (
	"fmt"
	"math"

	"seer/data/mask"
	"seer/models/maskrcnn/boxes"
)

// Target is what the mask head should say of a box, side × side shares of 1, row after row: the mean of the object's pixels in each
// cell. It is torchvision's: RoIAlign of the mask, not aligned, with as many samples in a cell as it has pixels. Pixels are those of
// the mask, row after row ([mask.RLE.Bitmap]): an object is looked up for many boxes.
func Target(pixels []byte, height, width int, b boxes.Box, side int) ([]float32, error) {
	if len(pixels) != height*width || height < 1 || width < 1 || side < 1 {
		return nil, fmt.Errorf("masks: %d pixels of height %d and width %d, side %d", len(pixels), height, width, side)
	}
	columns := newAxis(b[0], b[2], side, width)
	rows := newAxis(b[1], b[3], side, height)
	target := make([]float32, side*side)
	count := float32(max(1, rows.samples*columns.samples))
	for cell := range target {
		var sum float32
		for _, y := range rows.at[cell/side*rows.samples:][:rows.samples] {
			for _, x := range columns.at[cell%side*columns.samples:][:columns.samples] {
				sum += between(pixels, width, y, x)
			}
		}
		target[cell] = sum / count
	}
	return target, nil
}

// sample is a place between two pixels, with the weights of both; outside of the image both are 0.
type sample struct {
	low, high             int
	weightLow, weightHigh float32
}

// axis is the samples of all cells in one direction.
type axis struct {
	samples int // in a cell
	at      []sample
}

func newAxis(from, to float32, cells, size int) axis {
	length := max(to-from, 1)
	cell := length / float32(cells)
	a := axis{samples: int(math.Ceil(float64(length / float32(cells))))}
	for i := range cells {
		for k := range a.samples {
			at := from + float32(float32(i)*cell) + float32((float32(k)+.5)*cell)/float32(a.samples)
			a.at = append(a.at, newSample(at, size))
		}
	}
	return a
}

// newSample is torchvision's bilinear_interpolate: up to a pixel beyond the border counts as the border.
func newSample(at float32, size int) sample {
	if at < -1 || at > float32(size) {
		return sample{}
	}
	at = max(at, 0)
	low := int(at)
	if low >= size-1 {
		return sample{size - 1, size - 1, 1, 0}
	}
	share := at - float32(low)
	return sample{low, low + 1, 1 - share, share}
}

func between(pixels []byte, width int, y, x sample) float32 {
	above, below := pixels[y.low*width:], pixels[y.high*width:]
	return float32(y.weightLow*x.weightLow)*float32(above[x.low]) + float32(y.weightLow*x.weightHigh)*float32(above[x.high]) +
		float32(y.weightHigh*x.weightLow)*float32(below[x.low]) + float32(y.weightHigh*x.weightHigh)*float32(below[x.high])
}

// PolygonTarget is what the mask head should say of a box, side × side of 0 and 1, row after row: the polygons, drawn in a picture
// of that size which the box fills. It is detectron2's.
func PolygonTarget(polygons [][]float64, b boxes.Box, side int) ([]float32, error) {
	scaleX := float64(side) / max(float64(b[2])-float64(b[0]), .1)
	scaleY := float64(side) / max(float64(b[3])-float64(b[1]), .1)
	moved := make([][]float64, len(polygons))
	for i, p := range polygons {
		moved[i] = make([]float64, len(p))
		for k := 0; k+1 < len(p); k += 2 {
			moved[i][k] = (p[k] - float64(b[0])) * scaleX
			moved[i][k+1] = (p[k+1] - float64(b[1])) * scaleY
		}
	}
	m, err := mask.FromPolygons(side, side, moved)
	if err != nil {
		return nil, fmt.Errorf("masks: %w", err)
	}
	target := make([]float32, side*side)
	for i, v := range m.Bitmap() {
		target[i] = float32(v)
	}
	return target, nil
}
