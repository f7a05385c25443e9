// SPDX-License-Identifier: MIT

package swav_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/nn"
	"seer/ssl/swav"
	"seer/torch"
	"seer/torch/torchtest"
)

// pixels is a trunk without weights: the image shrunk to 2×2, so that tests see the method and not a model.
type pixels struct{}

func (pixels) Width() int64 { return 12 }
func (pixels) Forward(_ *nn.Context, x *torch.Tensor) *torch.Tensor {
	return x.AdaptiveAvgPool2d(2, 2).Flatten(1, 3)
}
func (pixels) Walk(string, func(nn.Entry)) {}

const batch = 6

func options() swav.Hyperparameters {
	return swav.Hyperparameters{
		Hidden: []int64{16}, Out: 8, BatchNorm: true, Prototypes: 10, Temperature: 0.1, Epsilon: 0.05, Iterations: 3,
		AssignCrops: []int{0, 1},
	}
}

func newSystem(t *testing.T, o swav.Hyperparameters) *swav.SwAV {
	t.Helper()
	torch.ManualSeed(20)
	s, err := swav.New(pixels{}, torchtest.Device, o)
	require.NoError(t, err)
	t.Cleanup(func() { nn.Close(s) })
	return s
}

// twoSizes are 2 large and 3 small crops of six images, the same for the same seed.
func twoSizes(seed uint64) []*torch.Tensor {
	torch.ManualSeed(seed)
	return []*torch.Tensor{torch.Randn(torchtest.Device, 2*batch, 3, 12, 12), torch.Randn(torchtest.Device, 3*batch, 3, 6, 6)}
}

func TestForwardShapesAndUnits(t *testing.T) {
	torchtest.NoLeaks(t)
	s := newSystem(t, options())
	out := s.Forward(&nn.Context{Training: true}, twoSizes(1), batch, 0)
	assert.Empty(t, out.Loss.Shape())
	assert.Equal(t, []int64{5 * batch, 10}, out.Scores.Shape())
	assert.Equal(t, []int64{5 * batch, 8}, out.Embeddings.Shape())
	assert.Equal(t, []int64{2 * batch, 10}, out.Assignments.Shape())
	assertUnitRows(t, out.Embeddings)
	assertUnitRows(t, s.Prototypes.Weight())
	assert.True(t, out.Loss.RequiresGrad())
	for _, detached := range []*torch.Tensor{out.Scores, out.Embeddings, out.Assignments} {
		assert.False(t, detached.RequiresGrad())
	}
}

func assertUnitRows(t *testing.T, x *torch.Tensor) {
	t.Helper()
	for _, n := range x.Detach().NormDims(false, 1).Float32s() {
		assert.InDelta(t, 1, n, 1e-6)
	}
}

// The parts add up: the loss is that of Sinkhorn's assignments of each assigned crop by itself.
func TestForwardIsTheSumOfItsParts(t *testing.T) {
	torchtest.NoLeaks(t)
	s := newSystem(t, options())
	out := s.Forward(&nn.Context{Training: true}, twoSizes(1), batch, 0)
	for a := range int64(2) {
		want := swav.Sinkhorn(out.Scores.Narrow(0, a*batch, batch), s.Epsilon, s.Iterations)
		assert.True(t, want.Equal(out.Assignments.Narrow(0, a*batch, batch)), "crop %d", a)
	}
	p := problem{5, batch, 10, s.AssignCrops, out.Scores.Float32s(), out.Assignments.Float32s(), s.Temperature}
	assert.InEpsilon(t, p.oracle(), out.Loss.Item(), 1e-5)
}

// No gradient flows through Q: with the same Q as plain numbers, every parameter's gradient is the same.
func TestNoGradientThroughAssignments(t *testing.T) {
	torchtest.NoLeaks(t)
	s := newSystem(t, options())
	ctx := &nn.Context{Training: true}
	out := s.Forward(ctx, twoSizes(1), batch, 0)
	out.Loss.Backward()
	want := gradients(s)

	images := twoSizes(1)
	z := s.Head.Forward(ctx, torch.Cat(0, s.Trunk.Forward(ctx, images[0]), s.Trunk.Forward(ctx, images[1]))).Normalize(1)
	constant := torchtest.Float32(out.Assignments.Float32s(), 2*batch, 10)
	swav.SwappedPrediction(s.Prototypes.Forward(ctx, z), constant, s.AssignCrops, batch, s.Temperature).Backward()
	for i, g := range gradients(s) {
		torchtest.Close(t, nn.Parameters(s)[i].Name, g, want[i], 1e-6)
	}
}

// gradients returns the gradients of all parameters and clears them.
func gradients(s *swav.SwAV) [][]float32 {
	var all [][]float32
	params := nn.Parameters(s)
	for _, p := range params {
		all = append(all, p.Tensor.Grad().Float32s())
	}
	torch.ClearGrads(nn.Tensors(params))
	return all
}

// Images that are all the same leave nothing to tell apart: Q is uniform, and without batch norm the loss is ln K plus
// what the prototypes' own spread costs.
func TestIdenticalImagesGiveUniformAssignments(t *testing.T) {
	torchtest.NoLeaks(t)
	o := options()
	o.BatchNorm = false
	s := newSystem(t, o)
	torch.NoGrad(func() {
		// Equal prototypes predict uniformly.
		w := s.Prototypes.Weight()
		w.CopyInPlace(w.Narrow(0, 0, 1).Expand(w.Shape()...).Clone())
	})
	same := torch.Ones(torch.Float32, torchtest.Device, 2*batch, 3, 8, 8)
	out := s.Forward(&nn.Context{Training: true}, []*torch.Tensor{same}, batch, 0)
	for _, q := range out.Assignments.Float32s() {
		assert.InDelta(t, 0.1, q, 1e-6)
	}
	assert.InDelta(t, math.Log(10), out.Loss.Item(), 1e-5)
}

// Scores, assignments and loss stay in float32 under mixed precision, and so near the full one.
func TestAutocastKeepsTheLossInFloat32(t *testing.T) {
	torchtest.NoLeaks(t)
	s := newSystem(t, options())
	want := s.Forward(&nn.Context{Training: true}, twoSizes(1), batch, 0)
	for dtype, tol := range map[torch.DType]float64{torch.BFloat16: 0.05, torch.Float16: 0.005} {
		torch.Autocast(torchtest.Device, dtype, func() {
			out := s.Forward(&nn.Context{Training: true}, twoSizes(1), batch, 0)
			for _, x := range []*torch.Tensor{out.Loss, out.Scores, out.Embeddings, out.Assignments} {
				assert.Equal(t, torch.Float32, x.DType())
			}
			assertUnitRows(t, out.Embeddings)
			assert.InEpsilon(t, want.Loss.Item(), out.Loss.Item(), tol, "%v", dtype)
		})
	}
}

// A queue waits for its first step, fills, and only then changes assignments.
func TestQueueEntersWhenItIsFull(t *testing.T) {
	torchtest.NoLeaks(t)
	o := options()
	o.QueueLength, o.QueueStart = 2*batch, 2
	with, without := newSystem(t, o), newSystem(t, options())
	for step := range int64(6) {
		a := with.Forward(&nn.Context{Training: true}, twoSizes(uint64(step)), batch, step)
		b := without.Forward(&nn.Context{Training: true}, twoSizes(uint64(step)), batch, step)
		assert.True(t, a.Scores.Equal(b.Scores))
		// Steps 2 and 3 fill it.
		assert.Equal(t, step >= 4, !a.Assignments.Equal(b.Assignments), "step %d", step)
		assert.Equal(t, step >= 3, with.Queue.Full(), "after step %d", step)
	}
}

// With a full queue Q is that of queue and batch together, for the batch's rows.
func TestQueueJoinsTheBatchInSinkhorn(t *testing.T) {
	torchtest.NoLeaks(t)
	o := options()
	o.QueueLength = 2 * batch
	s := newSystem(t, o)
	for step := range int64(2) {
		s.Forward(&nn.Context{Training: true}, twoSizes(uint64(step)), batch, step)
	}
	old := make([]*torch.Tensor, 2)
	for a := range old {
		old[a] = s.Queue.Embeddings(a).Clone()
	}
	out := s.Forward(&nn.Context{Training: true}, twoSizes(7), batch, 2)
	for a := range int64(2) {
		past := torch.Linear(old[a], s.Prototypes.Weight().Detach(), nil)
		all := torch.Cat(0, past, out.Scores.Narrow(0, a*batch, batch)).Float32s()
		q := oracle(all, 3*batch, 10, s.Epsilon, s.Iterations)
		torchtest.Close(t, "q", out.Assignments.Narrow(0, a*batch, batch).Float32s(), q[2*batch*10:], 1e-5)
		kept := s.Queue.Embeddings(int(a))
		assert.True(t, kept.Narrow(0, 0, batch).Equal(out.Embeddings.Narrow(0, a*batch, batch)), "the oldest rows went")
	}
}

func TestNamesAndHeads(t *testing.T) {
	torchtest.NoLeaks(t)
	o := options()
	o.Hidden, o.QueueLength = []int64{16, 16}, 4
	names := func(o swav.Hyperparameters) (names []string) {
		for _, e := range nn.Entries(newSystem(t, o)) {
			names = append(names, e.Name)
		}
		return names
	}
	assert.Equal(t, []string{
		"head.projection_head.0.weight", "head.projection_head.0.bias",
		"head.projection_head.1.weight", "head.projection_head.1.bias",
		"head.projection_head.1.running_mean", "head.projection_head.1.running_var",
		"head.projection_head.3.weight", "head.projection_head.3.bias",
		"head.projection_head.4.weight", "head.projection_head.4.bias",
		"head.projection_head.4.running_mean", "head.projection_head.4.running_var",
		"head.projection_head.6.weight", "head.projection_head.6.bias",
		"prototypes.weight", "queue.embeddings", "queue.stored",
	}, names(o))
	o.BatchNorm, o.QueueLength = false, 0
	assert.Equal(t, []string{
		"head.projection_head.0.weight", "head.projection_head.0.bias", "head.projection_head.2.weight",
		"head.projection_head.2.bias", "head.projection_head.4.weight", "head.projection_head.4.bias", "prototypes.weight",
	}, names(o))
	o.Hidden = nil
	assert.Equal(t, []string{"head.projection_head.0.weight", "head.projection_head.0.bias", "prototypes.weight"}, names(o))
}

func TestImpossibleOptions(t *testing.T) {
	for what, change := range map[string]func(*swav.Hyperparameters){
		"no assigned crops": func(o *swav.Hyperparameters) { o.AssignCrops = nil },
		"no prototypes":     func(o *swav.Hyperparameters) { o.Prototypes = 0 },
		"no width":          func(o *swav.Hyperparameters) { o.Out = 0 },
		"no iterations":     func(o *swav.Hyperparameters) { o.Iterations = 0 },
	} {
		o := options()
		change(&o)
		_, err := swav.New(pixels{}, torchtest.Device, o)
		require.ErrorContains(t, err, "assign_crops", what)
	}
}

// A crop that is assigned but not there is an error that names the operation.
func TestForwardOfMissingCrops(t *testing.T) {
	torchtest.NoLeaks(t)
	o := options()
	o.AssignCrops = []int{0, 5}
	s := newSystem(t, o)
	err := torch.Try(func() { s.Forward(&nn.Context{Training: true}, twoSizes(1), batch, 0) })
	var op *torch.OpError
	require.ErrorAs(t, err, &op)
	assert.Equal(t, "narrow", op.Op)
}
