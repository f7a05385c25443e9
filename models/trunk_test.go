// SPDX-License-Identifier: MIT

package models_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models"
	"seer/models/arch"
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// The segments in sequence, then the pooling, are the forward pass; and each leaves its input alone.
func TestSegmentsInSequenceAreForward(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, m := range every(t) {
		x := torch.Randn(torchtest.Device, 2, 3, 64, 48)
		ctx := &nn.Context{}
		torch.NoGrad(func() {
			want := m.Forward(ctx, x)
			y, inputs, copies := x, []*torch.Tensor{}, []*torch.Tensor{}
			for _, s := range m.Segments() {
				inputs, copies = append(inputs, y), append(copies, y.Clone())
				y = s.Forward(ctx, y)
			}
			assert.True(t, want.Equal(m.Pool(y)), name)
			assert.Equal(t, []int64{2, m.Width()}, want.Shape(), name)
			for i := range inputs {
				assert.True(t, inputs[i].Equal(copies[i]), "%s: segment %d overwrites its input", name, i)
			}
		})
	}
}

// Where the stages end and how wide they are there is what the segments compute, and the costs' outputs are their sizes.
func TestStagesEndWhereTheySay(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, m := range every(t) {
		x, outputs := torch.Randn(torchtest.Device, 1, 3, 64, 48), []*torch.Tensor{}
		torch.NoGrad(func() {
			for _, s := range m.Segments() {
				x = s.Forward(&nn.Context{}, x)
				outputs = append(outputs, x)
			}
		})
		costs := m.Cost(64, 48)
		require.Len(t, costs, len(outputs), name)
		for i, y := range outputs {
			assert.Equal(t, y.Bytes(), costs[i].Output, "%s: output of %s", name, costs[i].Name)
		}
		ends, widths := m.Ends(), m.StageWidths()
		require.Len(t, widths, len(ends), name)
		for i, end := range ends {
			channels := 1 // [N,C,H,W]
			if outputs[end].Dim() == 3 {
				channels = 2 // [N,L,D]
			}
			assert.Equal(t, widths[i], outputs[end].Size(channels), "%s: stage %d", name, i)
		}
		last := len(outputs) - 1
		assert.Contains(t, []int{last, last - 1}, ends[len(ends)-1], "%s: behind the last stage stands at most a normalisation", name)
		assert.Equal(t, m.Width(), widths[len(widths)-1], name)
	}
}

// Each parameter of a trunk without classifier is in one segment, in the order of the whole.
func TestSegmentsHoldAllParameters(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, m := range every(t) {
		var got []*torch.Tensor
		for _, s := range m.Segments() {
			got = append(got, nn.Tensors(nn.Entries(s))...)
		}
		want := nn.Tensors(nn.Entries(m))
		require.Len(t, got, len(want), name)
		for i := range want {
			assert.Same(t, want[i], got[i], name)
		}
	}
}

// What stands at the ends is what Stages computes.
func TestEndsAreTheStages(t *testing.T) {
	torchtest.NoLeaks(t)
	m := every(t)["regnet_y_200mf"]
	stages := m.(interface {
		Stages(*nn.Context, *torch.Tensor) []*torch.Tensor
	})
	x := torch.Randn(torchtest.Device, 1, 3, 40, 40)
	torch.NoGrad(func() {
		want := stages.Stages(&nn.Context{}, x)
		y, stage := x, 0
		for i, s := range m.Segments() {
			y = s.Forward(&nn.Context{}, y)
			if stage < len(want) && i == m.Ends()[stage] {
				assert.True(t, want[stage].Equal(y), "stage %d", stage+1)
				stage++
			}
		}
		assert.Equal(t, len(want), stage)
	})
}

// A forward and backward pass frees all it made but the gradients.
func TestForwardKeepsNoHandles(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, m := range every(t) {
		x := torch.Randn(torchtest.Device, 2, 3, 64, 64)
		before := torch.LiveTensors()
		y := m.Forward(&nn.Context{Training: true}, x)
		assert.Equal(t, before+1, torch.LiveTensors(), name)
		y.Sum().Backward()
		for _, p := range nn.Parameters(m) {
			require.NotNil(t, p.Tensor.Grad(), "%s: %s", name, p.Name)
		}
		torch.ClearGrads(nn.Tensors(nn.Parameters(m)))
	}
}

// The seed decides the weights, and nothing else.
func TestSeedDecidesTheWeights(t *testing.T) {
	torchtest.NoLeaks(t)
	n, err := arch.Lookup("vit_s_16")
	require.NoError(t, err)
	draw := func(seed uint64) []float32 {
		torch.ManualSeed(seed)
		m, err := models.New(n, torchtest.Device, 0)
		require.NoError(t, err)
		defer nn.Close(m)
		return nn.Parameters(m)[3].Tensor.Float32s()
	}
	assert.Equal(t, draw(5), draw(5))
	assert.NotEqual(t, draw(5), draw(6))
}

func TestATransformerRefusesPartsOfPatches(t *testing.T) {
	torchtest.NoLeaks(t)
	m := every(t)["vit_s_16"]
	err := torch.Try(func() { m.Forward(&nn.Context{}, torch.Zeros(torch.Float32, torchtest.Device, 1, 3, 64, 50)) })
	var op *torch.OpError
	require.True(t, errors.As(err, &op), "%v", err)
	require.ErrorContains(t, err, "multiples of the patch's 16 pixels")
	require.ErrorContains(t, err, "[1,3,64,50]")
}

type nothing struct{ sketch.Network }

func TestWhatCannotBeBuiltIsAnError(t *testing.T) {
	_, err := models.New(nothing{}, torch.Meta, 0)
	require.ErrorContains(t, err, "models_test.nothing")
	for _, n := range impossible {
		_, err := models.New(n, torch.Meta, 0)
		require.Error(t, err, "%+v", n)
	}
}
