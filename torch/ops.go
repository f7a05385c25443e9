// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import "unsafe"

// Element-wise, reducing and shaping operations of the C shim. Names ending in "InPlace" change and return their
// receiver; all others return a new tensor. Broadcasting and dtype promotion are PyTorch's.

func (t *Tensor) unary(op string, code C.int) *Tensor {
	var out C.ct_ref
	check(op, C.ct_unary(code, t.ptr(), &out), t)
	return t.result(out)
}

func (t *Tensor) binary(op string, code C.int, o *Tensor) *Tensor {
	var out C.ct_ref
	check(op, C.ct_binary(code, t.ptr(), o.ptr(), &out), t, o)
	return t.result(out)
}

func (t *Tensor) scalar(op string, code C.int, s float64) *Tensor {
	var out C.ct_ref
	check(op, C.ct_scalar(code, t.ptr(), C.double(s), &out), t)
	return t.result(out)
}

// result adopts a new handle; in-place calls answer with none and give back their receiver.
func (t *Tensor) result(out C.ct_ref) *Tensor {
	if out.ptr == nil {
		return t
	}
	return adopt(out)
}

// Relu returns max(t, 0).
func (t *Tensor) Relu() *Tensor { return t.unary("relu", C.CT_RELU) }

// ReluInPlace sets t to max(t, 0).
func (t *Tensor) ReluInPlace() *Tensor { return t.unary("relu_", C.CT_RELU_) }

// SigmoidInPlace sets t to 1/(1+exp(-t)).
func (t *Tensor) SigmoidInPlace() *Tensor { return t.unary("sigmoid_", C.CT_SIGMOID_) }

// Gelu returns t·Φ(t), Φ the normal distribution function (torch.nn.functional.gelu).
func (t *Tensor) Gelu() *Tensor { return t.unary("gelu", C.CT_GELU) }

// Exp returns the exponential.
func (t *Tensor) Exp() *Tensor { return t.unary("exp", C.CT_EXP) }

// ExpInPlace sets t to its exponential.
func (t *Tensor) ExpInPlace() *Tensor { return t.unary("exp_", C.CT_EXP_) }

// Log returns the natural logarithm.
func (t *Tensor) Log() *Tensor { return t.unary("log", C.CT_LOG) }

// Sqrt returns the square root.
func (t *Tensor) Sqrt() *Tensor { return t.unary("sqrt", C.CT_SQRT) }

// Rsqrt returns 1/sqrt(t).
func (t *Tensor) Rsqrt() *Tensor { return t.unary("rsqrt", C.CT_RSQRT) }

// Neg returns -t.
func (t *Tensor) Neg() *Tensor { return t.unary("neg", C.CT_NEG) }

// Abs returns |t|.
func (t *Tensor) Abs() *Tensor { return t.unary("abs", C.CT_ABS) }

// Square returns t².
func (t *Tensor) Square() *Tensor { return t.unary("square", C.CT_SQUARE) }

// IsFinite returns a bool tensor: neither NaN nor infinite.
func (t *Tensor) IsFinite() *Tensor { return t.unary("isfinite", C.CT_ISFINITE) }

// Not returns the logical negation as bool.
func (t *Tensor) Not() *Tensor { return t.unary("logical_not", C.CT_LOGICAL_NOT) }

// Detach returns the same elements without history: no gradient flows through it.
func (t *Tensor) Detach() *Tensor { return t.unary("detach", C.CT_DETACH) }

// Clone copies the elements; gradients flow through.
func (t *Tensor) Clone() *Tensor { return t.unary("clone", C.CT_CLONE) }

// Contiguous returns t in row-major order, t's own memory when it already is.
func (t *Tensor) Contiguous() *Tensor { return t.unary("contiguous", C.CT_CONTIGUOUS) }

// Max returns the largest element as a scalar tensor.
func (t *Tensor) Max() *Tensor { return t.unary("max", C.CT_MAX) }

// Min returns the smallest element as a scalar tensor.
func (t *Tensor) Min() *Tensor { return t.unary("min", C.CT_MIN) }

// Any reports, as a scalar tensor, whether any element is non-zero.
func (t *Tensor) Any() *Tensor { return t.unary("any", C.CT_ANY) }

// All reports, as a scalar tensor, whether every element is non-zero.
func (t *Tensor) All() *Tensor { return t.unary("all", C.CT_ALL) }

// ZeroInPlace sets every element to zero.
func (t *Tensor) ZeroInPlace() *Tensor { return t.unary("zero_", C.CT_ZERO_) }

// Add returns t + o.
func (t *Tensor) Add(o *Tensor) *Tensor { return t.binary("add", C.CT_ADD, o) }

// AddInPlace adds o to t.
func (t *Tensor) AddInPlace(o *Tensor) *Tensor { return t.binary("add_", C.CT_ADD_, o) }

// SubInPlace subtracts o from t.
func (t *Tensor) SubInPlace(o *Tensor) *Tensor { return t.binary("sub_", C.CT_SUB_, o) }

// Mul returns the element-wise product.
func (t *Tensor) Mul(o *Tensor) *Tensor { return t.binary("mul", C.CT_MUL, o) }

// MulInPlace multiplies t by o.
func (t *Tensor) MulInPlace(o *Tensor) *Tensor { return t.binary("mul_", C.CT_MUL_, o) }

// DivInPlace divides t by o.
func (t *Tensor) DivInPlace(o *Tensor) *Tensor { return t.binary("div_", C.CT_DIV_, o) }

// Maximum returns the element-wise larger of two tensors.
func (t *Tensor) Maximum(o *Tensor) *Tensor { return t.binary("maximum", C.CT_MAXIMUM, o) }

// Gt returns t > o as bool.
func (t *Tensor) Gt(o *Tensor) *Tensor { return t.binary("gt", C.CT_GT, o) }

// And returns the logical conjunction as bool.
func (t *Tensor) And(o *Tensor) *Tensor { return t.binary("logical_and", C.CT_AND, o) }

// CopyInPlace overwrites t with o, converting dtype, layout and device.
func (t *Tensor) CopyInPlace(o *Tensor) *Tensor { return t.binary("copy_", C.CT_COPY_, o) }

// AddScalar returns t + s.
func (t *Tensor) AddScalar(s float64) *Tensor { return t.scalar("add", C.CT_ADD, s) }

// AddScalarInPlace adds s to t.
func (t *Tensor) AddScalarInPlace(s float64) *Tensor { return t.scalar("add_", C.CT_ADD_, s) }

// MulScalar returns t·s.
func (t *Tensor) MulScalar(s float64) *Tensor { return t.scalar("mul", C.CT_MUL, s) }

// MulScalarInPlace multiplies t by s.
func (t *Tensor) MulScalarInPlace(s float64) *Tensor { return t.scalar("mul_", C.CT_MUL_, s) }

// DivScalar returns t/s.
func (t *Tensor) DivScalar(s float64) *Tensor { return t.scalar("div", C.CT_DIV, s) }

// DivScalarInPlace divides t by s.
func (t *Tensor) DivScalarInPlace(s float64) *Tensor { return t.scalar("div_", C.CT_DIV_, s) }

// ClampMin returns max(t, s).
func (t *Tensor) ClampMin(s float64) *Tensor { return t.scalar("clamp_min", C.CT_MAXIMUM, s) }

// NeScalar returns t != s as bool.
func (t *Tensor) NeScalar(s float64) *Tensor { return t.scalar("ne", C.CT_NE, s) }

// GtScalar returns t > s as bool.
func (t *Tensor) GtScalar(s float64) *Tensor { return t.scalar("gt", C.CT_GT, s) }

// FillInPlace sets every element to s.
func (t *Tensor) FillInPlace(s float64) *Tensor { return t.scalar("fill_", C.CT_COPY_, s) }

func (t *Tensor) reduce(op string, code C.int, keep bool, dims []int64) *Tensor {
	var out C.ct_ref
	p, n := ints(dims)
	check(op, C.ct_reduce(code, t.ptr(), p, n, number(keep), &out), t)
	return adopt(out)
}

// SumDims sums over dims; keep leaves them as size 1.
func (t *Tensor) SumDims(keep bool, dims ...int64) *Tensor {
	return t.reduce("sum", C.CT_RSUM, keep, dims)
}

// MeanDims averages over dims.
func (t *Tensor) MeanDims(keep bool, dims ...int64) *Tensor {
	return t.reduce("mean", C.CT_RMEAN, keep, dims)
}

// MaxDims takes the maximum over dims.
func (t *Tensor) MaxDims(keep bool, dims ...int64) *Tensor {
	return t.reduce("amax", C.CT_RAMAX, keep, dims)
}

// NormDims takes the 2-norm over dims.
func (t *Tensor) NormDims(keep bool, dims ...int64) *Tensor {
	return t.reduce("norm", C.CT_RNORM, keep, dims)
}

// StdDims takes the unbiased standard deviation over dims.
func (t *Tensor) StdDims(keep bool, dims ...int64) *Tensor {
	return t.reduce("std", C.CT_RSTD, keep, dims)
}

func (t *Tensor) along(op string, code C.int, dim int64) *Tensor {
	var out C.ct_ref
	check(op, C.ct_along(code, t.ptr(), C.int64_t(dim), &out), t)
	return adopt(out)
}

// Softmax normalises exp(t) along dim.
func (t *Tensor) Softmax(dim int64) *Tensor { return t.along("softmax", C.CT_SOFTMAX, dim) }

// Unsqueeze inserts a dimension of size 1.
func (t *Tensor) Unsqueeze(dim int64) *Tensor { return t.along("unsqueeze", C.CT_UNSQUEEZE, dim) }

// Squeeze removes a dimension of size 1.
func (t *Tensor) Squeeze(dim int64) *Tensor { return t.along("squeeze", C.CT_SQUEEZE, dim) }

func (t *Tensor) shaped(op string, code C.int, args ...int64) *Tensor {
	var out C.ct_ref
	p, n := ints(args)
	check(op, C.ct_shape(code, t.ptr(), p, n, &out), t)
	return adopt(out)
}

// Reshape gives the elements another shape; one size may be -1. It copies only when it must.
func (t *Tensor) Reshape(shape ...int64) *Tensor { return t.shaped("reshape", C.CT_RESHAPE, shape...) }

// Expand repeats dimensions of size 1 without copying; -1 keeps a size.
func (t *Tensor) Expand(shape ...int64) *Tensor { return t.shaped("expand", C.CT_EXPAND, shape...) }

// Narrow returns the view [start, start+length) along dim.
func (t *Tensor) Narrow(dim, start, length int64) *Tensor {
	return t.shaped("narrow", C.CT_NARROW, dim, start, length)
}

// Flip reverses the order along dims.
func (t *Tensor) Flip(dims ...int64) *Tensor { return t.shaped("flip", C.CT_FLIP, dims...) }

// handles collects the handles of a list for C. The caller keeps the list alive (check does).
func handles(ts []*Tensor) (*C.ct_tensor, C.int) {
	if len(ts) == 0 {
		return nil, 0
	}
	hs := make([]C.ct_tensor, len(ts))
	for i, t := range ts {
		hs[i] = t.ptr()
	}
	return (*C.ct_tensor)(unsafe.Pointer(&hs[0])), C.int(len(ts))
}

// Cat joins tensors along dim.
func Cat(dim int64, ts ...*Tensor) *Tensor {
	var out C.ct_ref
	p, n := handles(ts)
	check("cat", C.ct_cat(p, n, C.int64_t(dim), &out), ts...)
	return adopt(out)
}

// Where chooses a's element where cond is true, b's elsewhere.
func Where(cond, a, b *Tensor) *Tensor {
	var out C.ct_ref
	check("where", C.ct_where(cond.ptr(), a.ptr(), b.ptr(), &out), cond, a, b)
	return adopt(out)
}

// Gather picks elements along dim by an int64 index of the result's shape.
func (t *Tensor) Gather(dim int64, index *Tensor) *Tensor {
	var out C.ct_ref
	check("gather", C.ct_gather(t.ptr(), C.int64_t(dim), index.ptr(), &out), t, index)
	return adopt(out)
}

// ScatterAddInPlace adds src's elements to t at the positions that index names along dim.
func (t *Tensor) ScatterAddInPlace(dim int64, index, src *Tensor) *Tensor {
	var out C.ct_ref
	check("scatter_add_", C.ct_scatter_add_(t.ptr(), C.int64_t(dim), index.ptr(), src.ptr(), &out), t, index, src)
	return t
}

// Bincount counts the values 0…n-1 of an int64 vector, at least n of them.
func (t *Tensor) Bincount(n int64) *Tensor {
	var out C.ct_ref
	check("bincount", C.ct_bincount(t.ptr(), C.int64_t(n), &out), t)
	return adopt(out)
}

// SingularValues are those of a matrix, in descending order.
func (t *Tensor) SingularValues() *Tensor {
	var out C.ct_ref
	check("svdvals", C.ct_svdvals(t.ptr(), &out), t)
	return adopt(out)
}
