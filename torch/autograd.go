// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

func cBool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// SetRequiresGrad starts or stops recording gradients for a leaf tensor and returns it.
func (t *Tensor) SetRequiresGrad(on bool) *Tensor {
	check("set_requires_grad", C.ct_set_requires_grad(t.ptr(), cBool(on)), t)
	return t
}

// Grad returns the accumulated gradient, or nil when there is none. It shares memory with what an optimizer changes.
func (t *Tensor) Grad() *Tensor {
	out := C.ct_ref{}
	check("grad", C.ct_grad(t.ptr(), &out), t)
	if out.ptr == nil {
		return nil
	}
	out.scope = C.ct_scope_token()
	return adopt(out)
}

// SetGrad replaces the gradient; nil removes it, so that optimizers skip the tensor entirely.
func (t *Tensor) SetGrad(g *Tensor) {
	check("set_grad", C.ct_set_grad(t.ptr(), g.optional()), t, g)
}

// ClearGrads removes the gradients of a list in one call (PyTorch's zero_grad with set_to_none).
func ClearGrads(ts []*Tensor) {
	p, n := handles(ts)
	check("clear_grads", C.ct_clear_grads(p, n), ts...)
}

// Backward accumulates the gradients of a scalar loss into the leaves that require them.
func (t *Tensor) Backward() {
	p, n := handles([]*Tensor{t})
	check("backward", C.ct_backward(p, nil, n, 0), t)
}

// BackwardWith is Backward from a tensor of any shape with the gradient that arrives at it.
func (t *Tensor) BackwardWith(grad *Tensor) {
	p, n := handles([]*Tensor{t})
	g, _ := handles([]*Tensor{grad})
	check("backward", C.ct_backward(p, g, n, 0), t, grad)
}

// NoGrad runs f without recording gradients, and restores the previous mode even if f panics.
func NoGrad(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old := C.ct_grad_mode_swap(0)
	defer C.ct_grad_mode_swap(old)
	f()
}

// GradEnabled reports whether the calling goroutine's thread records gradients.
func GradEnabled() bool { return C.ct_grad_mode() != 0 }

// Autocast runs f with mixed precision on dev: convolutions and matrix products in dtype (Float16 or BFloat16), sums,
// norms, softmax and losses in float32, by PyTorch's lists. Parameters stay as they are; their casts are cached until
// the outermost Autocast ends. The previous state comes back even if f panics. Float32 runs f unchanged.
func Autocast(dev Device, dtype DType, f func()) {
	if dtype == Float32 {
		f()
		return
	}
	autocast(dev, C.ct_autocast_state{enabled: 1, dtype: C.int32_t(dtype), cache: 1}, f)
}

// casts guards libtorch's cache of cast parameters. There is one for the process, and the thread that leaves its outermost
// Autocast empties it: with another thread in the midst of its forward pass, that one would cast a parameter twice, add up
// its gradients in another order, and not get the same bits again. So one thread at a time is inside; an Autocast within
// another finds its own thread there.
var casts struct {
	sync.Mutex
	owner atomic.Int64 // the kernel's number of the thread that is inside; 0: none
}

// NoAutocast runs f in full precision inside an Autocast: scores, Sinkhorn and losses stay in float32.
func NoAutocast(dev Device, f func()) {
	autocast(dev, C.ct_autocast_state{enabled: 0, dtype: C.int32_t(BFloat16), cache: 1}, f)
}

// AutocastMode is the mixed precision that a piece of code runs in, to run another in the same later.
type AutocastMode struct {
	device Device
	state  C.ct_autocast_state
}

// CurrentAutocast is the mode that the caller is in.
func CurrentAutocast(dev Device) AutocastMode {
	m := AutocastMode{device: dev}
	check("autocast_mode", C.ct_autocast_get(C.int32_t(dev.Type), &m.state))
	return m
}

// Run runs f in this mode.
func (m AutocastMode) Run(f func()) {
	if m.state.enabled == 0 {
		f()
		return
	}
	autocast(m.device, m.state, f)
}

// Uncached runs f in this mode without the cache of cast parameters. Work without gradients needs it: a cast that it
// cached would have no history, and whoever finds it there loses the parameter's gradient without an error.
func (m AutocastMode) Uncached(f func()) {
	m.state.cache = 0
	m.Run(f)
}

func autocast(dev Device, next C.ct_autocast_state, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if thread := int64(syscall.Gettid()); casts.owner.Load() != thread {
		casts.Lock()
		casts.owner.Store(thread)
		defer func() {
			casts.owner.Store(0)
			casts.Unlock()
		}()
	}
	var previous C.ct_autocast_state
	check("autocast", C.ct_autocast_enter(C.int32_t(dev.Type), next, &previous))
	defer func() { check("autocast", C.ct_autocast_exit(C.int32_t(dev.Type), previous)) }()
	f()
}
