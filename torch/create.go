// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import "unsafe"

func cOptions(dtype DType, dev Device) C.ct_options {
	return C.ct_options{dtype: C.int32_t(dtype), device_type: C.int32_t(dev.Type), device_index: C.int32_t(dev.Index)}
}

// ints passes a Go slice to C; C reads it during the call only. An empty slice is a scalar shape.
func ints(s []int64) (*C.int64_t, C.int) {
	if len(s) == 0 {
		return nil, 0
	}
	return (*C.int64_t)(unsafe.Pointer(&s[0])), C.int(len(s))
}

func create(op string, kind C.int, dtype DType, dev Device, shape []int64) *Tensor {
	var out C.ct_ref
	p, n := ints(shape)
	check(op, C.ct_create(kind, p, n, cOptions(dtype, dev), &out))
	return adopt(out)
}

// Empty returns a tensor with undefined elements.
func Empty(dtype DType, dev Device, shape ...int64) *Tensor {
	return create("empty", C.CT_EMPTY, dtype, dev, shape)
}

// Zeros returns a tensor of zeros.
func Zeros(dtype DType, dev Device, shape ...int64) *Tensor {
	return create("zeros", C.CT_ZEROS, dtype, dev, shape)
}

// Ones returns a tensor of ones.
func Ones(dtype DType, dev Device, shape ...int64) *Tensor {
	return create("ones", C.CT_ONES, dtype, dev, shape)
}

// Rand draws uniformly from [0, 1) with libtorch's generator of the device.
func Rand(dev Device, shape ...int64) *Tensor { return create("rand", C.CT_RAND, Float32, dev, shape) }

// Randn draws from the standard normal distribution with libtorch's generator of the device.
func Randn(dev Device, shape ...int64) *Tensor {
	return create("randn", C.CT_RANDN, Float32, dev, shape)
}

// Full returns a tensor filled with value.
func Full(value float64, dtype DType, dev Device, shape ...int64) *Tensor {
	var out C.ct_ref
	p, n := ints(shape)
	check("full", C.ct_full(p, n, C.double(value), cOptions(dtype, dev), &out))
	return adopt(out)
}

// fromSlice copies host data into a new CPU tensor.
func fromSlice[E any](data []E, dtype DType, shape []int64) *Tensor {
	var out C.ct_ref
	var zero E
	p, n := ints(shape)
	size := C.int64_t(len(data)) * C.int64_t(unsafe.Sizeof(zero))
	check("from_slice", C.ct_from_bytes(unsafe.Pointer(unsafe.SliceData(data)), size, p, n, C.int32_t(dtype), &out))
	return adopt(out)
}

// FromFloat32 copies data, in row-major order, into a new CPU tensor of that shape.
func FromFloat32(data []float32, shape ...int64) *Tensor { return fromSlice(data, Float32, shape) }

// FromFloat64 copies data into a new CPU tensor of float64.
func FromFloat64(data []float64, shape ...int64) *Tensor { return fromSlice(data, Float64, shape) }

// FromInt64 copies data into a new CPU tensor of int64.
func FromInt64(data []int64, shape ...int64) *Tensor { return fromSlice(data, Int64, shape) }

// FromBytes copies raw little-endian elements of any type into a new CPU tensor: pixels, or weights from a file.
func FromBytes(data []byte, dtype DType, shape ...int64) *Tensor {
	return fromSlice(data, dtype, shape)
}

// readInto copies t, in row-major order and from any device, to host memory.
func readInto[E any](t *Tensor, op string, want DType) []E {
	if got := t.DType(); want >= 0 && got != want {
		misuse(op, "the tensor is %s, convert it with To(%v) first", t.describe(), want)
	}
	var zero E
	data := make([]E, t.Bytes()/int64(unsafe.Sizeof(zero)))
	check(op, C.ct_read_bytes(t.ptr(), unsafe.Pointer(unsafe.SliceData(data)), C.int64_t(t.Bytes())), t)
	return data
}

// Float32s returns a copy of the elements of a float32 tensor; it waits for the device.
func (t *Tensor) Float32s() []float32 { return readInto[float32](t, "float32s", Float32) }

// Float64s returns a copy of the elements of a float64 tensor; it waits for the device.
func (t *Tensor) Float64s() []float64 { return readInto[float64](t, "float64s", Float64) }

// Int64s returns a copy of the elements of an int64 tensor; it waits for the device.
func (t *Tensor) Int64s() []int64 { return readInto[int64](t, "int64s", Int64) }

// RawBytes returns a copy of the elements as little-endian bytes, row-major, for any type.
func (t *Tensor) RawBytes() []byte { return readInto[byte](t, "raw_bytes", -1) }

// SetRawBytes overwrites the elements with little-endian bytes in row-major order. The layout on the device stays.
func (t *Tensor) SetRawBytes(data []byte) error {
	msg := C.ct_write_bytes(t.ptr(), unsafe.Pointer(unsafe.SliceData(data)), C.int64_t(len(data)))
	return takeError("set_raw_bytes", msg, t)
}

// Item returns the value of a tensor of one element; it waits for the device.
func (t *Tensor) Item() float64 {
	var v C.double
	check("item", C.ct_item(t.ptr(), &v), t)
	return float64(v)
}

// Equal reports whether two tensors have the same shape and equal elements.
func (t *Tensor) Equal(o *Tensor) bool {
	var eq C.int
	check("equal", C.ct_equal(t.ptr(), o.ptr(), &eq), t, o)
	return eq != 0
}

// PinnedBytes allocates page-locked host memory, from which copies to a GPU run asynchronously, and returns it with the
// tensor that owns it. Without a GPU it is ordinary memory.
func PinnedBytes(n int) ([]byte, *Tensor) {
	var out C.ct_ref
	shape := []int64{int64(n)}
	o := cOptions(UInt8, CPU)
	if CUDACount() > 0 {
		o.pinned = 1
	}
	p, dims := ints(shape)
	check("pinned_bytes", C.ct_create(C.CT_EMPTY, p, dims, o, &out))
	t := adopt(out).Release()
	var base unsafe.Pointer
	check("pinned_bytes", C.ct_data_pointer(t.ptr(), &base), t)
	return unsafe.Slice((*byte)(base), n), t
}
