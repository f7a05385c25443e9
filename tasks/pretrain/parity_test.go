// SPDX-License-Identifier: MIT

package pretrain_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/models/regnet"
	"seer/models/regnet/arch"
	"seer/nn"
	"seer/nn/nntest"
	"seer/optim"
	"seer/optim/rules"
	"seer/ssl/swav"
	"seer/torch"
	"seer/torch/torchtest"
)

// The constants of tools/golden/make_swav.py.
const (
	goldenBatch      = 8
	goldenQueueStart = 3
	goldenFreeze     = 2
	goldenDecay      = 1e-5
)

// A wrong rule is off by per cents, float32 rounding by 1e-5 after ten steps (metadata fp32_* of the file).
const tolerance = 1e-4

// Ten steps of the whole system give the losses of a PyTorch SwAV written from the papers: two resolutions, a head with
// batch norm, a queue that fills and enters, prototypes that rest and then move, LARC with parameters of zero norm.
func TestTenStepsEqualPyTorch(t *testing.T) {
	file, err := golden.Load("swav_steps.safetensors")
	require.NoError(t, err)
	for _, channelsLast := range []bool{false, true} {
		t.Run(fmt.Sprintf("channelsLast=%t", channelsLast), func(t *testing.T) {
			torchtest.NoLeaks(t)
			g := newGoldenRun(t, file, channelsLast)
			var out swav.Output
			for step := range file.Get("losses").Data {
				out = g.step(int64(step))
			}
			g.compareEnd(out)
			t.Logf("largest relative errors: %v", g.worst)
		})
	}
}

type goldenRun struct {
	t            *testing.T
	file         *golden.File
	system       *swav.SwAV
	optimizer    *optim.SGD
	channelsLast bool
	seed         uint64
	worst        nntest.Worst
}

func newGoldenRun(t *testing.T, file *golden.File, channelsLast bool) *goldenRun {
	g := &goldenRun{t: t, file: file, channelsLast: channelsLast, worst: nntest.Worst{}}
	var err error
	g.seed, err = strconv.ParseUint(file.Meta["input_seed"], 10, 64)
	require.NoError(t, err)
	g.system = goldenSystem(t)
	nn.SetChannelsLast(g.system, channelsLast)
	params := nn.Parameters(g.system)
	settings := make([]rules.Setting, len(params))
	for i, p := range params {
		settings[i] = rules.Default(goldenDecay, true)
		if p.Name == "prototypes.weight" {
			settings[i].FreezeUntil = goldenFreeze
		}
	}
	g.optimizer, err = optim.NewSGD(params, settings, optim.SGDOptions{Momentum: 0.9, Adaptation: optim.LARC, TrustCoefficient: 1e-3})
	require.NoError(t, err)
	t.Cleanup(g.optimizer.Close)
	return g
}

// goldenSystem has the script's weights: the generator's by the script's names, batch norm as fresh but for its scales.
func goldenSystem(t *testing.T) *swav.SwAV {
	trunk, err := regnet.New(arch.Params{Depth: 6, W0: 32, WA: 32, WM: 2.2, GroupWidth: 16}, torchtest.Device, 0)
	require.NoError(t, err)
	s, err := swav.New(trunk, torchtest.Device, swav.Hyperparameters{
		Hidden: []int64{64}, Out: 32, BatchNorm: true, Prototypes: 24, Temperature: 0.1, Epsilon: 0.05, Iterations: 3,
		AssignCrops: []int{0, 1}, QueueLength: 16, QueueStart: goldenQueueStart,
	})
	require.NoError(t, err)
	t.Cleanup(func() { nn.Close(s) })
	nntest.Fill(t, trunk, "")
	for _, e := range nn.Parameters(s.Head) {
		values, err := golden.Parameter(goldenName("head."+e.Name), e.Tensor.Shape(), golden.Seed)
		require.NoError(t, err)
		nntest.Set(t, e.Tensor, values)
	}
	nntest.Fill(t, s.Prototypes, "prototypes.")
	s.Prototypes.Normalize()
	freshNorms(trunk)
	freshNorms(s.Head)
	return s
}

// goldenName drops the level that our head has below it for VISSL's sake.
func goldenName(name string) string {
	return strings.Replace(name, "head.projection_head.", "head.", 1)
}

// freshNorms undoes the generator's values of batch norm, apart from its scales: LARC has to meet biases of zero norm.
func freshNorms(w nn.Walker) {
	zero := map[string]bool{}
	for _, e := range nn.Entries(w) {
		if prefix, found := strings.CutSuffix(e.Name, ".running_mean"); found {
			zero[prefix+".bias"], zero[e.Name] = true, true
		}
	}
	torch.NoGrad(func() {
		for _, e := range nn.Entries(w) {
			switch {
			case zero[e.Name]:
				e.Tensor.ZeroInPlace()
			case strings.HasSuffix(e.Name, ".running_var"):
				e.Tensor.FillInPlace(1)
			}
		}
	})
}

// crops makes the script's two resolutions: noise around a mean per image and channel.
func (g *goldenRun) crops(step int64) []*torch.Tensor {
	shift := nntest.Input(fmt.Sprintf("step%d.shift", step), g.seed, goldenBatch, 3).Reshape(goldenBatch, 3, 1, 1)
	images := make([]*torch.Tensor, 2)
	for i, size := range []int64{16, 8} {
		var views []*torch.Tensor
		for crop := 2 * i; crop < 2*i+2; crop++ {
			noise := nntest.Input(fmt.Sprintf("step%d.crop%d", step, crop), g.seed, goldenBatch, 3, size, size)
			views = append(views, noise.Add(shift))
		}
		if images[i] = torch.Cat(0, views...); g.channelsLast {
			images[i] = images[i].ToChannelsLast()
		}
	}
	return images
}

// step is Trainer.Step on images that are no bytes.
func (g *goldenRun) step(step int64) swav.Output {
	out := g.system.Forward(&nn.Context{Training: true}, g.crops(step), goldenBatch, step)
	out.Loss.Backward()
	norm, ok := g.optimizer.Step(step, float64(g.file.Get("lrs").Data[step]))
	require.True(g.t, ok)
	g.system.Prototypes.Normalize()
	g.at("losses", step, out.Loss.Item())
	g.at("grad_norms", step, norm)
	// Measure scales the spread by sqrt(D).
	g.at("embedding_std", step, swav.Measure(nil, out).EmbeddingStd/math.Sqrt(32))
	return out
}

// at compares a figure of a step.
func (g *goldenRun) at(kind string, step int64, got float64) {
	want := float64(g.file.Get(kind).Data[step])
	g.worst.Within(g.t, kind, fmt.Sprintf("step %d", step), got, want, want, tolerance)
}

// noiseOnly is a bias in front of batch norm, which takes it out again: its gradient is zero on paper and rounding in
// practice, and LARC makes steps of full length of it. Nothing depends on where it goes.
const noiseOnly = "head.0.bias"

// compareEnd checks what ten steps leave behind: the weights, the queue, the statistics.
func (g *goldenRun) compareEnd(out swav.Output) {
	see := func(key string, got *torch.Tensor) {
		g.worst.See(g.t, key, "the end", got.Float32s(), g.file.Get(key).Data, tolerance)
	}
	see("final_embeddings", out.Embeddings)
	// The script's queue has the newest rows first; the ring's position happens to be there after seven batches.
	see("queue", nntest.Find(g.t, g.system, "queue.embeddings"))
	see("running_var_stem", nntest.Find(g.t, g.system, "trunk.stem.1.running_var"))
	see("running_mean_head", nntest.Find(g.t, g.system, "head.projection_head.1.running_mean"))
	g.compareWeights()
}

func (g *goldenRun) compareWeights() {
	g.worst.See(g.t, "final_prototypes", "the end", g.system.Prototypes.Weight().Float32s(), g.file.Get("final_prototypes").Data, tolerance)
	names := g.file.List("parameters")
	for i, e := range nn.Parameters(g.system) {
		require.Equal(g.t, names[i], goldenName(e.Name))
		if names[i] == noiseOnly {
			continue
		}
		got := golden.Sample(e.Tensor.Float32s())
		g.worst.See(g.t, "final_samples", e.Name, got, g.file.Get("final_samples").Row(i), tolerance)
	}
}
