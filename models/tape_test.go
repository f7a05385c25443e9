// SPDX-License-Identifier: MIT

package models_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models"
	"seer/models/arch"
	resnetarch "seer/models/resnet/arch"
	"seer/nn"
	"seer/recompute"
	"seer/torch"
	"seer/torch/torchtest"
)

// step is one way to train a trunk.
type step struct {
	plan         recompute.Plan // nil: without a tape
	precision    torch.DType
	channelsLast bool
	sides        []int64
}

// trained is what a step brings about; the tensors are the caller's scope's.
type trained struct{ features, gradients, buffers []*torch.Tensor }

// run computes the gradients of one batch, from the same weights and statistics each time.
func (s step) run(t *testing.T, m models.Trunk) (r trained) {
	t.Helper()
	nn.SetChannelsLast(m, s.channelsLast)
	for _, b := range nn.Buffers(m) {
		b.Tensor.ZeroInPlace()
	}
	torch.ManualSeed(3)
	ctx := &nn.Context{Training: true}
	if s.plan != nil {
		ctx.Tape = &nn.Tape{Plan: s.plan}
		defer ctx.Tape.Close()
	}
	loss := torch.Zeros(torch.Float32, torchtest.Device, 1)
	torch.Autocast(torchtest.Device, s.precision, func() {
		for _, side := range s.sides {
			x := torch.Randn(torchtest.Device, 2, 3, side, side)
			if s.channelsLast {
				x = x.ToChannelsLast()
			}
			y := m.Forward(ctx, x).To(torch.Float32)
			r.features = append(r.features, y.Detach())
			loss = loss.Add(y.Mul(torch.Randn(torchtest.Device, 2, m.Width())).Square().Sum())
		}
	})
	loss.Backward()
	if s.plan != nil {
		ctx.Tape.Backward()
	}
	for _, p := range nn.Parameters(m) {
		require.NotNil(t, p.Tensor.Grad(), p.Name)
		r.gradients = append(r.gradients, p.Tensor.Grad())
	}
	for _, b := range nn.Buffers(m) {
		r.buffers = append(r.buffers, b.Tensor.Clone())
	}
	torch.ClearGrads(nn.Tensors(nn.Parameters(m)))
	return r
}

// plans are ways to go back over a trunk.
func plans(m models.Trunk) map[string]recompute.Plan {
	n := len(m.Segments())
	return map[string]recompute.Plan{
		"none": recompute.Each(n, recompute.KeepAll), "blocks": recompute.Each(n, recompute.KeepInput),
		"stages": recompute.Stages(n, m.Ends()), "selective": recompute.Each(n, recompute.KeepProducts),
		"mixed": {{Segments: 1, Mode: recompute.KeepInput}, {Segments: 1, Mode: recompute.KeepProducts},
			{Segments: 1, Mode: recompute.KeepAll}, {Segments: n - 3, Mode: recompute.KeepProducts}},
	}
}

// Whatever is kept of a forward pass, gradients, features and running statistics are those of a graph that was not cut:
// to the bit, with resolutions that share the weights, in both memory layouts, and in bfloat16. Only where bfloat16 meets
// several resolutions and recomputation, a graph that was not cut adds a parameter's gradients in bfloat16, and the tape
// in float32.
func TestGradientsDoNotDependOnThePlan(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, m := range small(t) {
		for _, s := range []step{
			{precision: torch.Float32, sides: []int64{48, 32, 32}},
			{precision: torch.Float32, sides: []int64{48, 32}, channelsLast: true},
			{precision: torch.BFloat16, sides: []int64{32}},
			{precision: torch.BFloat16, sides: []int64{32, 32}},
		} {
			t.Run(fmt.Sprintf("%s %v %v %v", name, s.precision, s.sides, s.channelsLast), func(t *testing.T) { samePlans(t, m, s) })
		}
	}
}

// small builds a trunk of each family.
func small(t *testing.T) map[string]models.Trunk {
	t.Helper()
	all := map[string]models.Trunk{}
	for _, name := range []string{"regnet_y_200mf", "regnet_x_400mf", "resnet50", "resnext50_32x4d", "simclrv2_r152_3x_sk1", "vit_s_16"} {
		n, err := arch.Lookup(name)
		require.NoError(t, err)
		n, _ = reduced(n)
		if s, ok := n.(resnetarch.Selective); ok {
			n = resnetarch.Selective{Depths: s.Depths, Multiplier: 1}
		}
		m, err := models.New(n, torchtest.Device, 0)
		require.NoError(t, err)
		t.Cleanup(func() { nn.Close(m) })
		all[name] = m
	}
	return all
}

func samePlans(t *testing.T, m models.Trunk, s step) {
	t.Helper()
	scope := torch.NewScope()
	defer scope.Close()
	want := s.run(t, m)
	for how, plan := range plans(m) {
		with := s
		with.plan = plan
		got := with.run(t, m)
		same(t, want.features, got.features, how+": features")
		same(t, want.buffers, got.buffers, how+": statistics")
		if how != "none" && s.precision == torch.BFloat16 && len(s.sides) > 1 {
			near(t, want.gradients, got.gradients, how)
		} else {
			same(t, want.gradients, got.gradients, how+": gradients")
		}
	}
}

func same(t *testing.T, want, got []*torch.Tensor, what string) {
	t.Helper()
	for i := range want {
		if !want[i].Equal(got[i]) {
			assert.Failf(t, "other bits", "%s, number %d, %v", what, i, want[i])
			return
		}
	}
}

// near allows the rounding of one sum in bfloat16: of each element, half a unit in the eighth place.
func near(t *testing.T, want, got []*torch.Tensor, what string) {
	t.Helper()
	for i := range want {
		difference := got[i].Sub(want[i]).Abs().Max().Item()
		assert.LessOrEqual(t, difference, want[i].Abs().Max().Item()/128, "%s, number %d, %v", what, i, want[i])
	}
}
