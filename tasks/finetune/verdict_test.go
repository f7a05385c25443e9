// SPDX-License-Identifier: MIT

package finetune

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// table is labels of images, a row each.
type table [][]int8

func (t table) Row(i int64, row []int8) { copy(row, t[i]) }

// What is not known of an image does not count, nor does a class that the validation images have no word for; classes are
// numbered as in training.
func TestPrecisionIgnoresWhatIsNotKnown(t *testing.T) {
	p, err := newPrecisions(3, table{{1, 0}, {-1, 1}, {0, 1}}, []int64{2, 0})
	require.NoError(t, err)
	require.NoError(t, p.add([]int64{0, 1}, []float32{0.1, 0, 0.5, 0.9, 0, 1e9}))
	require.NoError(t, p.add([]int64{2}, []float32{0.8, 0, -1}))
	v, err := p.verdict()
	require.NoError(t, err)
	assert.EqualValues(t, 3, v.images)
	assert.Equal(t, 100.0, v.mAP, "the high score of image 1 for class 2 is of one that is not known")
	assert.Equal(t, map[string]any{"step": int64(7), "val_map": 100.0}, v.line(7))
}

func TestPrecisionNeedsAPositive(t *testing.T) {
	p, err := newPrecisions(1, table{{0}}, []int64{0})
	require.NoError(t, err)
	require.NoError(t, p.add([]int64{0}, []float32{1}))
	_, err = p.verdict()
	assert.ErrorContains(t, err, "none of the 1 images has any of the 1 classes")
}
