// SPDX-License-Identifier: MIT

package optim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
	"seer/torch/torchtest"
)

// shapes of parameters: one is larger than all others together, one never has a gradient.
var shapes = [][]int64{{3}, {40, 30}, {5, 4, 3, 3}, {1}, {7, 2}, {6}}

// momenta are the optimizer's, by name.
func momenta(s *optim.SGD) map[string][]float32 {
	all := map[string][]float32{}
	for _, e := range nn.Entries(s) {
		all[e.Name] = e.Tensor.Float32s()
	}
	return all
}

func drawn(t *testing.T) (params []nn.Entry, s *optim.SGD) {
	torch.ManualSeed(3)
	settings := make([]rules.Setting, len(shapes))
	for i, shape := range shapes {
		p := torch.Randn(torch.CPU, shape...).SetRequiresGrad(true)
		if len(shape) == 4 {
			p = torch.Randn(torch.CPU, shape...).ToChannelsLast().SetRequiresGrad(true)
		}
		params = append(params, nn.Entry{Name: string(rune('a' + i)), Kind: nn.Parameter, Tensor: p})
		settings[i] = rules.Default(1e-3, i%2 == 0)
	}
	s, err := optim.NewSGD(params, settings, optim.SGDOptions{Momentum: 0.9, Adaptation: optim.LARC, TrustCoefficient: 0.001})
	require.NoError(t, err)
	return params, s
}

func stepped(params []nn.Entry, s *optim.SGD, step int64) float64 {
	torch.ManualSeed(uint64(100 + step))
	for _, p := range params[:len(params)-1] {
		p.Tensor.Mul(torch.Randn(torch.CPU, p.Tensor.Shape()...)).Sum().Backward()
	}
	norm, _ := s.Step(step, 0.1)
	return norm
}

// Three processes with a part of the momentum each have the bits of one with all of it, and rank 0 can gather that for a
// checkpoint, which a number of processes that is another reads.
func TestDividedMomentumGivesTheSameBits(t *testing.T) {
	disttest.Run(t, 3, func(t *testing.T, g *dist.Group) {
		torchtest.NoLeaks(t)
		want, whole := drawn(t)
		got, divided := drawn(t)
		defer whole.Close()
		defer divided.Close()
		divided.Divide(g)
		assert.True(t, divided.Sharded())
		for step := range int64(3) {
			assert.Equal(t, stepped(want, whole, step), stepped(got, divided, step))
		}
		for i, p := range want {
			assert.Equal(t, p.Tensor.Float32s(), got[i].Tensor.Float32s(), p.Name)
		}
		kept := int64(0)
		for _, e := range nn.Entries(divided) {
			kept += e.Tensor.Numel()
		}
		all := g.SumInPlace(torch.FromInt64([]int64{kept}, 1)).Int64s()[0]
		assert.EqualValues(t, 3+1200+180+1+14+6, all, "each number has one owner")
		saved := map[string][]float32{}
		require.NoError(t, divided.Gathered(func() error {
			saved = momenta(divided)
			return nil
		}))
		if g.Rank() == 0 {
			assert.Equal(t, momenta(whole), saved)
		}
		own := momenta(divided)
		require.NoError(t, divided.Whole(func() error {
			assert.Len(t, nn.Entries(divided), len(shapes))
			return nil
		}))
		assert.Equal(t, own, momenta(divided), "loading keeps what it has")
		g.Barrier()
	})
}

// Of equal parameters each process has as many.
func TestMomentumIsDividedEvenly(t *testing.T) {
	g, err := dist.Mirror(5, 8)
	require.NoError(t, err)
	defer g.Close()
	torchtest.NoLeaks(t)
	params := make([]nn.Entry, 24)
	for i := range params {
		params[i] = nn.Entry{Name: string(rune('a' + i)), Kind: nn.Parameter, Tensor: torch.Ones(torch.Float32, torch.CPU, 10)}
	}
	s, err := optim.NewSGD(params, make([]rules.Setting, len(params)), optim.SGDOptions{Adaptation: optim.None})
	require.NoError(t, err)
	defer s.Close()
	s.Divide(g)
	assert.Len(t, nn.Entries(s), 3)
}
