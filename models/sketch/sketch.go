// SPDX-License-Identifier: MIT

package sketch

// Network is what can be drawn: a description of a trunk.
type Network interface {
	// Draw draws the trunk's layers in the order of its state dict, for images of that size, without a classifier.
	Draw(s *Sketch, images Map)
	// Width is the number of pooled features.
	Width() int
	// Stride is how many pixels of an image one of the last map stands for.
	Stride() int
	// Multiple is what the sides of images are a multiple of.
	Multiple() int
	// Classifier lists the tensors of the linear classifier that torchvision puts behind the trunk.
	Classifier(classes int) []Entry
}

// SegmentCost is the work of one image's forward pass through one segment of a trunk, and the memory that it takes while
// training. Bytes are those of float32; mixed precision keeps about half.
type SegmentCost struct {
	Name string // "stem", or the block's name
	MACs int64  // multiply-adds of convolutions, linear layers and the products of attention
	// Activations are the elements that convolutions and linear layers put out, as the RegNet paper counts.
	Activations int64
	Bytes       int64 // what autograd keeps for the backward pass, the segment's output included
	Output      int64 // bytes of the output alone: what stays of a segment that is computed again
	Largest     int64 // bytes of the largest tensor that is kept: gradients on the way are as large
	Parameters  int64 // elements, the same for any image
}

// Sketch collects what a network draws.
type Sketch struct {
	Entries  []Entry
	Segments []SegmentCost
	Ends     []int   // index of the last segment of each stage
	Widths   []int64 // channels behind each stage
}

// Draw draws a network for images of height×width pixels.
func Draw(n Network, height, width int) *Sketch {
	s := &Sketch{}
	n.Draw(s, Map{3, height, width})
	return s
}

// Manifest lists every tensor of a network's state dict, without the classifier.
func Manifest(n Network) []Entry { return Draw(n, 0, 0).Entries }

// Map is the size of a feature map. Tokens are maps one column wide.
type Map struct{ Channels, Height, Width int }

// Elements is their number.
func (m Map) Elements() int64 { return int64(m.Channels) * m.pixels() }

func (m Map) pixels() int64 { return int64(m.Height) * int64(m.Width) }

const float = 4 // bytes of an element

// Segment begins the next segment.
func (s *Sketch) Segment(name string) { s.Segments = append(s.Segments, SegmentCost{Name: name}) }

// EndSegment ends a segment with its output, which the next one or the pooling reads.
func (s *Sketch) EndSegment(output Map) { s.segment().Output = float * output.Elements() }

// EndStage ends a stage behind a segment with that output.
func (s *Sketch) EndStage(output Map) {
	s.Ends, s.Widths = append(s.Ends, len(s.Segments)-1), append(s.Widths, int64(output.Channels))
}

func (s *Sketch) segment() *SegmentCost { return &s.Segments[len(s.Segments)-1] }

// Add adds a tensor to the state dict.
func (s *Sketch) Add(name string, kind Kind, shape ...int) {
	e := Entry{Name: name, Kind: kind, Shape: make([]int64, len(shape))}
	for i, d := range shape {
		e.Shape[i] = int64(d)
	}
	s.Entries = append(s.Entries, e)
	if kind == Param {
		s.segment().Parameters += e.Numel()
	}
}

// Keep says that autograd keeps a tensor of that size for the backward pass.
func (s *Sketch) Keep(m Map) {
	n := float * m.Elements()
	s.segment().Bytes += n
	s.segment().Largest = max(s.segment().Largest, n)
}

// KeepBytes is Keep for what are no float32 maps.
func (s *Sketch) KeepBytes(n int64) { s.segment().Bytes += n }

// Conv are the sizes of a convolution. Stride and Groups of 0 mean 1. The padding is Kernel/2, so that the output is
// ⌈size/stride⌉, or none with Unpadded.
type Conv struct {
	Out, Kernel, Stride, Groups int
	Bias, Unpadded              bool
}

// Conv draws a convolution and gives its output.
func (s *Sketch) Conv(name string, x Map, c Conv) Map {
	stride, groups := max(c.Stride, 1), max(c.Groups, 1)
	s.Add(name+".weight", Param, c.Out, x.Channels/groups, c.Kernel, c.Kernel)
	if c.Bias {
		s.Add(name+".bias", Param, c.Out)
	}
	up := stride - 1
	if c.Unpadded {
		up = stride - c.Kernel
	}
	y := Map{c.Out, (x.Height + up) / stride, (x.Width + up) / stride}
	s.multiply(y, int64(x.Channels/groups)*int64(c.Kernel*c.Kernel))
	return y
}

// Linear draws a linear layer with bias on every token, and gives its output. The name ends with what stands before
// "weight": a dot, or in_proj_.
func (s *Sketch) Linear(name string, x Map, out int) Map {
	s.Add(name+"weight", Param, out, x.Channels)
	s.Add(name+"bias", Param, out)
	y := Map{out, x.Height, x.Width}
	s.multiply(y, int64(x.Channels))
	return y
}

// multiply counts an output of which every element takes that many multiply-adds.
func (s *Sketch) multiply(y Map, each int64) {
	s.segment().MACs += y.Elements() * each
	s.segment().Activations += y.Elements()
}

// Product counts a product of two computed matrices.
func (s *Sketch) Product(macs int64) { s.segment().MACs += macs }

// BatchNorm draws a batch norm, which keeps its input.
func (s *Sketch) BatchNorm(name string, x Map) {
	s.Norm(name, x)
	s.Keep(x)
	s.Add(name+".running_mean", Buffer, x.Channels)
	s.Add(name+".running_var", Buffer, x.Channels)
	s.Add(name+".num_batches_tracked", Buffer)
	s.Entries[len(s.Entries)-1].Integer = true
}

// Norm draws the weight and bias of a normalisation.
func (s *Sketch) Norm(name string, x Map) {
	s.Add(name+".weight", Param, x.Channels)
	s.Add(name+".bias", Param, x.Channels)
}

// Total adds the segments of a trunk up. Its output is the last one's.
func Total(segments []SegmentCost) SegmentCost {
	total := SegmentCost{Name: "all"}
	for _, c := range segments {
		total.MACs += c.MACs
		total.Activations += c.Activations
		total.Bytes += c.Bytes
		total.Output = c.Output
		total.Largest = max(total.Largest, c.Largest)
		total.Parameters += c.Parameters
	}
	return total
}
