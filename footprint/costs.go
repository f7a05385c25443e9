// SPDX-License-Identifier: MIT

package footprint

import (
	"seer/models/sketch"
	"seer/recompute"
)

// Views are the images of one resolution that a step of one process has: one forward pass of the trunk.
type Views struct {
	Images int64
	Size   int // pixels on a side
}

// CostsOf are the segments of a network in a step over these views. element is the size of a number: 4 in float32, 2 in
// mixed precision.
func CostsOf(n sketch.Network, views []Views, element int64) []recompute.Costs {
	var all []recompute.Costs
	for _, s := range sketch.Draw(n, 0, 0).Segments {
		all = append(all, recompute.Costs{Gradients: float * s.Parameters})
	}
	for _, v := range views {
		for i, s := range sketch.Draw(n, v.Size, v.Size).Segments {
			add(&all[i], s, v.Images, element)
		}
	}
	for i := range all {
		if element < float { // autograd keeps the casts of the parameters, too
			casts := element * all[i].Gradients / float
			all[i].Kept, all[i].Again = all[i].Kept+casts, all[i].Again+casts
		}
	}
	return all
}

func add(c *recompute.Costs, s sketch.SegmentCost, images, element int64) {
	bytes := func(n int64) int64 { return images * n / float * element }
	c.MACs += images * s.MACs
	c.Kept += bytes(s.Bytes)
	c.Products += bytes(float * s.Activations)
	c.Output += bytes(s.Output)
	c.Largest += bytes(s.Largest)
	c.Again, c.Widest = max(c.Again, bytes(s.Bytes)), max(c.Widest, bytes(s.Largest))
}
