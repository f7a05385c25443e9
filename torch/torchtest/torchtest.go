// SPDX-License-Identifier: MIT

// Package torchtest helps tests of code that uses package torch.
package torchtest

import (
	"math"
	"os"
	"testing"

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

// Close fails the test unless got and want have the same shape and differ by at most tol times the largest magnitude of
// want, the relative error that golden files are compared by. It reports the first mismatches.
func Close(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	scale := 0.0
	for _, w := range want {
		scale = math.Max(scale, math.Abs(float64(w)))
	}
	worst, shown := 0.0, 0
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		worst = math.Max(worst, d)
		if !(d <= tol*math.Max(scale, 1e-30)) && shown < 5 {
			t.Errorf("%s[%d] = %v, want %v", what, i, got[i], want[i])
			shown++
		}
	}
	t.Logf("%s: largest error %.2e of the largest magnitude", what, worst/math.Max(scale, 1e-30))
}
