// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"
)

// Tensor is an n-dimensional array on a device: a handle of libtorch's at::Tensor with a Go owner (see the package
// comment). A nil *Tensor stands for "none" where a function allows it. A Tensor must not be used by two goroutines
// at once.
type Tensor struct {
	handle unsafe.Pointer // an owned at::Tensor*; once closed the one of no tensor
	closed *closing       // where the handle was freed; nil: it is open
	scope  *Scope         // the owner; nil: the caller
	slot   int            // index in the owner's list
}

var liveTensors atomic.Int64

// LiveTensors counts the handles that are open in this process. A training step leaves it unchanged.
func LiveTensors() int64 { return liveTensors.Load() }

// adopt makes a Go tensor of a new handle and gives it to the scope that was open on the thread that made it.
func adopt(ref C.ct_ref) *Tensor {
	t := &Tensor{handle: unsafe.Pointer(ref.ptr)}
	liveTensors.Add(1)
	trackOpen(t)
	if ref.scope != 0 {
		scopeOf(int64(ref.scope)).add(t)
	}
	return t
}

// ptr is the only way to the handle. It needs no runtime.KeepAlive behind it: only Close and a scope's end free a handle,
// never the garbage collector.
func (t *Tensor) ptr() C.ct_tensor {
	if t == nil {
		misuse("ptr", "the tensor is nil: an operation got none where it needs one")
	}
	if t.closed != nil {
		misuse("ptr", "the tensor is closed: %v; Keep it to use it longer", t.closed)
	}
	return C.ct_tensor(t.handle)
}

// optional gives a null handle for nil.
func (t *Tensor) optional() C.ct_tensor {
	if t == nil {
		return nil
	}
	return t.ptr()
}

// Close frees the handle at once; libtorch frees the memory when nothing else (a view, a saved activation) refers to
// it. Close is idempotent, and fine on nil.
func (t *Tensor) Close() {
	if t == nil || t.closed != nil {
		return
	}
	if t.scope != nil {
		t.scope.remove(t)
	}
	C.ct_free(C.ct_tensor(t.handle))
	t.poison(closingHere("Close was called"))
}

// poison marks t closed after its handle was freed. A view that Gotorch gave out reaches the handle of no tensor from now
// on, which libtorch refuses, and not freed memory.
func (t *Tensor) poison(at *closing) {
	t.handle, t.closed = unsafe.Pointer(C.ct_none()), at
	liveTensors.Add(-1)
	trackClose(t)
}

func (t *Tensor) info(op string) C.ct_info {
	var i C.ct_info
	check(op, C.ct_tensor_info(t.ptr(), &i), t)
	return i
}

// Shape returns the sizes, outermost first.
func (t *Tensor) Shape() []int64 {
	i := t.info("shape")
	s := make([]int64, i.dim)
	for d := range s {
		s[d] = int64(i.sizes[d])
	}
	return s
}

// Size returns the size of one dimension; negative dimensions count from the last.
func (t *Tensor) Size(dim int) int64 {
	i := t.info("size")
	if dim < 0 {
		dim += int(i.dim)
	}
	if dim < 0 || dim >= int(i.dim) {
		misuse("size", "dimension %d of a tensor of shape %v", dim, t.Shape())
	}
	return int64(i.sizes[dim])
}

// Dim returns the number of dimensions.
func (t *Tensor) Dim() int { return int(t.info("dim").dim) }

// Numel returns the number of elements.
func (t *Tensor) Numel() int64 { return int64(t.info("numel").numel) }

// DType returns the element type.
func (t *Tensor) DType() DType { return DType(t.info("dtype").dtype) }

// Device returns where the elements live.
func (t *Tensor) Device() Device {
	i := t.info("device")
	return Device{Type: DeviceType(i.device_type), Index: int(i.device_index)}
}

// Bytes returns the size of the elements in bytes.
func (t *Tensor) Bytes() int64 {
	i := t.info("bytes")
	return int64(i.numel) * int64(i.element_size)
}

// RequiresGrad reports whether gradients are recorded for t.
func (t *Tensor) RequiresGrad() bool { return t.info("requires_grad").requires_grad != 0 }

// ChannelsLast reports whether a 4-d tensor is dense in NHWC order.
func (t *Tensor) ChannelsLast() bool { return t.info("channels_last").channels_last != 0 }

// AssertShape panics with an [*OpError] unless t has that shape; a size of -1 fits any. It replaces shape comments in
// model code by checks.
func (t *Tensor) AssertShape(want ...int64) {
	got := t.Shape()
	fits := slices.EqualFunc(got, want, func(g, w int64) bool { return w == -1 || g == w })
	if !fits {
		panic(&OpError{Op: "assert_shape", Inputs: []string{t.describe()}, Message: fmt.Sprintf("want shape %v", want)})
	}
}

// describe names dtype, shape and device for messages; it never fails.
func (t *Tensor) describe() string {
	if t == nil {
		return "none"
	}
	if t.closed != nil {
		return "closed"
	}
	var i C.ct_info
	if err := takeError("describe", C.ct_tensor_info(C.ct_tensor(t.handle), &i)); err != nil {
		return "unreadable"
	}
	sizes := make([]string, i.dim)
	for d := range sizes {
		sizes[d] = fmt.Sprint(int64(i.sizes[d]))
	}
	s := fmt.Sprintf("%v[%s]", DType(i.dtype), strings.Join(sizes, ","))
	if dev := (Device{DeviceType(i.device_type), int(i.device_index)}); dev.Type != CPUType {
		s += " " + dev.String()
	}
	return s
}

// String describes the tensor (dtype, shape, device), not its elements: printing must never wait for a device.
func (t *Tensor) String() string { return t.describe() }
