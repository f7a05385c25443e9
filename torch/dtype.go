// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"strconv"
	"strings"
)

// DType is an element type. The values are libtorch's c10::ScalarType.
type DType int8

// The element types that seer uses.
const (
	UInt8    DType = 0
	Int32    DType = 3
	Int64    DType = 4
	Float16  DType = 5
	Float32  DType = 6
	Float64  DType = 7
	Bool     DType = 11
	BFloat16 DType = 15
)

var dtypeNames = map[DType]string{
	UInt8: "uint8", Int32: "int32", Int64: "int64", Float16: "float16", Float32: "float32", Float64: "float64",
	Bool: "bool", BFloat16: "bfloat16",
}

// String returns PyTorch's name of the type.
func (d DType) String() string {
	if s, ok := dtypeNames[d]; ok {
		return s
	}
	return fmt.Sprintf("dtype(%d)", int8(d))
}

// IsFloat tells types whose values can be NaN or infinite.
func (d DType) IsFloat() bool {
	return d == Float32 || d == Float16 || d == BFloat16 || d == Float64
}

// Size returns the bytes of one element.
func (d DType) Size() int64 {
	switch d {
	case UInt8, Bool:
		return 1
	case Float16, BFloat16:
		return 2
	case Int32, Float32:
		return 4
	default:
		return 8
	}
}

// DeviceType is a kind of device. The values are libtorch's c10::DeviceType.
type DeviceType int8

// The kinds of devices that seer runs on. Meta tensors have a shape and no memory.
const (
	CPUType  DeviceType = 0
	CUDAType DeviceType = 1
	MetaType DeviceType = 14
)

// Device is where a tensor lives.
type Device struct {
	Type  DeviceType
	Index int // -1: the kind has only one
}

// CPU is host memory; Meta describes shapes without allocating anything.
var (
	CPU  = Device{CPUType, -1}
	Meta = Device{MetaType, -1}
)

// CUDA names the i-th GPU.
func CUDA(i int) Device { return Device{CUDAType, i} }

// String returns PyTorch's notation: "cpu", "cuda:0", "meta".
func (d Device) String() string {
	switch d.Type {
	case CPUType:
		return "cpu"
	case MetaType:
		return "meta"
	default:
		return "cuda:" + strconv.Itoa(max(d.Index, 0))
	}
}

// ParseDevice reads "cpu", "cuda" or "cuda:1". "auto" gives the first GPU when there is one, else the CPU. It loads the
// CUDA libraries when the name asks for them, and says why when they or the GPU are missing.
func ParseDevice(s string) (Device, error) {
	kind, index, numbered := strings.Cut(s, ":")
	switch {
	case s == "cpu":
		return CPU, nil
	case s == "auto":
		if CUDACount() > 0 {
			return CUDA(0), nil
		}
		return CPU, nil
	case kind == "cuda":
		return parseCUDA(s, index, numbered)
	}
	return Device{}, fmt.Errorf("device %q is not known: use auto, cpu, cuda or cuda:N", s)
}

func parseCUDA(s, index string, numbered bool) (Device, error) {
	n := uint64(0)
	if numbered {
		var err error
		if n, err = strconv.ParseUint(index, 10, 31); err != nil {
			return Device{}, fmt.Errorf("device %q: the index must be a number from 0, as in cuda:1", s)
		}
	}
	count := CUDACount()
	if count == 0 {
		return Device{}, fmt.Errorf("device %q: no GPU can be used (%w); use device = \"cpu\"", s, cudaError())
	}
	return existing(s, int(n), count)
}

// existing is the n-th of count GPUs.
func existing(s string, n, count int) (Device, error) {
	switch {
	case n < count:
		return CUDA(n), nil
	case count == 1:
		return Device{}, fmt.Errorf("device %q does not exist: there is one GPU, cuda:0; CUDA_VISIBLE_DEVICES may hide others", s)
	}
	return Device{}, fmt.Errorf("device %q does not exist: there are %d GPUs, cuda:0 to cuda:%d; CUDA_VISIBLE_DEVICES may hide others", s, count, count-1)
}
