// SPDX-License-Identifier: MIT

package pretrain_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/internal/golden"
	"seer/nn"
	"seer/nn/nntest"
	"seer/tasks/pretrain"
	"seer/torch"
	"seer/torch/torchtest"
	"seer/train"
)

// tiny is a system of a few thousand weights with all that SwAV has but the queue.
func tiny() *config.Experiment {
	e := config.Default()
	e.Run.Seed, e.Run.Precision = 3, "fp32"
	e.Model = config.Model{Arch: "regnet_y", Depth: 4, W0: 16, WA: 16, WM: 2, GroupWidth: 8}
	e.SwAV.Hidden, e.SwAV.Out, e.SwAV.BatchNorm = []int{32}, 16, true
	e.SwAV.Prototypes, e.SwAV.SinkhornIterations = 8, 3
	return e
}

func newEngine(t *testing.T, e *config.Experiment, plan *config.Resolved) *train.Engine {
	t.Helper()
	system, err := pretrain.NewSystem(e, plan, torch.CPU)
	require.NoError(t, err)
	tr, err := pretrain.NewEngine(system, e, plan, torch.CPU, false)
	require.NoError(t, err)
	t.Cleanup(tr.Close)
	return tr
}

// system is the method of an engine.
func system(e *train.Engine) *pretrain.Method { return e.Method.(*pretrain.Method) }

const images = 8

// noise is a batch of two large and two small crops of eight images: each image has a mean of its own, which its crops
// share, so that there is something to learn.
func noise(name string) *train.Batch {
	b := &train.Batch{Images: images}
	shift := golden.Fill(name+".shift", 1, images*3)
	for _, size := range []int{32, 16} {
		values := golden.Fill(name, uint64(size), 2*images*size*size*3)
		pixels := make([]byte, len(values))
		for i, v := range values {
			image, channel := i/(size*size*3)%images, i%3
			pixels[i] = byte(128 + 80*shift[image*3+channel] + 40*v)
		}
		b.Pixels = append(b.Pixels, torch.FromBytes(pixels, torch.UInt8, 2*images, int64(size), int64(size), 3))
	}
	return b
}

// snapshot copies every tensor of a system to the host.
func snapshot(w nn.Walker) map[string][]byte {
	state := map[string][]byte{}
	for _, e := range nn.Entries(w) {
		state[e.Name] = e.Tensor.RawBytes()
	}
	return state
}

// While the backward pass goes on, the engine tells of each parameter once: those behind the trunk first, then the trunk's
// from the last to the first, each with the gradient that the update sees.
func TestFinalGradientsAreTold(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	defer scope.Close()
	plain, told := newEngine(t, tiny(), &config.Resolved{}), newEngine(t, tiny(), &config.Resolved{})
	var params []*torch.Tensor
	told.Final = func(final []*torch.Tensor) {
		for _, p := range final {
			if g := p.Grad(); g != nil {
				g.CopyInPlace(g.MulScalar(0.5)) // what a group of processes would do
			}
		}
		params = append(params, final...)
	}
	batch := noise("final")
	before := snapshot(told.Method)
	for _, e := range []*train.Engine{plain, told} {
		_, err := e.Step(0, 0.1, batch, false)
		require.NoError(t, err)
	}
	entries := nn.Parameters(told.Method)
	assert.ElementsMatch(t, nn.Tensors(entries), params)
	trunk := len(nn.Parameters(system(told).Trunk))
	assert.Equal(t, nn.Tensors(entries[trunk:]), params[:len(params)-trunk], "head and prototypes come first")
	assert.Same(t, entries[0].Tensor, params[len(params)-3], "and the stem last")
	halved := 0
	for _, e := range entries {
		other := nntest.Find(t, plain.Method, e.Name)
		if string(before[e.Name]) != string(e.Tensor.RawBytes()) && !other.Equal(e.Tensor) {
			halved++
		}
	}
	assert.Positive(t, halved, "the update uses what became of the gradients")
}

// Fifty steps on the same images teach the system something, keep the prototypes on the sphere, and leave no tensor behind.
func TestStepsLearnAndFreeWhatTheyMake(t *testing.T) {
	torchtest.NoLeaks(t)
	tr, batch := newEngine(t, tiny(), &config.Resolved{}), noise("learn")
	live := torch.LiveTensors()
	var first, last train.Result
	for step := range int64(50) {
		r, err := tr.Step(step, 2, batch, step%7 == 0 || step == 49)
		require.NoError(t, err)
		require.Equal(t, live, torch.LiveTensors(), "step %d", step)
		if step == 0 {
			first = r
		}
		last = r
	}
	assert.Less(t, last.Loss, first.Loss*0.8)
	assert.InDelta(t, math.Log(8), first.Loss, 1.5)
	assert.Positive(t, last.GradientNorm)
	assert.LessOrEqual(t, system(tr).Health.PrototypesUsed, int64(8))
	assert.InDelta(t, math.Log(8), system(tr).Health.Entropy, 0.3, "Sinkhorn uses all prototypes")
	for _, norm := range system(tr).Prototypes.Weight().Detach().NormDims(false, 1).Float32s() {
		assert.InDelta(t, 1, norm, 1e-6)
	}
}

// Measuring changes nothing: what is logged must not decide what is learned.
func TestDetailedStepsEqualPlainOnes(t *testing.T) {
	torchtest.NoLeaks(t)
	batch := noise("detail")
	var states []map[string][]byte
	for _, detailed := range []bool{false, true} {
		tr := newEngine(t, tiny(), &config.Resolved{})
		for step := range int64(3) {
			_, err := tr.Step(step, 1, batch, detailed)
			require.NoError(t, err)
		}
		states = append(states, snapshot(tr.Method))
	}
	assert.Equal(t, states[0], states[1])
}

func TestPrototypesRestWhileFrozen(t *testing.T) {
	torchtest.NoLeaks(t)
	const frozen = 3
	tr, batch := newEngine(t, tiny(), &config.Resolved{FreezePrototypes: frozen}), noise("frozen")
	prototypes := nntest.Find(t, tr.Method, "prototypes.weight")
	stem := nntest.Find(t, tr.Method, "trunk.stem.0.weight")
	start, stemStart := prototypes.Float32s(), stem.Float32s()
	for step := range int64(frozen + 1) {
		// Normalizing unit rows again may change their last bit.
		torchtest.Close(t, "prototypes", prototypes.Float32s(), start, 1e-6)
		_, err := tr.Step(step, 1, batch, false)
		require.NoError(t, err)
	}
	assert.NotEqual(t, stemStart, stem.Float32s())
	assert.Greater(t, golden.MaxAbs(prototypes.Float32s(), start), 1e-5, "they move from step %d on", frozen)
}

// Sixteen bits are near thirty-two. bfloat16 has 8 bits of mantissa (0.4 %), which a dozen layers, batch norms over few
// values and a temperature of 0.1 can blow up tenfold; float16 has 11. Small steps keep the trajectories together.
func TestPrecisions(t *testing.T) {
	torchtest.NoLeaks(t)
	batch := noise("precision")
	var want []float64
	for _, c := range []struct {
		precision string
		tolerance float64
	}{{"fp32", 0}, {"bf16", 0.04}, {"fp16", 0.02}} {
		e := tiny()
		e.Run.Precision = c.precision
		tr := newEngine(t, e, &config.Resolved{})
		assert.Equal(t, c.precision == "fp16", tr.Scaler != nil)
		if tr.Scaler != nil { // else the first steps only look for a scale that fits
			nntest.Set(t, nntest.Find(t, tr.Scaler, "scale"), []float32{256})
		}
		for step := range int64(3) {
			r, err := tr.Step(step, 0.1, batch, true)
			require.NoError(t, err)
			if c.precision == "fp32" {
				want = append(want, r.Loss)
			}
			rel := math.Abs(r.Loss-want[step]) / want[step]
			t.Logf("%s step %d: loss %.5f, %.1e from float32", c.precision, step, r.Loss, rel)
			assert.LessOrEqual(t, rel, c.tolerance)
			assert.False(t, r.Skipped)
		}
		for _, p := range nn.Entries(tr.Method) {
			assert.Equal(t, torch.Float32, p.Tensor.DType(), "%s of %s", p.Name, c.precision)
		}
	}
}

// A gradient that overflows float16 costs one step: no weight moves, the scale halves, and the next one goes through.
func TestOverflowSkipsTheStep(t *testing.T) {
	torchtest.NoLeaks(t)
	e := tiny()
	e.Run.Precision = "fp16"
	tr, batch := newEngine(t, e, &config.Resolved{}), noise("overflow")
	scale := nntest.Find(t, tr.Scaler, "scale")
	const huge = 1 << 40
	nntest.Set(t, scale, []float32{huge})
	params := func() (all [][]float32) {
		for _, p := range nn.Parameters(tr.Method) {
			all = append(all, p.Tensor.Float32s())
		}
		return all
	}
	before := params()
	r, err := tr.Step(0, 1, batch, true)
	require.NoError(t, err)
	assert.True(t, r.Skipped)
	assert.False(t, math.IsNaN(r.Loss))
	assert.Equal(t, before, params())
	assert.InDelta(t, huge/2, scale.Item(), 0)
	for _, m := range nn.Entries(tr.Optimizer) {
		assert.Zero(t, m.Tensor.Abs().Max().Item(), "momentum of %s", m.Name)
	}
	nntest.Set(t, scale, []float32{256})
	r, err = tr.Step(1, 1, batch, false)
	require.NoError(t, err)
	assert.False(t, r.Skipped)
	assert.NotEqual(t, before, params(), "with a scale that fits the next step moves the weights")
}

// A batch that does not fit is an error, and the trainer goes on with the next.
func TestWrongBatchIsAnError(t *testing.T) {
	torchtest.NoLeaks(t)
	tr := newEngine(t, tiny(), &config.Resolved{})
	before := snapshot(system(tr).Prototypes)
	live := torch.LiveTensors()
	for _, b := range []*train.Batch{
		{Images: images, Pixels: []*torch.Tensor{torch.Zeros(torch.UInt8, torch.CPU, 16, 3, 32, 32)}},
		{Images: images, Pixels: []*torch.Tensor{torch.Zeros(torch.UInt8, torch.CPU, 8, 32, 32, 3)} /* only one crop */},
	} {
		inputs := torch.LiveTensors()
		_, err := tr.Step(0, 1, b, false)
		var op *torch.OpError
		require.ErrorAs(t, err, &op)
		assert.Equal(t, inputs, torch.LiveTensors(), "a failed step frees what it made")
	}
	assert.Equal(t, before, snapshot(system(tr).Prototypes))
	_, err := tr.Step(0, 1, noise("after"), false)
	require.NoError(t, err)
	assert.Greater(t, torch.LiveTensors(), live)
}

func TestUnknownPrecision(t *testing.T) {
	_, err := train.ParsePrecision("fp8")
	require.ErrorContains(t, err, `precision "fp8" is not known: use fp32, bf16 or fp16`)
}
