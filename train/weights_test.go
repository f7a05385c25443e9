// SPDX-License-Identifier: MIT

package train

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/nn/nntest"
	"seer/torch"
	"seer/torch/torchtest"
)

// Weights can break in a step whose loss and gradient are finite: they never take the place of a good checkpoint.
func TestBrokenWeightsAreNotSaved(t *testing.T) {
	torchtest.NoLeaks(t)
	layer := nn.NewLinear(torch.CPU, 3, 2, true)
	defer nn.Close(layer)
	require.NoError(t, soundWeights(layer, Event{Step: 6}))
	weight := nntest.Find(t, layer, "weight")
	values := weight.Float32s()
	values[3] = float32(math.Inf(1))
	nntest.Set(t, weight, values)
	err := soundWeights(layer, Event{Step: 6})
	var broken *NonFiniteError
	require.ErrorAs(t, err, &broken)
	assert.ErrorContains(t, err, "step 5 has made weights that are not finite")
	assert.ErrorContains(t, err, "parameter weight")
}
