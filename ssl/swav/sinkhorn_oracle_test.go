// SPDX-License-Identifier: MIT

package swav_test

import "math"

// oracle is Sinkhorn as the paper's appendix writes it, in float64 on a plain slice [n,k]: exp, then in turns columns
// of weight 1/K and rows of weight 1/N, at last times N. It has no trick that could hide a mistake; float64 needs
// none down to ε of 0.003 (exp(2/0.003) = 10²⁹⁰).
func oracle(scores []float32, n, k int, epsilon float64, iterations int) []float32 {
	q, out := make([]float64, n*k), make([]float32, n*k)
	for i, s := range scores {
		q[i] = math.Exp(float64(s) / epsilon)
	}
	for range iterations {
		for j := range k {
			rescale(q[j:], k, n, 1/float64(k))
		}
		for i := range n {
			rescale(q[i*k:], 1, k, 1/float64(n))
		}
	}
	for i := range q {
		out[i] = float32(q[i] * float64(n))
	}
	return out
}

// rescale makes count elements, stride apart, sum to share.
func rescale(q []float64, stride, count int, share float64) {
	sum := 0.0
	for i := range count {
		sum += q[i*stride]
	}
	for i := range count {
		q[i*stride] *= share / sum
	}
}
