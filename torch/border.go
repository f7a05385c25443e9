// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import "unsafe"

// What packages below this one need that call libtorch themselves. They keep its rules: a handle is only used during a
// call, and a call returns its own error.

// Handle is the handle of t, for as long as t is open.
func (t *Tensor) Handle() unsafe.Pointer { return unsafe.Pointer(t.ptr()) }

// Handles are the handles of a list.
func Handles(ts []*Tensor) []unsafe.Pointer {
	all := make([]unsafe.Pointer, len(ts))
	for i, t := range ts {
		all[i] = t.Handle()
	}
	return all
}

// Adopt makes a tensor of a new handle, which the scope of that token owns; 0 leaves it to the caller.
func Adopt(handle unsafe.Pointer, scope int64) *Tensor {
	return adopt(C.ct_ref{ptr: C.ct_tensor(handle), scope: C.int64_t(scope)})
}

// CallError is the error of a call that returned message, a C string as ct.h describes it, which is freed; nil where there
// is none. cause is what the error wraps, unless memory was exhausted.
func CallError(op string, message unsafe.Pointer, cause error, inputs ...*Tensor) error {
	err := takeError(op, (*C.char)(message), inputs...)
	if e, ok := err.(*OpError); ok && e.Cause == nil {
		e.Cause = cause
	}
	return err
}
