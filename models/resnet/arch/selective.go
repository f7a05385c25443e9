// SPDX-License-Identifier: MIT

package arch

import (
	"fmt"

	"seer/models/sketch"
)

// Selective is a ResNet of SimCLR v2: every width multiplied, a stem of three 3×3 convolutions, shortcuts that average
// before they project (ResNet-D, arXiv 1812.01187), and selective kernels (arXiv 1903.06586) for the 3×3 convolutions.
type Selective struct {
	Depths     [4]int // blocks of each stage
	Multiplier int    // of every width
}

// Constants of the selective kernels of SimCLR v2: the mixing layer is a sixteenth of the filters wide, at least 32.
const (
	mixRatio = 16
	minMix   = 32
)

// SelectiveBlock is one bottleneck block: 1×1 convolution, selective kernel, 1×1 convolution.
type SelectiveBlock struct {
	In, Mid, Out int // channels
	Mix          int // channels between the mean and the weights of the two streams
	Stride       int // of the selective kernel and of the shortcut's average
	Project      bool
	Stage, Index int // from 1 and from 0, as in "net.1.blocks.0"
	Last         bool
}

// Blocks expands the description.
func (r Selective) Blocks() []SelectiveBlock {
	var blocks []SelectiveBlock
	in, planes := 64*r.Multiplier, 64*r.Multiplier
	for stage, depth := range r.Depths {
		for i := range depth {
			b := SelectiveBlock{In: in, Mid: planes, Out: planes * Expansion, Mix: max(planes/mixRatio, minMix), Stride: 1,
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

// Validate says what is wrong with a description, or nil.
func (r Selective) Validate() error {
	if r.Multiplier < 1 || r.Multiplier > 64 {
		return fmt.Errorf("multiplier = %d: must be 1 to 64", r.Multiplier)
	}
	return ResNet{Depths: r.Depths, Groups: 1, GroupWidth: 64}.Validate()
}

// Width is the number of features.
func (r Selective) Width() int { return 512 * Expansion * r.Multiplier }

// Stride is how many pixels of an image one of the last map stands for.
func (r Selective) Stride() int { return 32 }

// Multiple is 1: images of any size will do.
func (r Selective) Multiple() int { return 1 }

// Classifier lists the two tensors behind the trunk.
func (r Selective) Classifier(classes int) []sketch.Entry { return classifier(classes, r.Width()) }

// Draw draws stem and blocks under the names of SimCLRv2-Pytorch, where a Sequential counts its rectifiers too.
func (r Selective) Draw(s *sketch.Sketch, images sketch.Map) {
	half := 64 * r.Multiplier / 2
	s.Segment("stem")
	x := convNorm(s, "net.0.0", "net.0.1.0", images, sketch.Conv{Out: half, Kernel: 3, Stride: 2}, true)
	x = convNorm(s, "net.0.2", "net.0.3.0", x, sketch.Conv{Out: half, Kernel: 3}, true)
	x = convNorm(s, "net.0.4", "net.0.5.0", x, sketch.Conv{Out: 2 * half, Kernel: 3}, true)
	x = maxPool(s, x)
	s.EndSegment(x)
	for _, b := range r.Blocks() {
		x = b.draw(s, x)
		if b.Last {
			s.EndStage(x)
		}
	}
}

func (b SelectiveBlock) draw(s *sketch.Sketch, x sketch.Map) sketch.Map {
	name := fmt.Sprintf("net.%d.blocks.%d", b.Stage, b.Index)
	s.Segment(name)
	if b.Project {
		b.project(s, name+".projection", x)
	}
	y := convNorm(s, name+".net.0", name+".net.1.0", x, sketch.Conv{Out: b.Mid, Kernel: 1}, true)
	y = b.selective(s, name+".net.2", y)
	y = convNorm(s, name+".net.3", name+".net.4.0", y, sketch.Conv{Out: b.Out, Kernel: 1}, false)
	s.Keep(y) // the sum, rectified
	s.EndSegment(y)
	return y
}

// project keeps the padded input of the average and the average.
func (b SelectiveBlock) project(s *sketch.Sketch, name string, x sketch.Map) {
	padded := sketch.Map{Channels: x.Channels, Height: x.Height + min(x.Height, 1), Width: x.Width + min(x.Width, 1)}
	s.Keep(padded)
	y := sketch.Map{Channels: x.Channels, Height: (x.Height + b.Stride - 1) / b.Stride, Width: (x.Width + b.Stride - 1) / b.Stride}
	s.Keep(y)
	convNorm(s, name+".shortcut.2", name+".bn.0", y, sketch.Conv{Out: b.Out, Kernel: 1}, false)
}

// selective keeps two streams, their difference, and their weighted sum.
func (b SelectiveBlock) selective(s *sketch.Sketch, name string, x sketch.Map) sketch.Map {
	streams := convNorm(s, name+".main_conv.0", name+".main_conv.1.0", x, sketch.Conv{Out: 2 * b.Mid, Kernel: 3, Stride: b.Stride}, true)
	pixel := sketch.Map{Channels: b.Mid, Height: min(streams.Height, 1), Width: min(streams.Width, 1)}
	mix := convNorm(s, name+".mixing_conv.0", name+".mixing_conv.1.0", pixel, sketch.Conv{Out: b.Mix, Kernel: 1}, true)
	s.Conv(name+".mixing_conv.2", mix, sketch.Conv{Out: 2 * b.Mid, Kernel: 1})
	y := sketch.Map{Channels: b.Mid, Height: streams.Height, Width: streams.Width}
	s.Keep(y)
	s.Keep(y)
	return y
}
