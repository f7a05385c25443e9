// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import (
	"slices"
	"unsafe"
)

// The Foreach functions work on whole parameter lists in one call (PyTorch's _foreach_* operators): what an optimizer
// does per tensor costs one crossing into C and, on a GPU, a few multi-tensor kernels. None of them records gradients.

func doubles(s []float64) *C.double {
	if len(s) == 0 {
		return nil
	}
	return (*C.double)(unsafe.Pointer(&s[0]))
}

func sameLength(op string, n int, lists ...int) {
	for _, l := range lists {
		if l != n {
			misuse(op, "lists of %d and %d entries", n, l)
		}
	}
}

// ForeachNorms returns the 2-norm of each tensor: float32 [n], on their device.
func ForeachNorms(ts []*Tensor) *Tensor {
	var out C.ct_ref
	p, n := handles(ts)
	check("foreach_norms", C.ct_foreach_norms(p, n, &out), ts...)
	return adopt(out)
}

// ForeachCopyInPlace copies src[i] over dst[i].
func ForeachCopyInPlace(dst, src []*Tensor) {
	sameLength("foreach_copy_", len(dst), len(src))
	d, n := handles(dst)
	s, _ := handles(src)
	check("foreach_copy_", C.ct_foreach_copy_(d, s, n), slices.Concat(dst, src)...)
}

// ForeachAdaptInPlace sets grads[i] = (grads[i] + decay[i]·params[i])·rate[i], with rate and decay float32 [n] on the
// tensors' device: the update of LARC and LARS before momentum, without waiting for the device.
func ForeachAdaptInPlace(grads, params []*Tensor, rate, decay *Tensor) {
	sameLength("foreach_adapt_", len(grads), len(params))
	g, n := handles(grads)
	p, _ := handles(params)
	check("foreach_adapt_", C.ct_foreach_adapt_(g, p, n, rate.ptr(), decay.ptr()), slices.Concat(grads, params)...)
}

// ForeachDecayInPlace adds decay[i]·params[i] to grads[i]: weight decay as an L2 penalty.
func ForeachDecayInPlace(grads, params []*Tensor, decay []float64) {
	sameLength("foreach_decay_", len(grads), len(params), len(decay))
	g, n := handles(grads)
	p, _ := handles(params)
	check("foreach_decay_", C.ct_foreach_decay_(g, p, n, doubles(decay)), slices.Concat(grads, params)...)
}

// ForeachSGDInPlace does buffers[i] = momentum·buffers[i] + grads[i], then params[i] -= lr[i]·buffers[i] (with Nesterov
// momentum, grads[i] + momentum·buffers[i] in place of the buffer, which overwrites the gradients): torch.optim.SGD
// without dampening.
func ForeachSGDInPlace(params, grads, buffers []*Tensor, momentum float64, nesterov bool, lr []float64) {
	sameLength("foreach_sgd_", len(params), len(grads), len(buffers), len(lr))
	p, n := handles(params)
	g, _ := handles(grads)
	b, _ := handles(buffers)
	msg := C.ct_foreach_sgd_(p, g, b, n, C.double(momentum), cBool(nesterov), doubles(lr))
	check("foreach_sgd_", msg, slices.Concat(params, grads, buffers)...)
}

// ForeachUnscaleInPlace multiplies grads by invScale [1] and sets foundInf [1] to one if any element is not finite; the
// device is not waited for (PyTorch's GradScaler).
func ForeachUnscaleInPlace(grads []*Tensor, foundInf, invScale *Tensor) {
	g, n := handles(grads)
	check("foreach_unscale_", C.ct_foreach_unscale_(g, n, foundInf.ptr(), invScale.ptr()), grads...)
}

// UpdateScaleInPlace moves a loss scale [1]: times backoff when foundInf is set, times growth after interval good
// steps, which tracker (int32 [1]) counts.
func UpdateScaleInPlace(scale, tracker, foundInf *Tensor, growth, backoff float64, interval int64) {
	msg := C.ct_update_scale_(scale.ptr(), tracker.ptr(), foundInf.ptr(), C.double(growth), C.double(backoff),
		C.int64_t(interval))
	check("update_scale_", msg, scale, tracker, foundInf)
}
