// SPDX-License-Identifier: MIT

package regnet_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// moments returns mean and standard deviation of a tensor's elements.
func moments(values []float32) (mean, std float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		std += (float64(v) - mean) * (float64(v) - mean) / float64(len(values))
	}
	return mean, math.Sqrt(std)
}

// The initialisation of ClassyVision and torchvision: timm's differs in three of these points (groups divide the fan,
// the last scale of a block is zero, biases of the squeeze are zero).
func TestInitialisation(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(3)
	m := load(t, "regnet_y_1_6gf", 100)
	shapes := map[string][]int64{}
	for _, e := range nn.Entries(m) {
		shapes[e.Name] = e.Tensor.Shape()
	}
	for _, e := range nn.Entries(m) {
		values, shape := e.Tensor.Float32s(), e.Tensor.Shape()
		switch {
		case len(shape) == 4:
			checkConvolution(t, e.Name, values, shape)
		case strings.Contains(e.Name, ".se."):
			checkSqueezeBias(t, e.Name, values, shapes[strings.TrimSuffix(e.Name, "bias")+"weight"])
		case e.Name == "fc.weight":
			_, std := moments(values)
			assert.InEpsilon(t, 0.01, std, 0.02, e.Name)
		case strings.HasSuffix(e.Name, "weight"), strings.HasSuffix(e.Name, "running_var"):
			assertAll(t, e.Name, values, 1)
		default:
			assertAll(t, e.Name, values, 0)
		}
	}
}

// checkConvolution expects N(0, 2/(k²·out)) whatever the groups, within five standard errors.
func checkConvolution(t *testing.T, name string, values []float32, shape []int64) {
	want := math.Sqrt(2 / float64(shape[0]*shape[2]*shape[3]))
	mean, std := moments(values)
	n := float64(len(values))
	assert.InDelta(t, 0, mean, 5*want/math.Sqrt(n), name)
	assert.InDelta(t, want, std, 5*want/math.Sqrt(2*n), name)
}

// checkSqueezeBias expects PyTorch's default, uniform within ±1/sqrt(fan_in), and not zero.
func checkSqueezeBias(t *testing.T, name string, values []float32, weight []int64) {
	require.Len(t, weight, 4, name)
	bound := 1 / math.Sqrt(float64(weight[1]))
	_, std := moments(values)
	for _, v := range values {
		assert.LessOrEqual(t, math.Abs(float64(v)), bound, name)
	}
	assert.Greater(t, std, bound/4, name)
}

func assertAll(t *testing.T, name string, values []float32, want float32) {
	for _, v := range values {
		if v != want {
			assert.Equal(t, want, v, name)
			return
		}
	}
}

// The seed decides the weights, and nothing else.
func TestSeedDecidesTheWeights(t *testing.T) {
	torchtest.NoLeaks(t)
	draw := func(seed uint64) []float32 {
		torch.ManualSeed(seed)
		return nn.Parameters(load(t, "regnet_y_200mf", 0))[0].Tensor.Float32s()
	}
	assert.Equal(t, draw(5), draw(5))
	assert.NotEqual(t, draw(5), draw(6))
}

// A seed gives the same weights from release to release: a run, and the random trunk that it is compared with, are drawn
// layer by layer in this order.
func TestOrderOfTheDraws(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(3)
	m := load(t, "regnet_y_400mf", 0)
	tensors := map[string]*torch.Tensor{}
	var blocks []string // prefixes, in order
	for _, e := range nn.Entries(m) {
		tensors[e.Name] = e.Tensor
		if prefix, ok := strings.CutSuffix(e.Name, "f.a.0.weight"); ok {
			blocks = append(blocks, prefix)
		}
	}
	torch.ManualSeed(3)
	draw := func(layer string) {
		weight, ok := tensors[layer+".weight"]
		if !ok {
			return // a block without a projection
		}
		s := weight.Shape()
		_, bias := tensors[layer+".bias"]
		c := nn.NewConv2d(torchtest.Device, nn.ConvSpec{In: s[1], Out: s[0], Kernel: s[2], Bias: bias})
		defer nn.Close(c)
		assert.Equal(t, c.Weight.Float32s(), weight.Float32s(), layer)
		if bias {
			assert.Equal(t, c.Bias.Float32s(), tensors[layer+".bias"].Float32s(), layer)
		}
	}
	draw("stem.0")
	for _, b := range blocks {
		for _, layer := range []string{"f.a.0", "f.b.0", "f.se.fc1", "f.se.fc2", "f.c.0", "proj.0"} {
			draw(b + layer)
		}
	}
}
