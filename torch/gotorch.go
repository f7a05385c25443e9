// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import (
	"runtime"
	"strings"

	"github.com/wangkuiyi/gotorch"
)

// Gotorch returns gotorch's view of t for code written against gotorch. It shares t's handle: it is valid while t is
// open, and t keeps owning it.
func (t *Tensor) Gotorch() gotorch.Tensor {
	t.ptr()
	return gotorch.Tensor{T: &t.handle}
}

// FromGotorch takes the handle of a gotorch tensor over: its finalizer no longer frees it, the open scope does. The
// gotorch value must not be used afterwards. Tensors made between gotorch.GC and gotorch.FinishGC cannot be taken:
// gotorch counts those finalizers and would wait for them for ever.
func FromGotorch(g gotorch.Tensor) *Tensor {
	runtime.SetFinalizer(g.T, nil)
	return adopt(C.ct_ref{ptr: C.ct_tensor(*g.T), scope: C.ct_scope_token()})
}

// viaGotorch runs one of gotorch's operations under this package's rules for ownership and errors.
func viaGotorch(op string, f func() gotorch.Tensor, inputs ...*Tensor) *Tensor {
	defer gotorchErrors(op, inputs)
	return FromGotorch(f())
}

// gotorchErrors rewrites gotorch's panic, a bare string, as an *OpError.
func gotorchErrors(op string, inputs []*Tensor) {
	switch p := recover().(type) {
	case nil:
	case string:
		memory := strings.Contains(p, "can't allocate memory") || strings.Contains(p, "out of memory")
		panic(newOpError(op, p, memory, inputs))
	default:
		panic(p)
	}
}

// Sub returns t - o.
func (t *Tensor) Sub(o *Tensor) *Tensor {
	return viaGotorch("sub", func() gotorch.Tensor { return gotorch.Sub(t.Gotorch(), o.Gotorch(), 1) }, t, o)
}

// Div returns the element-wise quotient.
func (t *Tensor) Div(o *Tensor) *Tensor {
	return viaGotorch("div", func() gotorch.Tensor { return gotorch.Div(t.Gotorch(), o.Gotorch()) }, t, o)
}

// Eq returns t == o as bool.
func (t *Tensor) Eq(o *Tensor) *Tensor {
	return viaGotorch("eq", func() gotorch.Tensor { return gotorch.Eq(t.Gotorch(), o.Gotorch()) }, t, o)
}

// MatMul multiplies two matrices, [n,k] by [k,m].
func (t *Tensor) MatMul(o *Tensor) *Tensor {
	return viaGotorch("matmul", func() gotorch.Tensor { return gotorch.MM(t.Gotorch(), o.Gotorch()) }, t, o)
}

// Sum adds all elements up.
func (t *Tensor) Sum() *Tensor {
	return viaGotorch("sum", func() gotorch.Tensor { return gotorch.Sum(t.Gotorch()) }, t)
}

// Mean averages all elements.
func (t *Tensor) Mean() *Tensor {
	return viaGotorch("mean", func() gotorch.Tensor { return gotorch.Mean(t.Gotorch()) }, t)
}

// Sigmoid returns 1/(1+exp(-t)).
func (t *Tensor) Sigmoid() *Tensor {
	return viaGotorch("sigmoid", func() gotorch.Tensor { return gotorch.Sigmoid(t.Gotorch()) }, t)
}

// LogSoftmax returns log(softmax(t)) along dim.
func (t *Tensor) LogSoftmax(dim int64) *Tensor {
	return viaGotorch("log_softmax", func() gotorch.Tensor { return gotorch.LogSoftmax(t.Gotorch(), dim) }, t)
}

// Transpose swaps two dimensions without copying.
func (t *Tensor) Transpose(a, b int64) *Tensor {
	return viaGotorch("transpose", func() gotorch.Tensor { return gotorch.Transpose(t.Gotorch(), a, b) }, t)
}

// Permute reorders the dimensions without copying.
func (t *Tensor) Permute(dims ...int64) *Tensor {
	return viaGotorch("permute", func() gotorch.Tensor { g := t.Gotorch(); return g.Permute(dims) }, t)
}

// Flatten joins the dimensions from start to end.
func (t *Tensor) Flatten(start, end int64) *Tensor {
	return viaGotorch("flatten", func() gotorch.Tensor { return gotorch.Flatten(t.Gotorch(), start, end) }, t)
}

// IndexSelect picks slices along dim by an int64 vector.
func (t *Tensor) IndexSelect(dim int64, index *Tensor) *Tensor {
	return viaGotorch("index_select",
		func() gotorch.Tensor { return gotorch.IndexSelect(t.Gotorch(), dim, index.Gotorch()) }, t, index)
}

// Argmax returns the int64 position of the largest element along dim.
func (t *Tensor) Argmax(dim int64) *Tensor {
	return viaGotorch("argmax", func() gotorch.Tensor { return t.Gotorch().Argmax(dim) }, t)
}

// Stack joins tensors of one shape along a new dimension.
func Stack(dim int64, ts ...*Tensor) *Tensor {
	return viaGotorch("stack", func() gotorch.Tensor {
		gs := make([]gotorch.Tensor, len(ts))
		for i, t := range ts {
			gs[i] = t.Gotorch()
		}
		return gotorch.Stack(gs, dim)
	}, ts...)
}

// TopK returns the k largest elements along dim, sorted, and their int64 positions.
func (t *Tensor) TopK(k, dim int64) (values, indices *Tensor) {
	defer gotorchErrors("topk", []*Tensor{t})
	v, i := gotorch.TopK(t.Gotorch(), k, dim, true, true)
	return FromGotorch(v), FromGotorch(i)
}
