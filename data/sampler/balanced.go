// SPDX-License-Identifier: MIT

package sampler

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// balanced draws classes in other shares than they come in. An epoch has a fixed number of places for each class, which
// are shuffled with all others; the images of a class take them in turns, in an order of their own that is drawn anew
// whenever all have had one. So no image comes twice before all of its class have come once, and the place of a draw in
// the stream is the whole state here too.
type balanced struct {
	classes [][]int64 // images of each class that has any
	ends    []int64   // where the places of each class end
	seed    uint64
}

// Balanced samples images by their classes: a class of m images gets a share of the draws in proportion to m^exponent.
// 1 is every image alike, 0 every class alike (class-balanced sampling), 0.5 square-root sampling (Kang et al., arXiv
// 1910.09217, section 3). An epoch has about as many draws as asked for, at least one for each class. Images in several
// classes are drawn for each; those in none never.
//
// classes lists the images of each class, of n in the source, and is kept: eight bytes an image.
func Balanced(n int64, classes [][]int64, draws int64, exponent float64, seed uint64) (*Sampler, error) {
	if err := errors.Join(checkLen(n), checkLen(draws)); err != nil {
		return nil, err
	}
	if !(exponent >= 0 && exponent <= 1) {
		return nil, fmt.Errorf("sampler: an exponent of %v for the sizes of classes; allowed are 0 (every class alike) to 1 (every image alike)", exponent)
	}
	b := &balanced{seed: seed}
	weights := 0.
	for c, members := range classes {
		for _, i := range members {
			if i < 0 || i >= n {
				return nil, fmt.Errorf("sampler: class %d has image %d; the source holds %d images, allowed are 0 to %d", c, i, n, n-1)
			}
		}
		if len(members) > 0 {
			b.classes = append(b.classes, members)
			weights += math.Pow(float64(len(members)), exponent)
		}
	}
	if len(b.classes) == 0 {
		return nil, fmt.Errorf("sampler: none of %d classes has an image", len(classes))
	}
	end := int64(0)
	for _, members := range b.classes {
		share := math.Pow(float64(len(members)), exponent) / weights
		end += max(int64(math.Round(share*float64(draws))), 1)
		b.ends = append(b.ends, end)
	}
	return &Sampler{total: n, len: end, seed: seed, balanced: b}, nil
}

// at is the image that has a place of an epoch, and a number that no other draw of the same image has.
func (b *balanced) at(epoch uint64, place int64) (image int64, pass uint64) {
	c, found := slices.BinarySearch(b.ends, place)
	if found { // an end is the first place of the next class
		c++
	}
	begin := int64(0)
	if c > 0 {
		begin = b.ends[c-1]
	}
	members := uint64(len(b.classes[c]))
	draw := epoch*uint64(b.ends[c]-begin) + uint64(place-begin) // of this class, over all epochs
	turn := draw / members
	order := NewPermutation(int64(members), mix(b.seed+golden)^uint64(c), turn)
	return b.classes[c][order.At(int64(draw%members))], turn*uint64(len(b.classes)) + uint64(c)
}
