// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

// keepAsIs leaves dtype, device and layout unchanged in a conversion.
func keepAsIs() C.ct_to_options {
	return C.ct_to_options{dtype: -1, device_type: -1, memory_format: -1}
}

func (t *Tensor) to(op string, o C.ct_to_options) *Tensor {
	var out C.ct_ref
	check(op, C.ct_to(t.ptr(), o, &out), t)
	return adopt(out)
}

// To converts the element type. A tensor that already has it shares its memory with the result.
func (t *Tensor) To(dtype DType) *Tensor {
	o := keepAsIs()
	o.dtype = C.int32_t(dtype)
	return t.to("to", o)
}

// ToDevice copies to a device; from pinned memory the copy does not wait.
func (t *Tensor) ToDevice(dev Device) *Tensor {
	o := keepAsIs()
	o.device_type, o.device_index, o.non_blocking = C.int32_t(dev.Type), C.int32_t(dev.Index), 1
	return t.to("to_device", o)
}

// ToChannelsLast lays a 4-d tensor out in NHWC order; its shape stays NCHW.
func (t *Tensor) ToChannelsLast() *Tensor {
	o := keepAsIs()
	o.memory_format = 1
	return t.to("to_channels_last", o)
}

// SetChannelsLast lays a 4-d parameter out in NHWC order, or back in row-major order, in place: every handle to it sees
// the new layout, and it stays a leaf.
func (t *Tensor) SetChannelsLast(on bool) {
	check("set_channels_last_", C.ct_set_channels_last_(t.ptr(), cBool(on)), t)
}

// Alias returns a second handle to the same tensor, with an owner of its own.
func (t *Tensor) Alias() *Tensor {
	var out C.ct_ref
	check("alias", C.ct_alias(t.ptr(), &out), t)
	return adopt(out)
}

// Pixels turns uint8 images [N,H,W,3] into a normalised [N,3,H,W] of dtype: (p/255 - mean[c]) / std[c], torchvision's
// ToTensor and Normalize in one. It runs on the images' device.
func Pixels(images *Tensor, mean, std [3]float64, dtype DType, channelsLast bool) *Tensor {
	var out C.ct_ref
	m, s := [3]C.double{}, [3]C.double{}
	for c := range 3 {
		m[c], s[c] = C.double(mean[c]), C.double(std[c])
	}
	cl := C.int(0)
	if channelsLast {
		cl = 1
	}
	check("pixels", C.ct_pixels(images.ptr(), &m[0], &s[0], C.int32_t(dtype), cl, &out), images)
	return adopt(out)
}
