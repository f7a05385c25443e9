// SPDX-License-Identifier: MIT

package arch

import (
	"errors"
	"fmt"

	"seer/models/sketch"
)

// Constants of torchvision's family.
const (
	StemWidth = 64 // channels behind the 7×7 convolution
	Expansion = 4  // a bottleneck block's output over its planes
)

// ResNet is one of torchvision's networks of bottleneck blocks.
type ResNet struct {
	Depths     [4]int // blocks of each stage
	Groups     int    // of the 3×3 convolutions; 1: a ResNet, more: a ResNeXt
	GroupWidth int    // channels a group in the first stage; 64 of a ResNet
}

// Block is one bottleneck block: 1×1, 3×3 and 1×1 convolution.
type Block struct {
	In, Mid, Out int // channels
	Groups       int // of the 3×3 convolution
	Stride       int // of the 3×3 convolution and the shortcut's
	Project      bool
	Stage, Index int  // from 1 and from 0, as in "layer1.0"
	Last         bool // the stage ends behind it
}

// Validate says what is wrong with a description, or nil.
func (r ResNet) Validate() error {
	var problems []error
	for i, d := range r.Depths {
		if d < 1 || d > 256 {
			problems = append(problems, fmt.Errorf("depth of stage %d = %d: must be 1 to 256 blocks", i+1, d))
		}
	}
	if r.Groups < 1 || r.GroupWidth < 1 {
		problems = append(problems, fmt.Errorf("groups = %d, group width = %d: must be 1 or more", r.Groups, r.GroupWidth))
	}
	return errors.Join(problems...)
}

// Blocks expands the description.
func (r ResNet) Blocks() []Block {
	var blocks []Block
	in, planes := StemWidth, 64
	for stage, depth := range r.Depths {
		for i := range depth {
			b := Block{In: in, Mid: planes * r.GroupWidth / 64 * r.Groups, Out: planes * Expansion, Groups: r.Groups, Stride: 1,
				Project: i == 0, Stage: stage + 1, Index: i, Last: i == depth-1}
			if i == 0 && stage > 0 {
				b.Stride = 2
			}
			blocks = append(blocks, b)
			in = b.Out
		}
		planes *= 2
	}
	return blocks
}

// Width is the number of features.
func (r ResNet) Width() int { return 512 * Expansion }

// Stride is how many pixels of an image one of the last map stands for.
func (r ResNet) Stride() int { return 32 }

// Multiple is 1: images of any size will do.
func (r ResNet) Multiple() int { return 1 }

// Classifier lists the two tensors behind the trunk.
func (r ResNet) Classifier(classes int) []sketch.Entry { return classifier(classes, r.Width()) }

func classifier(classes, width int) []sketch.Entry {
	return []sketch.Entry{
		{Name: "fc.weight", Shape: []int64{int64(classes), int64(width)}},
		{Name: "fc.bias", Shape: []int64{int64(classes)}},
	}
}

// Draw draws stem and blocks under torchvision's names.
func (r ResNet) Draw(s *sketch.Sketch, images sketch.Map) {
	s.Segment("stem")
	x := convNorm(s, "conv1", "bn1", images, sketch.Conv{Out: StemWidth, Kernel: 7, Stride: 2}, true)
	x = maxPool(s, x)
	s.EndSegment(x)
	for _, b := range r.Blocks() {
		x = b.draw(s, x)
		if b.Last {
			s.EndStage(x)
		}
	}
}

func (b Block) draw(s *sketch.Sketch, x sketch.Map) sketch.Map {
	name := fmt.Sprintf("layer%d.%d", b.Stage, b.Index)
	s.Segment(name)
	y := convNorm(s, name+".conv1", name+".bn1", x, sketch.Conv{Out: b.Mid, Kernel: 1}, true)
	y = convNorm(s, name+".conv2", name+".bn2", y, sketch.Conv{Out: b.Mid, Kernel: 3, Stride: b.Stride, Groups: b.Groups}, true)
	y = convNorm(s, name+".conv3", name+".bn3", y, sketch.Conv{Out: b.Out, Kernel: 1}, false)
	if b.Project {
		convNorm(s, name+".downsample.0", name+".downsample.1", x, sketch.Conv{Out: b.Out, Kernel: 1, Stride: b.Stride}, false)
	}
	s.Keep(y) // the sum, rectified
	s.EndSegment(y)
	return y
}

// convNorm is a convolution with batch norm behind it, whose rectified output, where there is one, is kept.
func convNorm(s *sketch.Sketch, conv, norm string, x sketch.Map, c sketch.Conv, rectified bool) sketch.Map {
	y := s.Conv(conv, x, c)
	s.BatchNorm(norm, y)
	if rectified {
		s.Keep(y)
	}
	return y
}

// maxPool is 3×3 of stride 2; it keeps its output, and where each came from as int64.
func maxPool(s *sketch.Sketch, x sketch.Map) sketch.Map {
	y := sketch.Map{Channels: x.Channels, Height: (x.Height + 1) / 2, Width: (x.Width + 1) / 2}
	s.Keep(y)
	s.KeepBytes(8 * y.Elements())
	return y
}
