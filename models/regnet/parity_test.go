// SPDX-License-Identifier: MIT

package regnet_test

import (
	"math"
	"strconv"
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

// A wrong layer is off by per cents, float32 rounding by a few 1e-5 (metadata fp32_* of the golden files).
const tolerance = 1e-4

func load(t *testing.T, name string, classes int) *regnet.RegNet {
	t.Helper()
	p, err := arch.Lookup(name)
	require.NoError(t, err)
	m, err := regnet.New(p, torchtest.Device, classes)
	require.NoError(t, err)
	t.Cleanup(func() { nn.Close(m) })
	return m
}

// Torchvision's numbers, in both memory layouts: logits at two sizes, the loss, every gradient in evaluation and
// in training mode, and the running statistics that the training pass leaves behind.
func TestParityWithTorchvision(t *testing.T) {
	for _, name := range []string{"regnet_y_400mf", "regnet_y_1_6gf"} {
		file, err := golden.Load(name + ".safetensors")
		require.NoError(t, err)
		for _, channelsLast := range []bool{false, true} {
			layout := map[bool]string{false: "row-major", true: "channels-last"}[channelsLast]
			t.Run(name+"/"+layout, func(t *testing.T) {
				torchtest.NoLeaks(t)
				m := load(t, name, 1000)
				nntest.Fill(t, m, "")
				nn.SetChannelsLast(m, channelsLast)
				p := parity{t: t, file: file, model: m, channelsLast: channelsLast, worst: nntest.Worst{}}
				p.run()
				t.Logf("largest relative errors: %v", p.worst)
			})
		}
	}
}

type parity struct {
	t            *testing.T
	file         *golden.File
	model        *regnet.RegNet
	channelsLast bool
	worst        nntest.Worst
}

func (p *parity) input(name string, seed uint64, h, w int64) *torch.Tensor {
	x := nntest.Input(name, seed, 2, 3, h, w)
	if p.channelsLast {
		x = x.ToChannelsLast()
	}
	return x
}

func (p *parity) run() {
	seed, err := strconv.ParseUint(p.file.Meta["input_seed"], 10, 64)
	require.NoError(p.t, err)
	x := p.input("input", seed, 33, 33)
	odd := p.input("input.odd", golden.Seed, 50, 70)
	torch.NoGrad(func() {
		p.see("logits_eval", p.model.Forward(&nn.Context{}, x))
		p.see("logits_eval_odd", p.model.Forward(&nn.Context{}, odd))
	})
	p.gradients("eval", x)
	p.gradients("train", x)
	p.statistics()
}

func (p *parity) see(key string, got *torch.Tensor) {
	p.worst.See(p.t, key, "output", got.Detach().Float32s(), p.file.Get(key).Data, tolerance)
}

// gradients repeats the script's backward pass: loss = sum(logits · cotangent)/2.
func (p *parity) gradients(mode string, x *torch.Tensor) {
	scope := torch.NewScope()
	defer scope.Close()
	params := nn.Parameters(p.model)
	require.Equal(p.t, p.file.List("parameters"), nntest.Names(params))
	torch.ClearGrads(nn.Tensors(params))
	logits := p.model.Forward(&nn.Context{Training: mode == "train"}, x)
	if mode == "train" {
		p.see("logits_train", logits)
	}
	loss := logits.Mul(nntest.Input("cotangent", golden.Seed, 2, 1000)).Sum().DivScalar(2)
	p.see("loss_"+mode, loss)
	loss.Backward()
	for i, e := range params {
		p.gradient("grad_"+mode, i, e)
	}
}

// gradient compares one gradient with what the file keeps of it. Norm, sum and samples are relative to the tensor's own
// scale: a sum may cancel to zero and samples may be its small elements. A sum of n rounded values is off by up to
// sqrt(n) times one value's error, hence its scale.
func (p *parity) gradient(key string, i int, e nn.Entry) {
	g := e.Tensor.Grad()
	require.NotNil(p.t, g, e.Name)
	values := g.Float32s()
	norm, largest := p.file.Get(key + "_norm").Data[i], p.file.Get(key + "_maxabs").Data[i]
	within := func(kind string, got, want, scale float64) {
		p.worst.Within(p.t, key+kind, e.Name, got, want, scale, tolerance)
	}
	got := summary(values)
	within("_norm", got.norm, float64(norm), float64(norm))
	within("_sum", got.sum, float64(p.file.Get(key + "_sum").Data[i]), float64(norm)*math.Sqrt(float64(len(values))))
	within("_maxabs", got.largest, float64(largest), float64(largest))
	want := p.file.Get(key + "_samples").Row(i)
	for j, v := range golden.Sample(values) {
		within("_samples", float64(v), float64(want[j]), float64(largest))
	}
}

func (p *parity) statistics() {
	buffers := nn.Buffers(p.model)
	require.Equal(p.t, p.file.List("buffers"), nntest.Names(buffers))
	for i, e := range buffers {
		got := golden.Sample(e.Tensor.Float32s())
		p.worst.See(p.t, "running statistics", e.Name, got, p.file.Get("buffer_samples").Row(i), tolerance)
	}
}

// figures are what the file keeps of a gradient besides samples.
type figures struct{ norm, sum, largest float64 }

func summary(values []float32) figures {
	var f figures
	for _, v := range values {
		x := float64(v)
		f.norm += x * x
		f.sum += x
		f.largest = max(f.largest, math.Abs(x))
	}
	f.norm = math.Sqrt(f.norm)
	return f
}
