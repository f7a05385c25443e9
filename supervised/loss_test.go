// SPDX-License-Identifier: MIT

package supervised_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/supervised"
	"seer/torch"
	"seer/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// The values are those of torch.nn.functional on the same numbers.
func TestLossesEqualPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	scores := torchtest.Float32([]float32{1, -2, 0.5, 3, 0.25, -1}, 2, 3)
	classes := torchtest.Int64([]int64{2, 0}, 2)
	assert.InDelta(t, 0.5418166, supervised.CrossEntropy(scores, classes, 0).Item(), 1e-6)
	assert.InDelta(t, 0.6876499, supervised.CrossEntropy(scores, classes, 0.1).Item(), 1e-6)
	shares := torchtest.Float32([]float32{0.7, 0, 0.3, 0, 1, 0}, 2, 3)
	assert.InDelta(t, 1.7418166, supervised.SoftCrossEntropy(scores, shares).Item(), 1e-6)
	targets := torchtest.Float32([]float32{1, 0, 1, 0, 0, 1}, 2, 3)
	assert.InDelta(t, 1.0170092, supervised.BinaryCrossEntropy(scores, targets).Item(), 1e-6)
}

// An entry of -1 changes neither the loss nor the gradient.
func TestEntriesThatDoNotCount(t *testing.T) {
	torchtest.NoLeaks(t)
	loss := func(last float32) (value float64, gradient []float32) {
		scores := torchtest.Float32([]float32{1, -2, last}, 1, 3).SetRequiresGrad(true)
		l := supervised.BinaryCrossEntropy(scores, torchtest.Float32([]float32{1, 0, -1}, 1, 3))
		l.Backward()
		defer torch.ClearGrads([]*torch.Tensor{scores})
		return l.Item(), scores.Grad().Float32s()
	}
	want, gradient := loss(5)
	got, other := loss(-700)
	assert.InDelta(t, want, got, 1e-7)
	assert.Equal(t, gradient, other)
	assert.Zero(t, gradient[2])
	assert.InDelta(t, (math.Log1p(math.Exp(-1))+math.Log1p(math.Exp(-2)))/2, want, 1e-6)
}

// Scores of any size give finite losses.
func TestLargeScoresDoNotOverflow(t *testing.T) {
	torchtest.NoLeaks(t)
	scores := torchtest.Float32([]float32{1e4, -1e4}, 1, 2)
	assert.InDelta(t, 1e4, supervised.BinaryCrossEntropy(scores, torchtest.Float32([]float32{0, 1}, 1, 2)).Item(), 1)
}

// Two classes, of which the first has the higher score in both images.
func ExampleCrossEntropy() {
	scope := torch.NewScope()
	defer scope.Close()
	scores := torchtest.Float32([]float32{2, 0, 2, 0}, 2, 2)
	fmt.Printf("%.3f\n", supervised.CrossEntropy(scores, torchtest.Int64([]int64{0, 0}, 2), 0).Item())
	fmt.Printf("%.3f\n", supervised.CrossEntropy(scores, torchtest.Int64([]int64{0, 1}, 2), 0).Item())
	// Output:
	// 0.127
	// 1.127
}

// VISSL's loss of OpenImages: each class is averaged over the images that are known for it, then all are added up.
func TestClasswiseBinaryCrossEntropyAddsUpClasses(t *testing.T) {
	torchtest.NoLeaks(t)
	scores := []float64{2, -1, 30, -3, 0.5, -200, 4, 1, 7}
	targets := []float32{1, 0, -1, 0, -1, -1, 1, 1, -1} // nothing is known of the last class
	want := 0.0
	for c := range 3 {
		sum, n := 0.0, 0.0
		for i := range 3 {
			x, y := scores[3*i+c], float64(targets[3*i+c])
			if y >= 0 {
				sum, n = sum+math.Log1p(math.Exp(-math.Abs(x)))+max(x, 0)-x*y, n+1
			}
		}
		want += sum / max(n, 1)
	}
	values := make([]float32, len(scores))
	for i, v := range scores {
		values[i] = float32(v)
	}
	x := torchtest.Float32(values, 3, 3).SetRequiresGrad(true)
	loss := supervised.ClasswiseBinaryCrossEntropy(x, torchtest.Float32(targets, 3, 3))
	assert.InDelta(t, want, loss.Item(), 1e-6)
	loss.Backward()
	grad := x.Grad().Float32s()
	assert.InDelta(t, (1/(1+math.Exp(-2))-1)/3, grad[0], 1e-6, "one of three images of its class")
	assert.InDelta(t, 1/(1+math.Exp(1))/2, grad[1], 1e-6, "one of two that are known")
	assert.Zero(t, grad[2])
}
