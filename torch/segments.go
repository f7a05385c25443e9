// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

// Cut returns t as the begin of a new graph: the same memory, without t's history. A backward pass that reaches it ends
// there, and [Tensor.TakeGradient] has what arrived; [BackwardFrom] goes on with it in the graph that t ended.
//
// A leaf with requires_grad would do the same with a copy of the gradient where its layout is another. A backward pass in
// pieces between cuts has the bits, and holds the memory, of one that was not cut.
func (t *Tensor) Cut() *Tensor {
	var out C.ct_ref
	check("cut", C.ct_cut(t.ptr(), &out), t)
	return adopt(out)
}

// TakeGradient takes the gradient that has arrived at a tensor of [Tensor.Cut], nil when none has.
func (t *Tensor) TakeGradient() *Tensor {
	var out C.ct_ref
	check("take_gradient", C.ct_take_cut_gradient(t.ptr(), &out), t)
	if out.ptr == nil {
		return nil
	}
	return adopt(out)
}

// BackwardFrom goes on with a backward pass from tensors of any shape, in one pass, with the gradients that arrive at
// them. It closes both: the pass frees each, like all that the graphs keep, as soon as it has been used.
func BackwardFrom(ts, grads []*Tensor) {
	if len(ts) == 0 {
		return
	}
	p, n := handles(ts)
	g, _ := handles(grads)
	msg := C.ct_backward_from(p, g, n)
	for i := range ts {
		ts[i].Close()
		grads[i].Close()
	}
	check("backward_from", msg)
}
