// SPDX-License-Identifier: MIT

package arch

import "fmt"

// Kind tells what trains from what is only kept.
type Kind int

const (
	Param  Kind = iota // a parameter: has a gradient
	Buffer             // batch-norm statistics: saved, not trained
)

// String is "param" or "buffer".
func (k Kind) String() string {
	if k == Buffer {
		return "buffer"
	}
	return "param"
}

// Entry is one tensor of a state dict.
type Entry struct {
	Name  string  // torchvision's, e.g. "trunk_output.block1.block1-0.f.a.0.weight"
	Shape []int64 // convolutions are [out, in/groups, kernel, kernel]; a scalar is empty
	Kind  Kind
	// Integer marks the one kind of buffer that is int64 and not floating point:
	// num_batches_tracked.
	Integer bool
}

// Numel is the number of elements.
func (e Entry) Numel() int64 {
	n := int64(1)
	for _, d := range e.Shape {
		n *= d
	}
	return n
}

// Manifest lists every tensor of the trunk's state dict, without the classifier,
// in torchvision's order: stem, then block by block the projection, a, b, the
// squeeze and c. Its cost is that of the names; nothing of the shapes' size is
// allocated.
func (p Params) Manifest() []Entry {
	var m manifest
	m.convNorm("stem", 3, p.stemWidth(), 3, 1)
	for _, b := range p.mustBlocks() {
		prefix := fmt.Sprintf("trunk_output.block%d.block%d-%d", b.Stage, b.Stage, b.Index)
		if b.Project {
			m.convNorm(prefix+".proj", b.In, b.Out, 1, 1)
		}
		m.convNorm(prefix+".f.a", b.In, b.Bottleneck, 1, 1)
		m.convNorm(prefix+".f.b", b.Bottleneck, b.Bottleneck, 3, b.Groups)
		m.convBias(prefix+".f.se.fc1", b.Bottleneck, b.SE)
		m.convBias(prefix+".f.se.fc2", b.SE, b.Bottleneck)
		m.convNorm(prefix+".f.c", b.Bottleneck, b.Out, 1, 1)
	}
	return m.entries
}

// Classifier lists the two tensors torchvision's models have behind the trunk.
func (p Params) Classifier(classes int) []Entry {
	return []Entry{
		{Name: "fc.weight", Shape: []int64{int64(classes), int64(p.Width())}},
		{Name: "fc.bias", Shape: []int64{int64(classes)}},
	}
}

// manifest collects entries in order.
type manifest struct{ entries []Entry }

func (m *manifest) add(name string, kind Kind, shape ...int) {
	e := Entry{Name: name, Kind: kind, Shape: make([]int64, len(shape))}
	for i, d := range shape {
		e.Shape[i] = int64(d)
	}
	m.entries = append(m.entries, e)
}

// convNorm is torchvision's Conv2dNormActivation: member 0 a convolution without
// bias, member 1 a batch norm.
func (m *manifest) convNorm(prefix string, in, out, kernel, groups int) {
	m.add(prefix+".0.weight", Param, out, in/groups, kernel, kernel)
	m.add(prefix+".1.weight", Param, out)
	m.add(prefix+".1.bias", Param, out)
	m.add(prefix+".1.running_mean", Buffer, out)
	m.add(prefix+".1.running_var", Buffer, out)
	m.add(prefix+".1.num_batches_tracked", Buffer)
	m.entries[len(m.entries)-1].Integer = true
}

// convBias is a 1×1 convolution of the squeeze, the only ones with a bias.
func (m *manifest) convBias(prefix string, in, out int) {
	m.add(prefix+".weight", Param, out, in, 1, 1)
	m.add(prefix+".bias", Param, out)
}

// TrunkParameters counts the parameters without the classifier, and without buffers.
func (p Params) TrunkParameters() int64 {
	return Parameters(p.Manifest())
}

// Parameters counts the elements of the entries that are parameters.
func Parameters(entries []Entry) int64 {
	var n int64
	for _, e := range entries {
		if e.Kind == Param {
			n += e.Numel()
		}
	}
	return n
}
