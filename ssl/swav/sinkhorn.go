// SPDX-License-Identifier: MIT

package swav

import "seer/torch"

// smallest keeps a division finite where a whole column of exp(scores/ε) underflows: the prototype then gets nothing. It
// lies below every sum that scores in [-1,1] can give for ε ≥ 0.03, so that it never changes a healthy assignment.
const smallest = 1e-37

// Sinkhorn returns soft assignments Q [N,K] of N embeddings to K prototypes for scores [N,K] in float32: the matrix
// near exp(scores/ε) whose rows sum to 1 and whose columns all sum to about N/K (equation 3 and appendix of arXiv
// 2006.09882, distributed_sinkhorn of its code). Each iteration scales the columns, then the rows, so the rows are exact
// and the columns approach N/K as iterations go on.
//
// Q = diag(v)·E·diag(u) for E = exp(scores/ε): the iterations change only the two vectors, so that each costs two
// matrix-vector products in place of four passes over the matrix. Every row of E is divided by its largest element and
// v starts with what that took away (relative to the largest of all, as VISSL subtracts it): the same function on
// paper, in which no row can vanish however small ε is.
func Sinkhorn(scores *torch.Tensor, epsilon float64, iterations int) *torch.Tensor {
	n, k := scores.Size(0), scores.Size(1)
	largest := scores.MaxDims(true, 1)
	e := scores.Sub(largest).DivScalarInPlace(epsilon).ExpInPlace()
	et := e.Transpose(0, 1)
	v := largest.Sub(largest.Max()).DivScalarInPlace(epsilon).ExpInPlace()
	var u *torch.Tensor
	for range iterations {
		u = scaleTo(1/float64(k), et.MatMul(v)) // every prototype gets the share 1/K
		v = scaleTo(1/float64(n), e.MatMul(u))  // every embedding gives the share 1/N
	}
	return e.Mul(v.MulScalar(float64(n))).MulInPlace(u.Transpose(0, 1))
}

// scaleTo returns the factors that bring sums to share.
func scaleTo(share float64, sums *torch.Tensor) *torch.Tensor {
	return torch.Full(share, torch.Float32, sums.Device(), 1, 1).Div(sums.ClampMin(smallest))
}
