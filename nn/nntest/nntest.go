// SPDX-License-Identifier: MIT

// Package nntest helps tests of modules: it fills them with the weights that golden files were made with, and measures
// how far their gradients and buffers are from the references.
package nntest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// Fill overwrites every parameter and floating-point buffer of w with the golden generator's value for prefix + name
// (tools/golden/gen.py, load). Layouts and gradients stay.
func Fill(t testing.TB, w nn.Walker, prefix string) {
	t.Helper()
	for _, e := range nn.Entries(w) {
		values, err := golden.Parameter(prefix+e.Name, e.Tensor.Shape(), golden.Seed)
		require.NoError(t, err)
		Set(t, e.Tensor, values)
	}
}

// Set overwrites a float32 tensor with values in row-major order.
func Set(t testing.TB, x *torch.Tensor, values []float32) {
	t.Helper()
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
	require.NoError(t, x.SetRawBytes(raw))
}

// Input draws the golden generator's tensor of that name and shape, uniform in [-1, 1), on [torchtest.Device].
func Input(name string, seed uint64, shape ...int64) *torch.Tensor {
	return torchtest.Float32(golden.Tensor(name, shape, 1, seed), shape...)
}

// Find returns the tensor of that name.
func Find(t testing.TB, w nn.Walker, name string) *torch.Tensor {
	t.Helper()
	for _, e := range nn.Entries(w) {
		if e.Name == name {
			return e.Tensor
		}
	}
	require.Failf(t, "no such tensor", "%s", name)
	return nil
}

// Names lists the names of entries in order.
func Names(entries []nn.Entry) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names
}

// Worst collects the largest relative error of each kind of quantity, for a test's log line.
type Worst map[string]float64

// See records the relative error (see [golden.MaxRel]) of got and fails the test when it is above tol.
func (w Worst) See(t testing.TB, kind, what string, got, want []float32, tol float64) {
	t.Helper()
	if w.note(t, kind, golden.MaxRel(got, want), tol) {
		t.Errorf("%s of %s: %v…, want %v…: relative error %.2e", kind, what, got[:min(4, len(got))],
			want[:min(4, len(want))], golden.MaxRel(got, want))
	}
}

// Within is See for one number, whose error is measured against a scale of the caller's.
func (w Worst) Within(t testing.TB, kind, what string, got, want, scale, tol float64) {
	t.Helper()
	rel := math.Abs(got-want) / scale
	if w.note(t, kind, rel, tol) {
		t.Errorf("%s of %s: %v, want %v: %.2e of %v", kind, what, got, want, rel, scale)
	}
}

// note keeps the largest error and says whether to report this one: the first above tol of its kind. A wrong layer
// breaks all that depend on it, and thousands of lines hide where it starts.
func (w Worst) note(t testing.TB, kind string, rel, tol float64) bool {
	before := w[kind]
	if math.IsNaN(rel) {
		rel = math.Inf(1)
	}
	w[kind] = max(before, rel)
	if rel > tol {
		t.Fail()
	}
	return rel > tol && before <= tol
}

// String lists the kinds in alphabetical order.
func (w Worst) String() string {
	lines := make([]string, 0, len(w))
	for _, kind := range slices.Sorted(maps.Keys(w)) {
		lines = append(lines, fmt.Sprintf("%s %.1e", kind, w[kind]))
	}
	return strings.Join(lines, ", ")
}
