// SPDX-License-Identifier: MIT

package swav

import (
	"seer/nn"
	"seer/torch"
	"seer/torch/dist"
)

// Queue stores the latest embeddings of each assigned crop, without gradient, for batches that are small against the
// number of prototypes (section 3.2, "working with small batches"). Only embeddings are kept: their scores are computed
// with the prototypes of the step that uses them. It takes part once it is full, as in SwAV's code (which asks whether
// the last row is still zero); VISSL instead starts with random rows.
//
// It is a ring: rows are overwritten in place, and Sinkhorn does not depend on their order. Of several processes each
// keeps all embeddings of all, which are few against everything else, so that the queue of a run does not depend on how
// many there are; it computes the scores of its [Queue.Share].
type Queue struct {
	rings  *torch.Tensor // [A, L, D]
	stored *torch.Tensor // int64 [1] on the CPU: embeddings pushed so far to each ring; the next goes to stored mod L
}

// NewQueue makes empty rings of length rows for crops assigned crops.
func NewQueue(dev torch.Device, crops int, length, dim int64) *Queue {
	return &Queue{
		rings:  torch.Zeros(torch.Float32, dev, int64(crops), length, dim).Release(),
		stored: torch.Zeros(torch.Int64, torch.CPU, 1).Release(),
	}
}

// Full reports whether every row has been written.
func (q *Queue) Full() bool { return int64(q.stored.Item()) >= q.length() }

func (q *Queue) length() int64 { return q.rings.Size(1) }

// Embeddings returns the rows of ring a: [L,D], oldest and newest in any order.
func (q *Queue) Embeddings(a int) *torch.Tensor { return q.rings.Narrow(0, int64(a), 1).Squeeze(0) }

// Share returns the rows of ring a that are this process's to compute with: those of all processes together are the ring.
func (q *Queue) Share(a int, g *dist.Group) *torch.Tensor {
	rank, size := int64(g.Rank()), int64(g.Size())
	from, to := q.length()*rank/size, q.length()*(rank+1)/size
	return q.Embeddings(a).Narrow(0, from, to-from)
}

// Push writes the embeddings of one batch [B,D] over the oldest rows of ring a. A batch longer than the ring leaves its
// last rows.
func (q *Queue) Push(a int, z *torch.Tensor) {
	ring, length := q.Embeddings(a), q.length()
	n := z.Size(0)
	at := int64(q.stored.Item()) % length
	if n > length {
		z, at, n = z.Narrow(0, n-length, length), (at+n-length)%length, length
	}
	first := min(n, length-at)
	ring.Narrow(0, at, first).CopyInPlace(z.Narrow(0, 0, first))
	if rest := n - first; rest > 0 {
		ring.Narrow(0, 0, rest).CopyInPlace(z.Narrow(0, first, rest))
	}
}

// Advance moves the write position once all rings have got the batch.
func (q *Queue) Advance(batch int64) { q.stored.AddInPlace(torch.FromInt64([]int64{batch}, 1)) }

// Walk visits the rings and their position: the queue resumes exactly.
func (q *Queue) Walk(prefix string, visit func(nn.Entry)) {
	visit(nn.Entry{Name: nn.Join(prefix, "embeddings"), Kind: nn.Buffer, Tensor: q.rings})
	visit(nn.Entry{Name: nn.Join(prefix, "stored"), Kind: nn.Buffer, Tensor: q.stored})
}
