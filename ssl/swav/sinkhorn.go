// SPDX-License-Identifier: MIT

package swav

import (
	"seer/torch"
	"seer/torch/dist"
)

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
//
// The embeddings of several processes are one matrix, of which each holds some rows: only the K sums over all rows are
// exchanged. [SinkhornOver] has several
// matrices, one an assigned crop, share their messages.
func Sinkhorn(scores *torch.Tensor, epsilon float64, iterations int) *torch.Tensor {
	return SinkhornOver(nil, []*torch.Tensor{scores}, epsilon, iterations)[0]
}

// SinkhornOver is [Sinkhorn] of several matrices of scores [n,K], each with the rows of all processes of the group, of
// which there may be different numbers. It returns this process's rows of the assignments. An iteration is one collective
// of K numbers a matrix.
func SinkhornOver(g *dist.Group, scores []*torch.Tensor, epsilon float64, iterations int) []*torch.Tensor {
	k := scores[0].Size(1)
	e, v, u := make([]*torch.Tensor, len(scores)), make([]*torch.Tensor, len(scores)), make([]*torch.Tensor, len(scores))
	largest := make([]*torch.Tensor, len(scores))
	for i, s := range scores {
		largest[i] = s.MaxDims(true, 1)
	}
	top, n := overall(g, largest)
	for i, s := range scores {
		e[i] = s.Sub(largest[i]).DivScalarInPlace(epsilon).ExpInPlace()
		v[i] = largest[i].Sub(top[i]).DivScalarInPlace(epsilon).ExpInPlace()
	}
	for range iterations {
		for i := range scores {
			u[i] = e[i].Transpose(0, 1).MatMul(v[i])
		}
		for i, sums := range sumTogether(g, u) {
			u[i] = scaleTo(1/float64(k), sums)                 // every prototype gets the share 1/K
			v[i] = scaleTo(1/float64(n[i]), e[i].MatMul(u[i])) // every embedding gives the share 1/N
		}
	}
	for i := range scores {
		e[i] = e[i].Mul(v[i].MulScalar(float64(n[i]))).MulInPlace(u[i].Transpose(0, 1))
	}
	return e
}

// overall finds the largest of the largest scores and counts the rows, of each matrix over all processes.
func overall(g *dist.Group, largest []*torch.Tensor) (top []*torch.Tensor, rows []int64) {
	for _, l := range largest {
		top, rows = append(top, l.Max()), append(rows, l.Size(0))
	}
	if g == nil {
		return top, rows
	}
	for i := range top {
		top[i] = top[i].Reshape(1)
	}
	all := g.MaxInPlace(torch.Cat(0, top...))
	rows = g.SumInPlace(torch.FromInt64(rows, int64(len(rows)))).Int64s()
	for i := range top {
		top[i] = all.Narrow(0, int64(i), 1)
	}
	return top, rows
}

// sumTogether adds up vectors [K,1] over all processes, in one message.
func sumTogether(g *dist.Group, vectors []*torch.Tensor) []*torch.Tensor {
	if g == nil {
		return vectors
	}
	k := vectors[0].Size(0)
	all := g.SumInPlace(torch.Cat(0, vectors...))
	sums := make([]*torch.Tensor, len(vectors))
	for i := range sums {
		sums[i] = all.Narrow(0, int64(i)*k, k)
	}
	return sums
}

// scaleTo returns the factors that bring sums to share.
func scaleTo(share float64, sums *torch.Tensor) *torch.Tensor {
	return torch.Full(share, torch.Float32, sums.Device(), 1, 1).Div(sums.ClampMin(smallest))
}
