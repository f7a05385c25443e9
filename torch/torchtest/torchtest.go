// SPDX-License-Identifier: MIT

// Package torchtest helps tests of code that uses package torch.
package torchtest

import (
	"os"
	"testing"

	"seer/internal/golden"
	"seer/torch"
)

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
