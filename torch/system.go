// SPDX-License-Identifier: MIT

package torch

// #include <stdlib.h>
// #include "ct.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"seer/internal/cpus"
)

func init() {
	if err := checkShim(); err != nil {
		fmt.Fprintln(os.Stderr, "seer:", err)
		os.Exit(1)
	}
	SetThreads(cpus.Threads().N)
	if !allocatorIsChosen() {
		C.ct_keep_freed_memory()
	}
}

// allocatorIsChosen reports whether the environment has settings for the C library's allocator: they are the user's.
func allocatorIsChosen() bool {
	return slices.ContainsFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MALLOC_") || strings.HasPrefix(v, "GLIBC_TUNABLES=") && strings.Contains(v, "glibc.malloc.")
	})
}

// Version returns libtorch's version, such as "2.11.0".
func Version() string { return C.GoString(C.ct_version()) }

// loadCUDA opens libtorch_cuda once. Nothing refers to its symbols, so a linker would drop it: opening it at run time
// registers its kernels and lets one binary serve machines with and without a GPU.
var loadCUDA = sync.OnceValue(func() error {
	name := C.CString("libtorch_cuda.so")
	defer C.free(unsafe.Pointer(name))
	return takeError("load_cuda", C.ct_load_cuda(name))
})

// CUDACount returns the number of GPUs that can be used, 0 when libtorch's CUDA part is not installed.
func CUDACount() int {
	if loadCUDA() != nil {
		return 0
	}
	return int(C.ct_cuda_count())
}

// cudaError says why there is no GPU.
func cudaError() error {
	if err := loadCUDA(); err != nil {
		return fmt.Errorf("libtorch's CUDA part is not loaded: %w", err)
	}
	return errors.New("the driver reports no device")
}

// CUDAStatus returns nil when at least one GPU can be used, else the reason.
func CUDAStatus() error {
	if CUDACount() > 0 {
		return nil
	}
	return cudaError()
}

// CUDAMath is how GPUs compute.
type CUDAMath struct {
	// TF32 lets convolutions of float32 round their factors to 10 bits of mantissa, as tensor cores want it and PyTorch
	// does. Matrix products stay exact.
	TF32 bool
	// Deterministic makes every operation that can give the same bits each time do so; otherwise cuDNN times its
	// algorithms and takes the fastest.
	Deterministic bool
}

// SetCUDAMath decides it for all operations that follow.
func SetCUDAMath(m CUDAMath) error {
	if m.Deterministic && os.Getenv("CUBLAS_WORKSPACE_CONFIG") == "" {
		// cuBLAS reads it with its first call.
		if err := os.Setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8"); err != nil {
			return err
		}
	}
	return takeError("set_cuda_math", C.ct_set_cuda_math(number(m.TF32), number(m.Deterministic)))
}

// number is a bool for C.
func number(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Synchronize waits until the device has done everything that was asked of it.
func Synchronize(dev Device) error {
	return takeError("synchronize", C.ct_synchronize(C.int32_t(dev.Type), C.int32_t(max(dev.Index, 0))))
}

// ManualSeed seeds libtorch's generators of all devices. Where other goroutines draw too, use [Seeded].
func ManualSeed(seed uint64) { check("manual_seed", C.ct_manual_seed(C.uint64_t(seed))) }

// RNGState returns the state of the device's generator; with SetRNGState it continues a stream of draws exactly.
func RNGState(dev Device) []byte {
	s := NewScope()
	defer s.Close()
	generators.Lock()
	defer generators.Unlock()
	var out C.ct_ref
	check("rng_state", C.ct_rng_state(C.int32_t(dev.Type), C.int32_t(dev.Index), &out))
	return adopt(out).RawBytes()
}

// SetRNGState restores a state from RNGState of the same kind of device.
func SetRNGState(dev Device, state []byte) error {
	s := NewScope()
	defer s.Close()
	t := FromBytes(state, UInt8, int64(len(state)))
	generators.Lock()
	defer generators.Unlock()
	return takeError("set_rng_state", C.ct_set_rng_state(C.int32_t(dev.Type), C.int32_t(dev.Index), t.ptr()), t)
}

// Memory is the state of a GPU's allocator, in bytes.
type Memory struct{ Allocated, Peak, Reserved int64 }

// DeviceMemory returns the allocator's figures for a GPU.
func DeviceMemory(dev Device) (Memory, error) {
	var a, p, r C.int64_t
	err := takeError("device_memory", C.ct_device_memory(C.int32_t(dev.Index), &a, &p, &r))
	return Memory{int64(a), int64(p), int64(r)}, err
}
