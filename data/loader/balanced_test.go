// SPDX-License-Identifier: MIT

package loader

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/sampler"
)

// An image that is drawn several times in an epoch has other crops each time, and the order is the same from any step on.
func TestRareImagesHaveOtherCropsEachTime(t *testing.T) {
	order, err := sampler.Balanced(8, [][]int64{{0, 1, 2, 3, 4, 5, 6}, {7}}, 8, 0, 1)
	require.NoError(t, err)
	draws := func(from int64) (indices []int64, rare map[string]bool) {
		rare = map[string]bool{}
		l := load(t, BatchOptions{Source: images(8), Sampler: order, Crops: augment.RandomResizedCropFlip(16), Batch: 4, StartStep: from, Steps: 6})
		for batch, err := range l.All(context.Background()) {
			require.NoError(t, err)
			for j, i := range batch.Indices {
				indices = append(indices, i)
				if i == 7 {
					crop := len(batch.Groups[0].Pixels) / batch.Size()
					rare[string(batch.Groups[0].Pixels[j*crop:(j+1)*crop])] = true
				}
			}
		}
		return indices, rare
	}
	all, rare := draws(0)
	assert.Len(t, rare, 12, "half of 24")
	rest, _ := draws(3)
	assert.Equal(t, all[12:], rest)
}
