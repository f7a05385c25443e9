// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

// Linear returns x·Wᵀ + b for x [..., in], W [out, in], b [out] or nil (torch.nn.functional.linear).
func Linear(x, weight, bias *Tensor) *Tensor {
	var out C.ct_ref
	check("linear", C.ct_linear(x.ptr(), weight.ptr(), bias.optional(), &out), x, weight, bias)
	return adopt(out)
}

// Conv2d convolves x [N,C,H,W] with weight [out, C/groups, k, k] and bias [out] or nil
// (torch.nn.functional.conv2d with equal strides and paddings).
func Conv2d(x, weight, bias *Tensor, stride, padding, groups int64) *Tensor {
	var out C.ct_ref
	msg := C.ct_conv2d(x.ptr(), weight.ptr(), bias.optional(), C.int64_t(stride), C.int64_t(padding),
		C.int64_t(groups), &out)
	check("conv2d", msg, x, weight, bias)
	return adopt(out)
}

// LinearKept is [Linear] where the result is known already: nothing is multiplied. The result shares kept's memory; its
// gradient is that of the layer, under autocast as in full precision.
func LinearKept(kept, x, weight, bias *Tensor) *Tensor {
	var out C.ct_ref
	msg := C.ct_linear_kept(kept.ptr(), x.ptr(), weight.ptr(), bias.optional(), &out)
	check("linear_kept", msg, kept, x, weight, bias)
	return adopt(out)
}

// Conv2dKept is [Conv2d] where the result is known already, see [LinearKept].
func Conv2dKept(kept, x, weight, bias *Tensor, stride, padding, groups int64) *Tensor {
	var out C.ct_ref
	msg := C.ct_conv2d_kept(kept.ptr(), x.ptr(), weight.ptr(), bias.optional(), C.int64_t(stride), C.int64_t(padding),
		C.int64_t(groups), &out)
	check("conv2d_kept", msg, kept, x, weight, bias)
	return adopt(out)
}

// BatchNorm normalises x [N,C,...] per channel (torch.nn.functional.batch_norm). In training it uses the batch's own
// statistics and moves mean and variance towards them by momentum, unless they are nil; otherwise it uses them.
func BatchNorm(x, weight, bias, mean, variance *Tensor, training bool, momentum, eps float64) *Tensor {
	var out C.ct_ref
	msg := C.ct_batch_norm(x.ptr(), weight.ptr(), bias.ptr(), mean.optional(), variance.optional(), number(training),
		C.double(momentum), C.double(eps), &out)
	check("batch_norm", msg, x, weight, bias, mean, variance)
	return adopt(out)
}

// AdaptiveAvgPool2d averages x [N,C,H,W] to [N,C,h,w].
func (t *Tensor) AdaptiveAvgPool2d(h, w int64) *Tensor {
	var out C.ct_ref
	check("adaptive_avg_pool2d", C.ct_adaptive_avg_pool2d(t.ptr(), C.int64_t(h), C.int64_t(w), &out), t)
	return adopt(out)
}

// MaxPool2d takes the maxima of kernel×kernel windows of x [N,C,H,W] (torch.nn.functional.max_pool2d).
func (t *Tensor) MaxPool2d(kernel, stride, padding int64) *Tensor {
	var out C.ct_ref
	check("max_pool2d", C.ct_max_pool2d(t.ptr(), C.int64_t(kernel), C.int64_t(stride), C.int64_t(padding), &out), t)
	return adopt(out)
}

// AvgPool2d averages kernel×kernel windows of x [N,C,H,W], of which behind columns on the right and rows below are zeros
// that count (ZeroPad2d((0, behind, 0, behind)) and AvgPool2d).
func (t *Tensor) AvgPool2d(kernel, stride, behind int64) *Tensor {
	var out C.ct_ref
	check("avg_pool2d", C.ct_avg_pool2d(t.ptr(), C.int64_t(kernel), C.int64_t(stride), C.int64_t(behind), &out), t)
	return adopt(out)
}

// ResizeBicubic samples x [N,C,H,W] anew to [N,C,h,w], with a wider filter where it gets smaller
// (torch.nn.functional.interpolate, mode="bicubic", antialias=True).
func (t *Tensor) ResizeBicubic(h, w int64) *Tensor {
	var out C.ct_ref
	check("resize_bicubic", C.ct_resize_bicubic(t.ptr(), C.int64_t(h), C.int64_t(w), &out), t)
	return adopt(out)
}

// LayerNorm normalises x [..., C] over its last dimension, for weight and bias [C] (torch.nn.functional.layer_norm).
func LayerNorm(x, weight, bias *Tensor, eps float64) *Tensor {
	var out C.ct_ref
	check("layer_norm", C.ct_layer_norm(x.ptr(), weight.ptr(), bias.ptr(), C.double(eps), &out), x, weight, bias)
	return adopt(out)
}

// Attention returns softmax(q·kᵀ/√d)·v for q [N,heads,L,d], k and v [N,heads,S,d]
// (torch.nn.functional.scaled_dot_product_attention).
func Attention(q, k, v *Tensor) *Tensor {
	var out C.ct_ref
	check("attention", C.ct_attention(q.ptr(), k.ptr(), v.ptr(), &out), q, k, v)
	return adopt(out)
}

// Normalize divides by the 2-norm along dim, which is at least 1e-12 (torch.nn.functional.normalize).
func (t *Tensor) Normalize(dim int64) *Tensor {
	var out C.ct_ref
	check("normalize", C.ct_normalize(t.ptr(), C.int64_t(dim), 1e-12, &out), t)
	return adopt(out)
}

// CrossEntropy is the mean cross-entropy of logits [N,K] with int64 classes [N] or probabilities [N,K].
func CrossEntropy(logits, target *Tensor) *Tensor {
	var out C.ct_ref
	check("cross_entropy", C.ct_cross_entropy(logits.ptr(), target.ptr(), &out), logits, target)
	return adopt(out)
}

// NormalInPlace overwrites t with draws of N(mean, std²); no gradient is recorded.
func (t *Tensor) NormalInPlace(mean, std float64) {
	check("normal_", C.ct_init_(C.CT_INIT_NORMAL, t.ptr(), C.double(mean), C.double(std)), t)
}

// TruncatedNormalInPlace overwrites t with draws of N(0, std²) between -bound and bound; no gradient is recorded.
func (t *Tensor) TruncatedNormalInPlace(std, bound float64) {
	check("truncated_normal_", C.ct_init_(C.CT_INIT_TRUNCATED, t.ptr(), C.double(std), C.double(bound)), t)
}

// UniformInPlace overwrites t with draws of U(low, high); no gradient is recorded.
func (t *Tensor) UniformInPlace(low, high float64) {
	check("uniform_", C.ct_init_(C.CT_INIT_UNIFORM, t.ptr(), C.double(low), C.double(high)), t)
}
