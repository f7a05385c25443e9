// SPDX-License-Identifier: MIT

// Package torchtest helps tests of code that uses package torch.
package torchtest

import (
	"os"
	"testing"

	"seer/internal/golden"
	"seer/torch"
)

// Device is where the tests compute that compare with numbers of other libraries: the CPU, or what SEER_TEST_DEVICE names.
// Convolutions are exact there.
var Device = device()

func device() torch.Device {
	name := os.Getenv("SEER_TEST_DEVICE")
	if name == "" {
		return torch.CPU
	}
	dev, err := torch.ParseDevice(name)
	if err == nil {
		err = torch.SetCUDAMath(torch.CUDAMath{Deterministic: true})
	}
	if err != nil {
		panic("SEER_TEST_DEVICE: " + err.Error())
	}
	return dev
}

// On is x on the device of the tests.
func On(x *torch.Tensor) *torch.Tensor {
	if Device == torch.CPU {
		return x
	}
	return x.ToDevice(Device)
}

// Float32 is [torch.FromFloat32] on the device of the tests.
func Float32(data []float32, shape ...int64) *torch.Tensor {
	return On(torch.FromFloat32(data, shape...))
}

// Int64 is [torch.FromInt64] on the device of the tests.
func Int64(data []int64, shape ...int64) *torch.Tensor { return On(torch.FromInt64(data, shape...)) }

// Main runs the tests of a package on one thread an operation: go test runs several packages at once, and OpenMP's
// threads spin while they wait for each other, which on a busy machine takes ten times as long. A package calls it from
// its TestMain.
func Main(m *testing.M) {
	torch.SetThreads(1)
	os.Exit(m.Run())
}

// NoLeaks opens a scope for the test and fails it if, at the end, more tensors are open than before.
func NoLeaks(t *testing.T) {
	t.Helper()
	before := torch.LiveTensors()
	s := torch.NewScope()
	t.Cleanup(func() {
		s.Close()
		if after := torch.LiveTensors(); after != before {
			t.Errorf("%d tensors were open before the test, %d after; run with -tags torchdebug to see where they were made",
				before, after)
		}
	})
}

// Close fails the test unless got and want have the same shape and every element is within tol of its reference, relative
// to the element or, for a small one, to [golden.Floor] times the largest. It reports the first mismatches.
func Close(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if worst := golden.MaxRel(got, want); worst <= tol {
		t.Logf("%s: largest relative error %.2e", what, worst)
		return
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	t.Errorf("%s: largest relative error %.2e, allowed %.0e", what, golden.MaxRel(got, want), tol)
	shown := 0
	for i, w := range want {
		if got[i] != w && shown < 5 && golden.MaxRel(got[i:i+1], want[i:i+1]) > tol {
			t.Errorf("%s[%d] = %v, want %v", what, i, got[i], w)
			shown++
		}
	}
}
