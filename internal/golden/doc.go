// SPDX-License-Identifier: MIT

// Package golden gives tests the weights, inputs and reference numbers of the
// golden files in testdata/golden.
//
// The files hold references only. The weights and inputs that produced them
// come from a counter-based generator defined by integer arithmetic and exactly
// rounded float32 operations, so that this package and tools/golden/gen.py make
// the same bits without sharing a library:
//
//	key      = FNV-1a64(name) XOR seed
//	u(i)     = splitmix64's output function of key + (i+1)*0x9E3779B97F4A7C15
//	value(i) = (float32(u(i)>>40) - 2^23) / 2^23
//
// The package imports no tensor library: what it returns are float32 slices in
// row-major order.
package golden
