// SPDX-License-Identifier: MIT

package nn

import (
	"seer/torch"
	"seer/torch/dist"
)

// Context carries the caller's decisions for one forward pass through a module tree.
type Context struct {
	// Training makes batch norm use the statistics of the batch.
	Training bool
	// KeepStatistics leaves the running statistics of batch norm as they are while training. A recomputed forward pass
	// sets it: the first pass has already counted this batch.
	KeepStatistics bool
	// Norm are the processes over whose batches batch norm takes its statistics while training; nil: this one alone.
	Norm *dist.Group
	// Tape, if set, has trunks run on it, so that their backward pass goes segment by segment.
	Tape *Tape

	// Watch is told of what each layer with weights puts out, by the first of them. May be nil.
	Watch func(weight, y *torch.Tensor)

	products *products // of the span that runs; nil: none are kept
}

// seen tells of what a layer puts out.
func (c *Context) seen(weight, y *torch.Tensor) *torch.Tensor {
	if c != nil && c.Watch != nil {
		c.Watch(weight, y)
	}
	return y
}

// Kind tells what a tensor of a module is for.
type Kind int

const (
	// Parameter is trained: it takes gradients.
	Parameter Kind = iota
	// Buffer is state that forward passes change, such as running statistics.
	Buffer
)

// Entry is one tensor of a module under its name.
type Entry struct {
	Name   string
	Kind   Kind
	Tensor *torch.Tensor
}

// Module computes a tensor from a tensor and can list its own tensors.
type Module interface {
	// Forward computes the output for x. It panics with a *torch.OpError when x does not fit.
	Forward(ctx *Context, x *torch.Tensor) *torch.Tensor
	// Walk calls visit for each tensor in definition order, with names that begin with prefix.
	Walk(prefix string, visit func(Entry))
}

// Walker is the part of a Module that lists tensors. Whole systems of several modules implement it too.
type Walker interface {
	Walk(prefix string, visit func(Entry))
}

// Entries lists every tensor of w in definition order: PyTorch's state_dict order.
func Entries(w Walker) []Entry {
	var all []Entry
	w.Walk("", func(e Entry) { all = append(all, e) })
	return all
}

func ofKind(w Walker, k Kind) []Entry {
	var some []Entry
	w.Walk("", func(e Entry) {
		if e.Kind == k {
			some = append(some, e)
		}
	})
	return some
}

// Parameters lists what is trained.
func Parameters(w Walker) []Entry { return ofKind(w, Parameter) }

// Buffers lists the state that forward passes change.
func Buffers(w Walker) []Entry { return ofKind(w, Buffer) }

// Tensors returns the tensors of a list of entries.
func Tensors(entries []Entry) []*torch.Tensor {
	ts := make([]*torch.Tensor, len(entries))
	for i, e := range entries {
		ts[i] = e.Tensor
	}
	return ts
}

// CountParameters adds up the elements of the parameters.
func CountParameters(w Walker) int64 {
	var n int64
	for _, e := range Parameters(w) {
		n += e.Tensor.Numel()
	}
	return n
}

// RequireGrad starts or stops recording gradients for every parameter.
func RequireGrad(w Walker, on bool) {
	for _, e := range Parameters(w) {
		e.Tensor.SetRequiresGrad(on)
	}
}

// SetChannelsLast lays every 4-d parameter out in NHWC or row-major order. Convolutions follow the layout of their
// weights and images; which is faster depends on model, device and libtorch, so measure it.
func SetChannelsLast(w Walker, on bool) {
	for _, e := range Parameters(w) {
		if e.Tensor.Dim() == 4 {
			e.Tensor.SetChannelsLast(on)
		}
	}
}

// Close frees every tensor of w. Modules own their tensors: no scope does.
func Close(w Walker) {
	w.Walk("", func(e Entry) { e.Tensor.Close() })
}

// Join puts a dot between the parts of a name, of which either may be empty.
func Join(prefix, name string) string {
	if prefix == "" || name == "" {
		return prefix + name
	}
	return prefix + "." + name
}
