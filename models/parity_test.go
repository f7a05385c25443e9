// SPDX-License-Identifier: MIT

package models_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/models"
	"seer/models/arch"
	resnet "seer/models/resnet/arch"
	"seer/models/sketch"
	vit "seer/models/vit/arch"
	"seer/nn"
	"seer/nn/nntest"
	"seer/torch"
	"seer/torch/torchtest"
)

// A wrong layer is off by per cents, float32 rounding by a few 1e-5 (metadata fp32_* of the golden file). A gradient's
// norm is off by more: an input of a ReLU that rounds to the other side of zero moves some by 3e-4.
const tolerance = 1e-4

// normTolerance is larger where another library computes than the one that the references are of: more inputs round to the
// other side then, and of these small images the last stage has eight values a channel.
func normTolerance() float64 {
	if torchtest.Device == torch.CPU {
		return 1e-3
	}
	return 2e-2
}

// reduced is what the golden file's script runs of a large network.
func reduced(n sketch.Network) (sketch.Network, int64) {
	switch n := n.(type) {
	case vit.ViT:
		n.Image = 64
		if n.Hidden == 1024 {
			n.Layers = 4
		}
		return n, 64
	case resnet.Selective:
		n.Depths = [4]int{1, 2, 1, 1}
		return n, 40
	}
	return n, 40
}

// Every family but RegNetY, which has its own tests, gives the numbers of the library that it comes from: logits in
// evaluation and in training mode, and the norm of every gradient.
func TestEveryArchitectureHasTheNumbersOfItsLibrary(t *testing.T) {
	file, err := golden.Load("trunks.safetensors")
	require.NoError(t, err)
	for _, name := range arch.Names() {
		if !others(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			n, err := arch.Lookup(name)
			require.NoError(t, err)
			n, side := reduced(n)
			m, err := models.New(n, torchtest.Device, 16)
			require.NoError(t, err)
			defer nn.Close(m)
			nntest.Fill(t, m, "")
			p := parity{t: t, file: file, arch: name, model: m, worst: nntest.Worst{}}
			p.run(side)
			t.Logf("largest relative errors: %v", p.worst)
		})
	}
}

type parity struct {
	t     *testing.T
	file  *golden.File
	arch  string
	model models.Trunk
	worst nntest.Worst
}

func (p parity) run(side int64) {
	x := nntest.Input("input", countedOf(p.t, p.file, p.arch).Seed, 2, 3, side, side)
	logits := p.model.Forward(&nn.Context{}, x)
	p.see("logits_eval", logits)
	logits.Mul(nntest.Input("cotangent", golden.Seed, 2, 16)).Sum().DivScalar(2).Backward()
	p.norms()
	torch.NoGrad(func() {
		p.see("logits_train", p.model.Forward(&nn.Context{Training: true}, x))
		if p.file.Has(p.arch + ".logits_resampled") {
			p.see("logits_resampled", p.model.Forward(&nn.Context{}, nntest.Input("input", golden.Seed, 2, 3, 96, 80)))
		}
	})
}

func (p parity) see(key string, got *torch.Tensor) {
	p.worst.See(p.t, key, p.arch, got.Detach().Float32s(), p.file.Get(p.arch+"."+key).Data, tolerance)
}

func (p parity) norms() {
	params, want := nn.Parameters(p.model), p.file.Get(p.arch+".grad_norms").Data
	require.Len(p.t, params, len(want))
	for i, e := range params {
		scope := torch.NewScope()
		got := math.Sqrt(e.Tensor.Grad().To(torch.Float64).Square().Sum().Item())
		scope.Close()
		p.worst.Within(p.t, "gradient norms", e.Name, got, float64(want[i]), float64(want[i]), normTolerance())
	}
}
