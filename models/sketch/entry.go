// SPDX-License-Identifier: MIT

package sketch

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
