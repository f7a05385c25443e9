// SPDX-License-Identifier: MIT

package optim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/torch"
	"seer/torch/torchtest"
)

// one is a parameter of a single value with a gradient, and its formula in float64 beside it.
type one struct {
	tensor           *torch.Tensor
	value, grad, buf float64
}

func newOne(value float64) *one {
	return &one{tensor: torchtest.Float32([]float32{float32(value)}, 1).SetRequiresGrad(true), value: value}
}

func (o *one) setGrad(g float64) {
	o.grad = g
	o.tensor.SetGrad(torchtest.Float32([]float32{float32(g)}, 1))
}

func entries(os ...*one) []nn.Entry {
	var all []nn.Entry
	for i, o := range os {
		all = append(all, nn.Entry{Name: string(rune('a' + i)), Kind: nn.Parameter, Tensor: o.tensor})
	}
	return all
}

func same(n int, s rules.Setting) []rules.Setting {
	all := make([]rules.Setting, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// sgd is torch.optim.SGD's formula with decay wd.
func (o *one) sgd(lr, wd, momentum float64, nesterov bool) {
	g := o.grad + wd*o.value
	o.buf = momentum*o.buf + g
	if step := o.buf; nesterov {
		o.value -= lr * (g + momentum*o.buf)
	} else {
		o.value -= lr * step
	}
}

func TestMomentumFollowsTheFormula(t *testing.T) {
	for _, nesterov := range []bool{false, true} {
		torchtest.NoLeaks(t)
		p, q := newOne(0.5), newOne(-2)
		opt := newSGD(t, entries(p, q), same(2, rules.Default(0.01, false)),
			optim.SGDOptions{Momentum: 0.9, Nesterov: nesterov, Adaptation: optim.None})
		for step := range int64(5) {
			lr := 0.1 / float64(step+1)
			for i, o := range []*one{p, q} {
				o.setGrad(math.Sin(float64(step) + float64(i)))
				o.sgd(lr, 0.01, 0.9, nesterov)
			}
			opt.Step(step, lr)
			assert.InDelta(t, p.value, p.tensor.Item(), 1e-6, "step %d, nesterov %t", step, nesterov)
			assert.InDelta(t, q.value, q.tensor.Item(), 1e-6, "step %d, nesterov %t", step, nesterov)
		}
	}
}

// larcRate is the factor of LARC on gradient and decay.
func larcRate(p, g, wd float64) float64 {
	return 1e-3 * math.Abs(p) / (math.Abs(g) + wd*math.Abs(p) + 1e-8)
}

func TestSettingsOfEachParameter(t *testing.T) {
	torchtest.NoLeaks(t)
	const lr, wd = 0.5, 0.1
	adapted, half, plain, zero, still := newOne(2), newOne(2), newOne(2), newOne(0), newOne(2)
	settings := same(5, rules.Default(wd, true))
	settings[1].LRMult = 0.5
	settings[2].Adapt = false
	opt := newSGD(t, entries(adapted, half, plain, zero, still), settings, optim.SGDOptions{Adaptation: optim.LARC, TrustCoefficient: 1e-3})
	for _, o := range []*one{adapted, half, plain, zero} {
		o.setGrad(3)
	}
	still.setGrad(0)
	opt.Step(0, lr)
	change := lr * (3 + wd*2) * larcRate(2, 3, wd)
	assert.InDelta(t, 2-change, adapted.tensor.Item(), 1e-6)
	assert.InDelta(t, 2-change/2, half.tensor.Item(), 1e-6, "lr_mult")
	assert.InDelta(t, 2-lr*(3+wd*2), plain.tensor.Item(), 1e-6, "adapt = false is plain SGD with decay")
	assert.InDelta(t, 0-lr*3, zero.tensor.Item(), 1e-6, "a parameter of zero norm takes the plain rate")
	assert.InDelta(t, 2, still.tensor.Item(), 1e-6, "a zero gradient leaves the parameter, decay included")
}

// LARS scales the decayed gradient: that of a zero gradient is the decay alone.
func TestLARSFormula(t *testing.T) {
	torchtest.NoLeaks(t)
	const lr, wd = 0.5, 0.1
	p, zero, plain := newOne(2), newOne(0), newOne(2)
	settings := same(3, rules.Default(wd, true))
	settings[2].Adapt = false
	opt := newSGD(t, entries(p, zero, plain), settings, optim.SGDOptions{Adaptation: optim.LARS, TrustCoefficient: 1e-3})
	for _, o := range []*one{p, zero, plain} {
		o.setGrad(3)
	}
	opt.Step(0, lr)
	assert.InDelta(t, 2-lr*1e-3*2, p.tensor.Item(), 1e-6, "a step of trust·|p| in the gradient's direction")
	assert.InDelta(t, -lr*3, zero.tensor.Item(), 1e-6)
	assert.InDelta(t, 2-lr*(3+wd*2), plain.tensor.Item(), 1e-6)
}

// A frozen parameter does not move, does not decay and gathers no momentum, even if it has a gradient.
func TestFrozenParametersRest(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, adaptation := range []optim.Adaptation{optim.None, optim.LARC, optim.LARS} {
		frozen, free := newOne(1), newOne(1)
		settings := same(2, rules.Default(0.1, true))
		settings[0].FreezeUntil = 3
		opt := newSGD(t, entries(frozen, free), settings, optim.SGDOptions{Momentum: 0.9, Adaptation: adaptation, TrustCoefficient: 1e-3})
		for step := range int64(3) {
			frozen.setGrad(1)
			free.setGrad(1)
			assert.InDelta(t, 1, opt.GradientNorm(step), 1e-6, "the frozen gradient does not count")
			opt.Step(step, 0.1)
			assert.Equal(t, 1.0, frozen.tensor.Item())
			assert.Nil(t, frozen.tensor.Grad(), "its gradient goes with the others")
			assert.Zero(t, nn.Entries(opt)[0].Tensor.Item())
		}
		assert.Less(t, free.tensor.Item(), 1.0)
		frozen.setGrad(1)
		free.setGrad(1)
		assert.InDelta(t, math.Sqrt2, opt.GradientNorm(3), 1e-6)
		opt.Step(3, 0.1)
		assert.Less(t, frozen.tensor.Item(), 1.0, "%s: it moves from step 3 on", adaptation)
	}
}

// A parameter without gradient is skipped: its momentum stays as it was and goes on when a gradient comes back.
func TestMissingGradientSkipsMomentum(t *testing.T) {
	torchtest.NoLeaks(t)
	p, other := newOne(1), newOne(1)
	opt := newSGD(t, entries(p, other), same(2, rules.Default(0.1, false)), optim.SGDOptions{Momentum: 0.5, Adaptation: optim.None})
	for step, missing := range []bool{false, true, false} {
		other.setGrad(1)
		if !missing {
			p.setGrad(2)
			p.sgd(0.1, 0.1, 0.5, false)
		}
		opt.Step(int64(step), 0.1)
		assert.InDelta(t, p.value, p.tensor.Item(), 1e-6, "step %d", step)
		assert.InDelta(t, p.buf, nn.Entries(opt)[0].Tensor.Item(), 1e-6, "step %d", step)
	}
}

// Nothing to do is fine: no gradients at all, or everything frozen.
func TestStepWithoutGradients(t *testing.T) {
	torchtest.NoLeaks(t)
	p := newOne(1)
	opt := newSGD(t, entries(p), same(1, rules.Default(0.1, true)), optim.SGDOptions{Adaptation: optim.LARC, TrustCoefficient: 1e-3})
	opt.Step(0, 0.1)
	assert.Equal(t, 1.0, p.tensor.Item())
	assert.Zero(t, opt.GradientNorm(0))
	assert.Empty(t, opt.Gradients(0))
	norm, ok := opt.Step(0, 0.1)
	assert.True(t, ok)
	assert.Zero(t, norm)
	p.setGrad(5)
	assert.InDelta(t, 5, opt.GradientNorm(0), 1e-6)
	opt.ClearGradients()
	assert.Nil(t, p.tensor.Grad())
}

// GradientNorm is over all gradients as one vector, and leaves them as they are.
func TestGradientNorm(t *testing.T) {
	torchtest.NoLeaks(t)
	a := torch.Zeros(torch.Float32, torchtest.Device, 2, 2).SetRequiresGrad(true)
	b := newOne(1)
	params := append(entries(b), nn.Entry{Name: "matrix", Tensor: a})
	opt := newSGD(t, params, same(2, rules.Default(0.1, true)), optim.SGDOptions{Adaptation: optim.LARC, TrustCoefficient: 1e-3})
	a.SetGrad(torchtest.Float32([]float32{1, 2, -2, 4}, 2, 2))
	b.setGrad(-12)
	assert.InDelta(t, 13, opt.GradientNorm(0), 1e-5)
	assert.Equal(t, []float32{1, 2, -2, 4}, a.Grad().Float32s())
}

// A gradient that is not finite moves nothing, for any adaptation: neither its own weight nor another, nor a momentum.
func TestNonFiniteGradientsAreRefused(t *testing.T) {
	for _, adaptation := range []optim.Adaptation{optim.None, optim.LARC, optim.LARS} {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			torchtest.NoLeaks(t)
			p, q := newOne(1), newOne(1)
			opt := newSGD(t, entries(p, q), same(2, rules.Default(0.1, true)), optim.SGDOptions{Momentum: 0.9, Adaptation: adaptation, TrustCoefficient: 1e-3})
			p.setGrad(2)
			q.setGrad(bad)
			norm, ok := opt.Step(0, 0.1)
			assert.False(t, ok)
			assert.True(t, math.IsNaN(norm) || math.IsInf(norm, 0), "%v", norm)
			for i, o := range []*one{p, q} {
				assert.Equal(t, 1.0, o.tensor.Item())
				assert.Nil(t, o.tensor.Grad())
				assert.Zero(t, nn.Entries(opt)[i].Tensor.Item())
			}
			p.setGrad(3)
			q.setGrad(4)
			norm, ok = opt.Step(1, 0.1)
			assert.True(t, ok)
			assert.InDelta(t, 5, norm, 1e-6)
		}
	}
}

// Channels-last parameters keep their layout, have buffers in it, and get the same numbers.
func TestLayoutDoesNotChangeTheStep(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(40)
	start, grad := torch.Randn(torchtest.Device, 4, 3, 3, 3), torch.Randn(torchtest.Device, 4, 3, 3, 3)
	var results [][]float32
	for _, channelsLast := range []bool{false, true} {
		w := start.Clone().SetRequiresGrad(true)
		w.SetChannelsLast(channelsLast)
		opt := newSGD(t, []nn.Entry{{Name: "w", Tensor: w}}, same(1, rules.Default(1e-3, true)),
			optim.SGDOptions{Momentum: 0.9, Adaptation: optim.LARC, TrustCoefficient: 1e-3})
		for step := range int64(3) {
			w.SetGrad(grad.Clone())
			opt.Step(step, 0.3)
		}
		assert.Equal(t, channelsLast, w.ChannelsLast())
		assert.Equal(t, channelsLast, nn.Entries(opt)[0].Tensor.ChannelsLast())
		results = append(results, w.Float32s())
	}
	torchtest.Close(t, "weights", results[1], results[0], 1e-6)
}

func TestWrongOptions(t *testing.T) {
	torchtest.NoLeaks(t)
	_, err := optim.NewSGD(entries(newOne(1)), nil, optim.SGDOptions{Adaptation: optim.LARC})
	require.ErrorContains(t, err, "1 parameters and 0 settings")
	_, err = optim.NewSGD(nil, nil, optim.SGDOptions{Adaptation: "adam"})
	require.ErrorContains(t, err, `"adam" is not known, use larc, lars or none`)
}
