// SPDX-License-Identifier: MIT

package supervised

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/torch"
	"seer/torch/torchtest"
)

// Beta(α, α) has mean 1/2 and variance 1/(4(2α+1)).
func TestBetaHasItsMoments(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for _, alpha := range []float64{0.2, 0.8, 1, 4} {
		const n = 40000
		sum, squares := 0.0, 0.0
		for range n {
			v := beta(draw, alpha)
			assert.True(t, v >= 0 && v <= 1)
			sum, squares = sum+v, squares+v*v
		}
		mean := sum / n
		assert.InDelta(t, 0.5, mean, 0.01)
		assert.InEpsilon(t, 1/(4*(2*alpha+1)), squares/n-mean*mean, 0.03, "α = %v", alpha)
	}
}

// Images are 0 and 1 in turn, so that a mean tells the share of the partner; the shares of classes say the same.
func TestMixedImagesAndTheirShares(t *testing.T) {
	torchtest.NoLeaks(t)
	const n, size, classes = 4, 16, 3
	images := torch.Cat(0, torch.Zeros(torch.Float32, torchtest.Device, 2, 3, size, size), torch.Ones(torch.Float32, torchtest.Device, 2, 3, size, size))
	labels := torchtest.Int64([]int64{0, 0, 2, 2}, n)
	for name, m := range map[string]Mix{"mixup": {Mixup: 1, Seed: 7}, "cutmix": {Cutmix: 1, Seed: 7}, "both": {Mixup: 1, Cutmix: 1, Seed: 7}} {
		different := map[float32]bool{}
		for step := range int64(20) {
			mixed, shares := m.Apply(images, labels, classes, 0.3, step)
			again, _ := m.Apply(images, labels, classes, 0.3, step)
			assert.Equal(t, mixed.Float32s(), again.Float32s(), "%s: a step mixes as it did before", name)
			means, rows := mixed.MeanDims(false, 1, 2, 3).Float32s(), shares.Float32s()
			for i := range n {
				row, sum := rows[i*classes:(i+1)*classes], 0.0
				for _, v := range row {
					sum += float64(v)
				}
				assert.InDelta(t, 1, sum, 1e-5)
				assert.InDelta(t, 0.1, row[1], 1e-6, "smoothing alone")
				assert.InDelta(t, 0.1+0.7*float64(means[i]), row[2], 1e-5, "%s, image %d", name, i)
			}
			different[means[0]] = true
		}
		assert.Greater(t, len(different), 10, name)
	}
	assert.False(t, Mix{}.Active())
	assert.False(t, math.IsNaN(gamma(rand.New(rand.NewPCG(3, 4)), 0.01)))
}
