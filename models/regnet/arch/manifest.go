// SPDX-License-Identifier: MIT

package arch

import (
	"fmt"

	"seer/models/sketch"
)

// Draw draws stem and blocks in the order of torchvision's state dict: block by block the projection, a, b, the squeeze
// and c.
func (p Params) Draw(s *sketch.Sketch, images sketch.Map) {
	s.Segment("stem")
	x := convNorm(s, "stem", images, sketch.Conv{Out: p.stemWidth(), Kernel: 3, Stride: stemStride}, true)
	s.EndSegment(x)
	blocks := p.mustBlocks()
	for i, b := range blocks {
		x = b.draw(s, x)
		if i == len(blocks)-1 || blocks[i+1].Index == 0 {
			s.EndStage(x)
		}
	}
}

func (b Block) draw(s *sketch.Sketch, x sketch.Map) sketch.Map {
	name := fmt.Sprintf("block%d-%d", b.Stage, b.Index)
	s.Segment(name)
	prefix := fmt.Sprintf("trunk_output.block%d.%s", b.Stage, name)
	if b.Project {
		convNorm(s, prefix+".proj", x, sketch.Conv{Out: b.Out, Kernel: 1, Stride: b.Stride}, false)
	}
	y := convNorm(s, prefix+".f.a", x, sketch.Conv{Out: b.Bottleneck, Kernel: 1}, true)
	y = convNorm(s, prefix+".f.b", y, sketch.Conv{Out: b.Bottleneck, Kernel: 3, Stride: b.Stride, Groups: b.Groups}, true)
	if b.SE > 0 {
		pixel := sketch.Map{Channels: b.Bottleneck, Height: min(y.Height, 1), Width: min(y.Width, 1)} // the mean
		hidden := s.Conv(prefix+".f.se.fc1", pixel, sketch.Conv{Out: b.SE, Kernel: 1, Bias: true})
		s.Conv(prefix+".f.se.fc2", hidden, sketch.Conv{Out: b.Bottleneck, Kernel: 1, Bias: true})
		s.Keep(y) // scaled
	}
	y = convNorm(s, prefix+".f.c", y, sketch.Conv{Out: b.Out, Kernel: 1}, false)
	s.Keep(y) // the sum, rectified
	s.EndSegment(y)
	return y
}

// convNorm is torchvision's Conv2dNormActivation: member 0 a convolution without bias, member 1 a batch norm. The
// rectified output, where there is one, is kept.
func convNorm(s *sketch.Sketch, prefix string, x sketch.Map, c sketch.Conv, rectified bool) sketch.Map {
	y := s.Conv(prefix+".0", x, c)
	s.BatchNorm(prefix+".1", y)
	if rectified {
		s.Keep(y)
	}
	return y
}

// Manifest lists every tensor of the trunk's state dict, without the classifier, in torchvision's order.
func (p Params) Manifest() []sketch.Entry { return sketch.Manifest(p) }

// Classifier lists the two tensors torchvision's models have behind the trunk.
func (p Params) Classifier(classes int) []sketch.Entry {
	return []sketch.Entry{
		{Name: "fc.weight", Shape: []int64{int64(classes), int64(p.Width())}},
		{Name: "fc.bias", Shape: []int64{int64(classes)}},
	}
}

// TrunkParameters counts the parameters without the classifier, and without buffers.
func (p Params) TrunkParameters() int64 { return sketch.Parameters(p.Manifest()) }
