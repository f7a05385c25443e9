// SPDX-License-Identifier: MIT

package pretrain_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/nn/nntest"
	"seer/torch"
	"seer/torch/torchtest"
	"seer/train"
)

// broken runs one step of a system with a weight that is not a number.
func broken(t *testing.T) (*train.Engine, map[string][]byte, *train.NonFiniteError) {
	t.Helper()
	tr := newEngine(t, tiny(), &config.Resolved{})
	weight := nntest.Find(t, tr.Method, "head.projection_head.0.weight")
	values := weight.Float32s()
	values[5] = float32(math.NaN())
	nntest.Set(t, weight, values)
	before := snapshot(system(tr).Prototypes)
	_, err := tr.Step(17, 1, noise("broken"), true)
	var bad *train.NonFiniteError
	require.True(t, errors.As(err, &bad), "%v", err)
	return tr, before, bad
}

func TestNonFiniteLossStops(t *testing.T) {
	torchtest.NoLeaks(t)
	tr, before, bad := broken(t)
	assert.Equal(t, int64(17), bad.Step)
	assert.Equal(t, before, snapshot(system(tr).Prototypes), "no weight moved")
	for _, m := range tr.Optimizer.Gradients(17) {
		assert.Nil(t, m, "no gradient is left")
	}
	message := bad.Error()
	for _, part := range []string{
		"step 17", "before the weights changed", "optim.base_lr",
		"views.0", "float32[16,3,32,32]", "views.1", "float32[16,3,16,16]", "0 % not finite",
		"embeddings", "scores", "assignments", "100 % not finite",
		"parameter head.projection_head.0.weight", "buffer head.projection_head.1.running_mean",
	} {
		assert.Contains(t, message, part)
	}
	assert.Equal(t, 1, strings.Count(message, "parameter "), "only broken parameters are listed")
	assert.NotContains(t, message, "seer inspect")
	bad.Path = "runs/x/nonfinite.safetensors"
	assert.Contains(t, bad.Error(), "seer inspect runs/x/nonfinite.safetensors")
}

// The dump holds the step's tensors, whole, for a look at which image or prototype broke.
func TestNonFiniteDump(t *testing.T) {
	torchtest.NoLeaks(t)
	_, _, bad := broken(t)
	shapes := map[string][]int64{}
	for _, d := range bad.Dump {
		shapes[d.Name] = d.Shape
		elements := int64(1)
		for _, n := range d.Shape {
			elements *= n
		}
		assert.Len(t, d.Data, int(4*elements), d.Name)
		assert.Equal(t, "F32", string(d.DType))
	}
	assert.Equal(t, map[string][]int64{
		"views.0": {16, 3, 32, 32}, "views.1": {16, 3, 16, 16},
		"embeddings": {32, 16}, "scores": {32, 8}, "assignments": {16, 8},
	}, shapes)
}

func TestScalerRestoresGradients(t *testing.T) {
	torchtest.NoLeaks(t)
	s := train.NewScaler(torch.CPU)
	defer func() {
		for _, name := range []string{"scale", "tracker"} {
			nntest.Find(t, s, name).Close()
		}
	}()
	x := torch.FromFloat32([]float32{3}, 1).SetRequiresGrad(true)
	scaled := s.Scale(x.Square().Sum())
	assert.Empty(t, scaled.Shape())
	assert.InDelta(t, 9*65536, scaled.Item(), 0)
	scaled.Backward()
	assert.True(t, s.Unscale([]*torch.Tensor{x.Grad()}))
	assert.InDelta(t, 6, x.Grad().Item(), 0)
	assert.InDelta(t, 1, nntest.Find(t, s, "tracker").To(torch.Float32).Item(), 0)
	x.SetGrad(torch.FromFloat32([]float32{float32(math.Inf(1))}, 1))
	assert.False(t, s.Unscale([]*torch.Tensor{x.Grad()}))
	assert.InDelta(t, 32768, nntest.Find(t, s, "scale").Item(), 0)
	assert.Zero(t, nntest.Find(t, s, "tracker").To(torch.Float32).Item(), "the count of good steps starts again")
}

// A step that is left out has changed nothing: weights, statistics and queue are those before it, and the next step is as if
// there had been none.
func TestAStepThatIsNotFiniteIsLeftOut(t *testing.T) {
	torchtest.NoLeaks(t)
	e := tiny()
	e.SwAV.QueueLength = 32
	e.Run.OnNonfinite = "skip"
	plain, skips := newEngine(t, e, &config.Resolved{}), newEngine(t, e, &config.Resolved{})
	for step := range int64(3) {
		if step == 1 {
			weight := nntest.Find(t, skips.Method, "head.projection_head.0.weight")
			values := weight.Float32s()
			broken := append([]float32(nil), values...)
			broken[5] = float32(math.Inf(1))
			nntest.Set(t, weight, broken)
			before := snapshot(skips.Method)
			r, err := skips.Step(step, 0.1, noise("other"), true)
			require.NoError(t, err)
			assert.True(t, r.Skipped)
			require.NotNil(t, r.NonFinite)
			assert.NotEmpty(t, r.NonFinite.State)
			assert.Equal(t, before, snapshot(skips.Method))
			nntest.Set(t, weight, values)
		}
		for _, engine := range []*train.Engine{plain, skips} {
			r, err := engine.Step(step, 0.1, noise("same"), false)
			require.NoError(t, err)
			assert.False(t, r.Skipped)
		}
		assert.Equal(t, snapshot(plain.Method), snapshot(skips.Method), "step %d", step)
	}
}

// Values are looked at in the order in which they come about.
func TestATraceFindsWhereAStepBreaks(t *testing.T) {
	torchtest.NoLeaks(t)
	tr := newEngine(t, tiny(), &config.Resolved{})
	trace := func() *train.Trace {
		found, err := tr.Trace(3, noise("trace"))
		require.NoError(t, err)
		return found
	}
	sound := trace()
	assert.True(t, sound.Finite())
	assert.Greater(t, len(sound.Layers), 20)
	assert.Positive(t, sound.Layers[0].Largest)
	weight := nntest.Find(t, tr.Method, "head.projection_head.0.weight")
	values := weight.Float32s()
	huge := append([]float32(nil), values...)
	for i := range huge {
		huge[i] = 3e38
	}
	nntest.Set(t, weight, huge)
	assert.Contains(t, trace().First(), "in the output of head.projection_head.0, float32[32,32]")
	huge[0] = float32(math.NaN())
	nntest.Set(t, weight, huge)
	assert.Contains(t, trace().First(), "in the weights before the step: head.projection_head.0.weight")
	nntest.Set(t, weight, values)
	assert.True(t, trace().Finite())
}
