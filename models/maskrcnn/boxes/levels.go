// SPDX-License-Identifier: MIT

package boxes

import "math"

// Levels of the pyramid that boxes are looked up in, by their size: a box of Size pixels squared belongs to level Canonical, one
// of twice the side to the next (FPN, arXiv 1612.03144, equation 1).
type Levels struct {
	First, Last int
	Canonical   int
	Size        float32
	Convention  Convention
}

// Pyramid is the levels 2 to 5, of strides 4 to 32.
func Pyramid(c Convention) Levels { return Levels{2, 5, 4, 224, c} }

// Of is the level of a box. Sizes just under a border are lifted over it: torchvision adds 1e-6 to the logarithm, detectron2 1e-8
// to its argument.
func (l Levels) Of(b Box) int {
	side := float32(math.Sqrt(float64(b.area())))
	var level float32
	if l.Convention == Detectron2 {
		level = float32(l.Canonical) + log2(side/l.Size+1e-8)
	} else {
		level = float32(l.Canonical) + log2(side/l.Size) + 1e-6
	}
	return min(max(l.First, int(math.Floor(float64(level)))), l.Last)
}

func log2(v float32) float32 { return float32(math.Log2(float64(v))) }
