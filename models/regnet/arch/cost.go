// SPDX-License-Identifier: MIT

package arch

// Cost is the work of one image's forward pass through the trunk.
type Cost struct {
	MACs        int64 // multiply-adds of all convolutions, the squeezes' included
	Activations int64 // elements the convolutions put out, as the RegNet paper counts
}

// MACs is the number of multiply-adds of one forward pass of a square image of
// size pixels, without a classifier.
func (p Params) MACs(size int) int64 { return p.Cost(size).MACs }

// Cost counts one forward pass of a square image of size pixels, any size of 1 or more.
func (p Params) Cost(size int) Cost {
	var c Cost
	size = halve(size)
	c.conv(3, p.stemWidth(), 3, 1, size)
	for _, b := range p.mustBlocks() {
		c.conv(b.In, b.Bottleneck, 1, 1, size) // a: still at the input's resolution
		if b.Stride == stride {
			size = halve(size)
		}
		if b.Project {
			c.conv(b.In, b.Out, 1, 1, size)
		}
		c.conv(b.Bottleneck, b.Bottleneck, 3, b.Groups, size)
		c.conv(b.Bottleneck, b.SE, 1, 1, 1) // squeezes see one pixel, the mean
		c.conv(b.SE, b.Bottleneck, 1, 1, 1)
		c.conv(b.Bottleneck, b.Out, 1, 1, size)
	}
	return c
}

// Resolutions lists the side of the feature map behind the stem and behind each
// stage, for a square image of size pixels.
func (p Params) Resolutions(size int) []int {
	size = halve(size)
	sides := []int{size}
	for _, b := range p.mustBlocks() {
		if b.Index == 0 {
			size = halve(size)
			sides = append(sides, size)
		}
	}
	return sides
}

// conv adds a convolution whose output has side² pixels.
func (c *Cost) conv(in, out, kernel, groups, side int) {
	pixels := int64(side) * int64(side)
	c.MACs += pixels * int64(out) * int64(in/groups) * int64(kernel*kernel)
	c.Activations += pixels * int64(out)
}

// halve is the output side of a convolution of stride 2, of kernel 3 with padding 1
// as of kernel 1 without: both round up.
func halve(side int) int { return (side + 1) / 2 }
