// SPDX-License-Identifier: MIT

package golden

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
)

// Seed is the seed of every weight of the golden files; gen.SEED in Python.
const Seed uint64 = 20210302

// Fill returns n values, uniform in [-1, 1), that depend on (name, seed, index)
// only. Each is a multiple of 2^-23, hence exact in float32.
func Fill(name string, seed uint64, n int) []float32 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	key := h.Sum64() ^ seed
	out := make([]float32, n)
	for i := range out {
		k := int64(splitmix64(key+uint64(i+1)*0x9E3779B97F4A7C15)>>40) - 1<<23
		out[i] = float32(k) / (1 << 23)
	}
	return out
}

// splitmix64 is the output function of Steele, Lea and Flood's generator
// (OOPSLA 2014): a bijection, so a counter never repeats a value.
func splitmix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Tensor is Fill for a shape, times float32(factor) with one rounding.
func Tensor(name string, shape []int64, factor float64, seed uint64) []float32 {
	out := Fill(name, seed, int(product(shape)))
	f := float32(factor)
	for i, v := range out {
		out[i] = f * v
	}
	return out
}

// Parameter returns the value of a parameter or buffer by its torchvision name
// and shape: batch-norm scales and variances in [0.5, 1.5) (last scale of a
// residual branch a quarter or an eighth of that), biases, means and tokens in [-0.1, 0.1), weights
// by He's uniform bound sqrt(6/fan_in). It is gen.parameter in Python, where the
// reason for each scale stands. An unknown kind of name is an error.
func Parameter(name string, shape []int64, seed uint64) ([]float32, error) {
	switch vector := len(shape) == 1; {
	case strings.HasSuffix(name, "running_var"), strings.HasSuffix(name, "weight") && vector:
		return around1(name, shape, seed), nil
	case hasSuffix(name, "running_mean", "bias", "_token", "_embedding"):
		return Tensor(name, shape, 0.1, seed), nil
	case strings.HasSuffix(name, "weight") && len(shape) > 1:
		return Tensor(name, shape, math.Sqrt(6/float64(product(shape[1:]))), seed), nil
	}
	return nil, fmt.Errorf("%s %v: no rule; wanted weight, bias, running_mean or running_var", name, shape)
}

// around1 fills 1 + v/2, with the last batch norm of a residual branch damped.
// Products by powers of two are exact, so a fused multiply-add changes no bit.
func around1(name string, shape []int64, seed uint64) []float32 {
	out := Tensor(name, shape, 0.5, seed)
	scale := float32(1)
	switch {
	case hasSuffix(name, "f.c.1.weight", ".net.4.0.weight"):
		scale = 0.25
	case hasSuffix(name, "bn3.weight"):
		scale = 0.125
	}
	for i, v := range out {
		out[i] = scale * (1 + v)
	}
	return out
}

func hasSuffix(name string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// product is the number of elements of a shape.
func product(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}
