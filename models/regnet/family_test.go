// SPDX-License-Identifier: MIT

package regnet_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/models/regnet"
	"seer/models/regnet/arch"
	"seer/nn"
	"seer/nn/nntest"
	"seer/torch"
	"seer/torch/torchtest"
)

// normTolerance bounds a gradient's norm: an input of a ReLU that rounds to the other side of zero moves some by 3e-4
// (metadata fp32_grad_norms), a wrong layer all by per cents.
const normTolerance = 1e-3

// Every published RegNetY has the numbers of torchvision or timm, whichever has its widths: both ways of rounding them,
// every group width and squeeze. Of the largest models only the first blocks are built.
func TestEveryVariantHasTheNumbersOfItsLibrary(t *testing.T) {
	file, err := golden.Load("regnet_family.safetensors")
	require.NoError(t, err)
	for _, name := range arch.Names() {
		if strings.HasPrefix(name, "regnet_x") {
			continue // with the other trunks, in package models
		}
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			p, err := arch.Lookup(name)
			require.NoError(t, err)
			f := family{t: t, file: file, arch: name, worst: nntest.Worst{}}
			f.run(f.cut(p))
			t.Logf("largest relative errors: %v", f.worst)
		})
	}
}

type family struct {
	t     *testing.T
	file  *golden.File
	arch  string
	worst nntest.Worst
}

// cut leaves the blocks that the reference has.
func (f family) cut(p arch.Params) arch.Params {
	var blocks, parameters int
	_, err := fmt.Sscanf(f.file.Meta[f.arch], "%d blocks, %d parameters", &blocks, &parameters)
	require.NoError(f.t, err, "the golden file lacks %s", f.arch)
	if blocks > 0 {
		p.Depth = blocks
	}
	return p
}

func (f family) run(p arch.Params) {
	m, err := regnet.New(p, torchtest.Device, 16)
	require.NoError(f.t, err)
	defer nn.Close(m)
	nntest.Fill(f.t, m, "")
	x := nntest.Input("input", golden.Seed, 2, 3, 40, 40)
	logits := m.Forward(&nn.Context{}, x)
	f.see("logits_eval", logits)
	logits.Mul(nntest.Input("cotangent", golden.Seed, 2, 16)).Sum().DivScalar(2).Backward()
	f.norms(nn.Parameters(m))
	torch.NoGrad(func() { f.see("logits_train", m.Forward(&nn.Context{Training: true}, x)) })
}

func (f family) see(key string, got *torch.Tensor) {
	f.worst.See(f.t, key, f.arch, got.Detach().Float32s(), f.file.Get(f.arch+"."+key).Data, tolerance)
}

func (f family) norms(params []nn.Entry) {
	names := strings.Split(f.file.Meta[f.arch+".parameters"], "\n")
	require.ElementsMatch(f.t, names, nntest.Names(params))
	want := map[string]float64{}
	for i, name := range names {
		want[name] = float64(f.file.Get(f.arch + ".grad_norms").Data[i])
	}
	for _, e := range params {
		scope := torch.NewScope()
		got := math.Sqrt(e.Tensor.Grad().To(torch.Float64).Square().Sum().Item())
		scope.Close()
		f.worst.Within(f.t, "gradient norms", e.Name, got, want[e.Name], want[e.Name], normTolerance)
	}
}
