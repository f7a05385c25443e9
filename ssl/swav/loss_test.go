// SPDX-License-Identifier: MIT

package swav_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/ssl/swav"
	"seer/torch"
	"seer/torch/torchtest"
)

// problem is an input of the loss on the host: scores [V·B,K] crop-major and assignments [A·B,K].
type problem struct {
	crops, batch, k int
	assign          []int
	scores, q       []float32
	temperature     float64
}

func newProblem(crops, batch, k int, assign ...int) problem {
	scores := cosines(int64(crops*batch), int64(k), 6)
	q := torch.Randn(torchtest.Device, int64(len(assign)*batch), int64(k)).Softmax(1)
	return problem{crops, batch, k, assign, scores.Float32s(), q.Float32s(), 0.1}
}

func (p problem) tensors() (scores, q *torch.Tensor) {
	return torchtest.Float32(p.scores, int64(p.crops*p.batch), int64(p.k)),
		torchtest.Float32(p.q, int64(len(p.assign)*p.batch), int64(p.k))
}

func (p problem) loss() float64 {
	scores, q := p.tensors()
	return swav.SwappedPrediction(scores, q, p.assign, int64(p.batch), p.temperature).Item()
}

// pairs calls f for every assigned crop (by its place in the list) and every other crop of every image: the rows of Q
// and of the scores that meet.
func (p problem) pairs(f func(qRow, scoreRow int)) (count int) {
	for a, from := range p.assign {
		for v := range p.crops {
			for b := 0; v != from && b < p.batch; b++ {
				f(a*p.batch+b, v*p.batch+b)
				count++
			}
		}
	}
	return count
}

// softmax of one row of scores over τ, in float64.
func (p problem) softmax(row int) []float64 {
	out, sum := make([]float64, p.k), 0.0
	for j := range out {
		out[j] = math.Exp(float64(p.scores[row*p.k+j]) / p.temperature)
		sum += out[j]
	}
	for j := range out {
		out[j] /= sum
	}
	return out
}

// oracle is equation 2 of arXiv 2006.09882, pair by pair.
func (p problem) oracle() float64 {
	total := 0.0
	count := p.pairs(func(qRow, scoreRow int) {
		for j, s := range p.softmax(scoreRow) {
			total -= float64(p.q[qRow*p.k+j]) * math.Log(s)
		}
	})
	return total / float64(count)
}

// gradient of the oracle: (softmax - Q)/τ for each pair, and nothing else. A path through Q would add to it.
func (p problem) gradient() []float32 {
	g := make([]float64, len(p.scores))
	count := p.pairs(func(qRow, scoreRow int) {
		for j, s := range p.softmax(scoreRow) {
			g[scoreRow*p.k+j] += (s - float64(p.q[qRow*p.k+j])) / p.temperature
		}
	})
	out := make([]float32, len(g))
	for i := range g {
		out[i] = float32(g[i] / float64(count))
	}
	return out
}

func TestLossAndGradientEqualTheOracle(t *testing.T) {
	torch.ManualSeed(9)
	for _, c := range []struct {
		crops, batch, k int
		assign          []int
	}{
		{2, 4, 5, []int{0, 1}}, {2, 4, 5, []int{0}}, {6, 3, 7, []int{0, 1}}, {6, 3, 7, []int{1, 0}}, {8, 5, 11, []int{0, 1}},
		{4, 2, 3, []int{0, 1, 2, 3}}, {3, 1, 9, []int{2}}, {5, 2, 300, []int{1, 3}},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			torchtest.NoLeaks(t)
			p := newProblem(c.crops, c.batch, c.k, c.assign...)
			assert.InEpsilon(t, p.oracle(), p.loss(), 1e-6)
			scores, q := p.tensors()
			scores.SetRequiresGrad(true)
			swav.SwappedPrediction(scores, q, p.assign, int64(p.batch), p.temperature).Backward()
			torchtest.Close(t, "gradient", scores.Grad().Float32s(), p.gradient(), 1e-5)
		})
	}
}

// The trap: rows ordered image by image, not crop by crop, give a plausible loss that is wrong.
func TestBatchMajorRowsGiveAnotherLoss(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(10)
	p := newProblem(3, 4, 5, 0, 1)
	want := p.loss()
	mixed := p
	mixed.scores = nil
	for b := range p.batch {
		for v := range p.crops {
			row := (v*p.batch + b) * p.k
			mixed.scores = append(mixed.scores, p.scores[row:row+p.k]...)
		}
	}
	assert.Greater(t, math.Abs(mixed.loss()-want)/want, 0.01)
}

// More crops of the same view change neither the loss nor, with it, the learning rate that fits.
func TestLossIsIndependentOfTheNumberOfCrops(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(11)
	p := newProblem(2, 4, 5, 0)
	want := p.loss()
	view := p.scores[p.batch*p.k:]
	for range 4 {
		p.scores = append(p.scores, view...)
		p.crops++
		require.InEpsilon(t, want, p.loss(), 1e-6, "%d crops", p.crops)
	}
}

// The order in which assigned crops are listed does not matter, as long as Q has the same.
func TestOrderOfAssignedCrops(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(12)
	p := newProblem(4, 3, 6, 0, 1)
	swapped := p
	half := len(p.q) / 2
	swapped.assign, swapped.q = []int{1, 0}, append(append([]float32{}, p.q[half:]...), p.q[:half]...)
	assert.InEpsilon(t, p.loss(), swapped.loss(), 1e-6)
	swapped.assign = []int{0, 1}
	assert.Greater(t, math.Abs(swapped.loss()-p.loss()), 1e-3)
}

// Uniform predictions or uniform assignments of identical rows give ln K: where SwAV starts, and where it collapses to.
func TestLossOfNoInformationIsLnK(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(13)
	p := newProblem(6, 4, 30, 0, 1)
	for i := range p.scores {
		p.scores[i] = 0.25
	}
	assert.InDelta(t, math.Log(30), p.loss(), 1e-5)
}

func TestLossOfWrongShapesIsAnError(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(14)
	p := newProblem(3, 4, 5, 0, 1)
	p.batch = 5 // 12 rows are no multiple of 5
	err := torch.Try(func() {
		scores, q := torchtest.Float32(p.scores, 12, 5), torchtest.Float32(p.q, 8, 5)
		swav.SwappedPrediction(scores, q, p.assign, 5, 0.1)
	})
	var op *torch.OpError
	require.ErrorAs(t, err, &op)
}
