// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import "unsafe"

// Region is a box that is looked up in the maps of a pyramid.
type Region struct {
	Map, Image int
	Box        [4]float32 // left, upper, right and lower border in pixels of the image
}

// RoIAlign looks regions up in maps [N,C,H,W], of which map i is scales[i] of the image in size: each becomes side × side
// cells, a cell the mean of sampling × sampling samples between pixels, or with sampling 0 of as many as a cell has pixels
// (torchvision.ops.roi_align). It computes in float32, under autocast too.
func RoIAlign(maps []*Tensor, scales []float64, regions []Region, side, sampling int64, aligned bool) *Tensor {
	sameLength("roi_align", len(maps), len(scales))
	rows := make([]float32, 0, 6*len(regions)+1)
	for _, r := range regions {
		rows = append(rows, float32(r.Map), float32(r.Image), r.Box[0], r.Box[1], r.Box[2], r.Box[3])
	}
	var out C.ct_ref
	p, n := handles(maps)
	msg := C.ct_roi_align(p, doubles(scales), n, (*C.float)(unsafe.Pointer(unsafe.SliceData(rows))), C.int64_t(len(regions)), C.int64_t(side),
		C.int64_t(sampling), cBool(aligned), &out)
	check("roi_align", msg, maps...)
	return adopt(out)
}

// ConvTranspose2d is the gradient of a convolution of that stride: x [N,C,H,W] with weight [C,out,k,k] and bias [out] or nil
// (torch.nn.functional.conv_transpose2d without padding).
func ConvTranspose2d(x, weight, bias *Tensor, stride int64) *Tensor {
	var out C.ct_ref
	check("conv_transpose2d", C.ct_conv_transpose2d(x.ptr(), weight.ptr(), bias.optional(), C.int64_t(stride), &out), x, weight, bias)
	return adopt(out)
}

// ResizeNearest repeats or picks pixels of x [N,C,H,W] to [N,C,h,w] (torch.nn.functional.interpolate, mode="nearest").
func (t *Tensor) ResizeNearest(h, w int64) *Tensor {
	var out C.ct_ref
	check("resize_nearest", C.ct_resize_nearest(t.ptr(), C.int64_t(h), C.int64_t(w), &out), t)
	return adopt(out)
}

// SmoothL1 sums (t-target)²/(2·beta) where that difference is below beta, |t-target| - beta/2 elsewhere.
func (t *Tensor) SmoothL1(target *Tensor, beta float64) *Tensor {
	var out C.ct_ref
	check("smooth_l1", C.ct_smooth_l1(t.ptr(), target.ptr(), C.double(beta), &out), t, target)
	return adopt(out)
}

// BinaryCrossEntropy sums the cross-entropy of logits with shares of 1.
func BinaryCrossEntropy(logits, target *Tensor) *Tensor {
	var out C.ct_ref
	check("binary_cross_entropy", C.ct_binary_cross_entropy(logits.ptr(), target.ptr(), &out), logits, target)
	return adopt(out)
}
