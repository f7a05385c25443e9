// SPDX-License-Identifier: MIT

package swav_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/ssl/swav"
	"seer/torch"
	"seer/torch/torchtest"
)

// rows makes n embeddings of one dimension with values from, from+1, …: easy to tell apart.
func rows(from, n int64) *torch.Tensor {
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(from + int64(i))
	}
	return torchtest.Float32(data, n, 1)
}

func newQueue(t *testing.T, crops int, length, dim int64) *swav.Queue {
	t.Helper()
	q := swav.NewQueue(torchtest.Device, crops, length, dim)
	t.Cleanup(func() { nn.Close(q) })
	return q
}

// push stores the same batch in every ring.
func push(q *swav.Queue, z *torch.Tensor, crops int) {
	for a := range crops {
		q.Push(a, z)
	}
	q.Advance(z.Size(0))
}

// After any sequence of batches, longer than the ring too, a ring holds the latest rows, each once.
func TestQueueHoldsTheLatestRows(t *testing.T) {
	for _, batches := range [][]int64{{4}, {8}, {3, 3, 3}, {5, 5, 5, 5}, {20}, {3, 21, 2}, {8, 8}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {17, 23}} {
		torchtest.NoLeaks(t)
		const length = 8
		q := newQueue(t, 2, length, 1)
		pushed := int64(0)
		for _, n := range batches {
			push(q, rows(pushed+1, n), 2)
			pushed += n
			assert.Equal(t, pushed >= length, q.Full(), "%v: %d rows pushed", batches, pushed)
		}
		var want []float32
		for i := max(pushed-length, 0); i < pushed; i++ {
			want = append(want, float32(i+1))
		}
		for range length - len(want) {
			want = append(want, 0)
		}
		assert.ElementsMatch(t, want, q.Embeddings(0).Float32s(), "%v", batches)
		assert.Equal(t, q.Embeddings(0).Float32s(), q.Embeddings(1).Float32s())
	}
}

// One long batch leaves the ring as the same rows one at a time do.
func TestQueueIsTheSameHoweverRowsArrive(t *testing.T) {
	torchtest.NoLeaks(t)
	together, single := newQueue(t, 1, 6, 1), newQueue(t, 1, 6, 1)
	push(together, rows(1, 4), 1)
	push(together, rows(5, 15), 1)
	for i := range int64(19) {
		push(single, rows(i+1, 1), 1)
	}
	assert.Equal(t, single.Embeddings(0).Float32s(), together.Embeddings(0).Float32s())
}

func TestQueueRingsAreSeparate(t *testing.T) {
	torchtest.NoLeaks(t)
	q := newQueue(t, 2, 4, 1)
	q.Push(0, rows(1, 4))
	q.Push(1, rows(10, 4))
	q.Advance(4)
	assert.Equal(t, []float32{1, 2, 3, 4}, q.Embeddings(0).Float32s())
	assert.Equal(t, []float32{10, 11, 12, 13}, q.Embeddings(1).Float32s())
}

// What Walk lists is all the state there is: a queue restored from it goes on exactly as the first one.
func TestQueueResumesFromItsEntries(t *testing.T) {
	torchtest.NoLeaks(t)
	first, second := newQueue(t, 2, 7, 1), newQueue(t, 2, 7, 1)
	push(first, rows(1, 9), 2)
	from, to := nn.Entries(first), nn.Entries(second)
	require.Len(t, from, 2)
	for i := range from {
		assert.Equal(t, nn.Buffer, from[i].Kind)
		assert.Equal(t, from[i].Name, to[i].Name)
		require.NoError(t, to[i].Tensor.SetRawBytes(from[i].Tensor.RawBytes()))
	}
	for _, q := range []*swav.Queue{first, second} {
		push(q, rows(100, 4), 2)
	}
	assert.True(t, second.Full())
	assert.True(t, first.Embeddings(1).Equal(second.Embeddings(1)))
}

func TestQueueRefusesAnotherWidth(t *testing.T) {
	torchtest.NoLeaks(t)
	q := newQueue(t, 1, 4, 3)
	require.Error(t, torch.Try(func() { q.Push(0, torch.Ones(torch.Float32, torchtest.Device, 2, 2)) }))
}
