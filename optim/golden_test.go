// SPDX-License-Identifier: MIT

package optim_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/nn"
	"seer/nn/nntest"
	"seer/optim"
	"seer/optim/rules"
	"seer/torch/torchtest"
)

// The decay of tools/golden/make_larc.py: large enough to be seen at 1e-6.
const goldenDecay = 1e-2

// Two steps of apex's LARC and of VISSL's LARS, for parameters of every kind: zero norm, zero gradient, no gradient,
// vectors, scalars, and norms near LARC's epsilon.
func TestAdaptationEqualsPyTorch(t *testing.T) {
	file, err := golden.Load("larc.safetensors")
	require.NoError(t, err)
	for _, adaptation := range []optim.Adaptation{optim.LARC, optim.LARS} {
		t.Run(string(adaptation), func(t *testing.T) {
			torchtest.NoLeaks(t)
			runGolden(t, file, adaptation)
		})
	}
}

func runGolden(t *testing.T, file *golden.File, adaptation optim.Adaptation) {
	var rates []float64
	require.NoError(t, json.Unmarshal([]byte(file.Meta["lr"]), &rates))
	params, settings := goldenParameters(file, adaptation)
	opt := newSGD(t, params, settings, optim.SGDOptions{Momentum: 0.9, Adaptation: adaptation, TrustCoefficient: 1e-3})
	worst := nntest.Worst{}
	for step, lr := range rates {
		for _, p := range params {
			if key := fmt.Sprintf("%s.grad%d", p.Name, step); file.Has(key) {
				g := file.Get(key)
				p.Tensor.SetGrad(torchtest.Float32(g.Data, g.Shape...))
			}
		}
		opt.Step(int64(step), lr)
		for _, p := range params {
			want := file.Get(fmt.Sprintf("%s.%s.step%d", adaptation, p.Name, step+1)).Data
			worst.See(t, fmt.Sprintf("step %d", step+1), p.Name, p.Tensor.Float32s(), want, 1e-6)
		}
	}
	for _, b := range nn.Entries(opt) {
		want := file.Get(fmt.Sprintf("%s.%s.momentum2", adaptation, b.Name)).Data
		worst.See(t, "momentum", b.Name, b.Tensor.Float32s(), want, 1e-6)
	}
	t.Logf("largest relative errors: %v", worst)
}

// goldenParameters are the script's, with its exclusion of vectors from LARS.
func goldenParameters(file *golden.File, adaptation optim.Adaptation) (params []nn.Entry, settings []rules.Setting) {
	for _, name := range file.List("parameters") {
		init := file.Get(name + ".init")
		x := torchtest.Float32(init.Data, init.Shape...).SetRequiresGrad(true)
		params = append(params, nn.Entry{Name: name, Kind: nn.Parameter, Tensor: x})
		set := rules.Default(goldenDecay, true)
		if adaptation == optim.LARS && len(init.Shape) == 1 {
			set = rules.Default(0, false)
		}
		settings = append(settings, set)
	}
	return params, settings
}

func newSGD(t *testing.T, params []nn.Entry, settings []rules.Setting, o optim.SGDOptions) *optim.SGD {
	t.Helper()
	s, err := optim.NewSGD(params, settings, o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// The optimizer's buffers have their parameters' names, in order, whatever was skipped.
func TestBuffersAreNamedAfterParameters(t *testing.T) {
	torchtest.NoLeaks(t)
	file, err := golden.Load("larc.safetensors")
	require.NoError(t, err)
	params, settings := goldenParameters(file, optim.LARC)
	opt := newSGD(t, params, settings, optim.SGDOptions{Adaptation: optim.LARC})
	assert.Equal(t, nntest.Names(params), nntest.Names(nn.Buffers(opt)))
	assert.Empty(t, nn.Parameters(opt))
}
