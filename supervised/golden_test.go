// SPDX-License-Identifier: MIT

package supervised_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/supervised"
	"seer/torch"
	"seer/torch/torchtest"
)

const images, classes = 8, 5 // of the golden file

// drawn is a tensor of the golden file's generator.
func drawn(name string, factor float32, shape ...int64) *torch.Tensor {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	values := golden.Fill("finetune."+name, golden.Seed, int(n))
	for i := range values {
		values[i] *= factor
	}
	return torchtest.Float32(values, shape...)
}

// presence is 1 for targets over 0.2, 0 below, and -1 where it is not known.
func presence(withUnknown bool) *torch.Tensor {
	targets := golden.Fill("finetune.targets", golden.Seed, images*classes)
	known := golden.Fill("finetune.known", golden.Seed, images*classes)
	for i, v := range targets {
		targets[i] = 0
		if v > 0.2 {
			targets[i] = 1
		}
		if withUnknown && known[i] <= -0.5 {
			targets[i] = -1
		}
	}
	return torchtest.Float32(targets, images, classes)
}

// Losses with weights a class, and their gradients, are PyTorch's.
func TestWeightedLossesEqualPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	var want struct {
		Losses map[string]struct {
			Loss     float64
			Gradient []float64
		}
	}
	require.NoError(t, golden.JSON("finetune.json", &want))
	weights := drawn("weights", 1, classes).Abs().AddScalar(0.5)
	labels := torchtest.Int64([]int64{0, 1, 2, 3, 4, 0, 1, 2}, images)
	shares := drawn("shares", 2, images, classes).Softmax(1)
	for name, loss := range map[string]func(scores *torch.Tensor) *torch.Tensor{
		"cross_entropy":        func(x *torch.Tensor) *torch.Tensor { return supervised.WeightedCrossEntropy(x, labels, weights, 0) },
		"cross_entropy_smooth": func(x *torch.Tensor) *torch.Tensor { return supervised.WeightedCrossEntropy(x, labels, weights, 0.1) },
		"soft_cross_entropy":   func(x *torch.Tensor) *torch.Tensor { return supervised.WeightedSoftCrossEntropy(x, shares, weights) },
		"binary_cross_entropy": func(x *torch.Tensor) *torch.Tensor {
			return supervised.WeightedBinaryCrossEntropy(x, presence(false), weights)
		},
		"binary_cross_entropy_known": func(x *torch.Tensor) *torch.Tensor {
			return supervised.WeightedBinaryCrossEntropy(x, presence(true), weights)
		},
	} {
		scores := drawn("scores", 3, images, classes).SetRequiresGrad(true)
		l := loss(scores)
		assert.InDelta(t, want.Losses[name].Loss, l.Item(), 1e-6, name)
		l.Backward()
		for i, g := range scores.Grad().Float32s() {
			assert.InDelta(t, want.Losses[name].Gradient[i], g, 1e-6, "%s, score %d", name, i)
		}
		torch.ClearGrads([]*torch.Tensor{scores})
	}
}

// With weights of one the losses are those without weights.
func TestEqualWeightsChangeNothing(t *testing.T) {
	torchtest.NoLeaks(t)
	scores, ones := drawn("scores", 3, images, classes), torch.Ones(torch.Float32, torchtest.Device, classes)
	labels := torchtest.Int64([]int64{0, 1, 2, 3, 4, 0, 1, 2}, images)
	assert.InDelta(t, supervised.CrossEntropy(scores, labels, 0.3).Item(), supervised.WeightedCrossEntropy(scores, labels, ones, 0.3).Item(), 1e-6)
	assert.InDelta(t, supervised.BinaryCrossEntropy(scores, presence(true)).Item(), supervised.WeightedBinaryCrossEntropy(scores, presence(true), ones).Item(), 1e-6)
	large := torchtest.Float32([]float32{1e4, -1e4}, 1, 2)
	loss := supervised.WeightedBinaryCrossEntropy(large, torchtest.Float32([]float32{0, 1}, 1, 2), torchtest.Float32([]float32{1, 3}, 2)).Item()
	assert.InDelta(t, 2e4, loss, 1)
	assert.False(t, math.IsNaN(loss))
}
