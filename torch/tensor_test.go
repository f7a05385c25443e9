// SPDX-License-Identifier: MIT

package torch_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch"
	"seer/torch/torchtest"
)

func TestHostCopies(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torchtest.Float32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	assert.Equal(t, []int64{2, 3}, x.Shape())
	assert.Equal(t, int64(3), x.Size(-1))
	assert.Equal(t, int64(24), x.Bytes())
	assert.Equal(t, []float32{1, 4, 2, 5, 3, 6}, x.Transpose(0, 1).Float32s(), "copies are row-major whatever the layout")
	assert.Equal(t, "float32[2,3]", x.String())
	assert.Equal(t, []int64{7, 8}, torchtest.Int64([]int64{7, 8}, 2).Int64s())
	assert.Equal(t, 3.5, torch.FromFloat64([]float64{3.5}, 1).Item())
	assert.Equal(t, []float64{3.5, 4.5}, torch.FromFloat64([]float64{3.5, 4.5}, 2).Float64s())
	assert.Empty(t, torchtest.Float32(nil, 0, 3).Float32s())
}

func TestRawBytesRoundTrip(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, d := range []torch.DType{torch.UInt8, torch.Int32, torch.Int64, torch.Float16, torch.BFloat16, torch.Float64} {
		x := torch.Randn(torchtest.Device, 2, 3, 4, 5).MulScalar(50).Abs().To(d)
		y := torch.Zeros(d, torchtest.Device, 2, 3, 4, 5)
		require.NoError(t, y.SetRawBytes(x.RawBytes()), d)
		assert.True(t, x.Equal(y), "%v", d)
		assert.Len(t, x.RawBytes(), int(120*d.Size()))
	}
	channelsLast := torch.Zeros(torch.Float32, torchtest.Device, 2, 3, 4, 5).ToChannelsLast()
	x := torch.Randn(torchtest.Device, 2, 3, 4, 5)
	require.NoError(t, channelsLast.SetRawBytes(x.RawBytes()))
	assert.True(t, channelsLast.ChannelsLast() && channelsLast.Equal(x), "bytes are row-major, the layout stays")
	err := x.SetRawBytes(make([]byte, 3))
	assert.ErrorContains(t, err, "480 bytes, got 3")
}

// A shape error in any call is a Go error naming the operation and the shapes.
func TestShapeErrorsNameOperationAndShapes(t *testing.T) {
	torchtest.NoLeaks(t)
	a, b := torch.Ones(torch.Float32, torchtest.Device, 2, 3), torch.Ones(torch.Float32, torchtest.Device, 4, 5)
	image := torch.Ones(torch.Float32, torchtest.Device, 1, 3, 8, 8)
	kernel := torch.Ones(torch.Float32, torchtest.Device, 8, 4, 3, 3)
	idx := torchtest.Int64([]int64{9}, 1)
	calls := map[string]func(){
		"add":           func() { a.Add(b) },
		"mul_":          func() { a.MulInPlace(b) },
		"sub":           func() { a.Sub(b) },
		"div":           func() { a.Div(b) },
		"matmul":        func() { a.MatMul(b) },
		"reshape":       func() { a.Reshape(7) },
		"cat":           func() { torch.Cat(0, a, b) },
		"stack":         func() { torch.Stack(0, a, b) },
		"linear":        func() { torch.Linear(a, b, nil) },
		"conv2d":        func() { torch.Conv2d(image, kernel, nil, 1, 1, 1) },
		"batch_norm":    func() { torch.BatchNorm(image, a, a, nil, nil, true, 0.1, 1e-5) },
		"sum":           func() { a.SumDims(false, 5) },
		"softmax":       func() { a.Softmax(5) },
		"narrow":        func() { a.Narrow(0, 1, 9) },
		"permute":       func() { a.Permute(0) },
		"transpose":     func() { a.Transpose(0, 7) },
		"index_select":  func() { a.IndexSelect(0, idx) },
		"gather":        func() { a.Gather(0, idx) },
		"topk":          func() { a.TopK(9, 1) },
		"where":         func() { torch.Where(a.GtScalar(0), a, b) },
		"copy_":         func() { a.CopyInPlace(b) },
		"cross_entropy": func() { torch.CrossEntropy(a, idx) },
		"backward":      func() { a.Backward() },
		"item":          func() { a.Item() },
		"from_slice":    func() { torchtest.Float32([]float32{1}, 2) },
		"foreach_sgd_": func() {
			torch.ForeachSGDInPlace([]*torch.Tensor{a}, []*torch.Tensor{b}, []*torch.Tensor{b}, 0.9, false, []float64{1})
		},
		"foreach_adapt_": func() { torch.ForeachAdaptInPlace([]*torch.Tensor{a}, []*torch.Tensor{b}, a, a) },
		"pixels":         func() { torch.Pixels(a, [3]float64{}, [3]float64{1, 1, 1}, torch.Float32, true) },
		"size":           func() { a.Size(2) },
		"float32s":       func() { idx.Float32s() },
	}
	for op, call := range calls {
		err := torch.Try(call)
		var e *torch.OpError
		if assert.ErrorAs(t, err, &e, op) {
			assert.Equal(t, op, e.Op)
			assert.NotContains(t, e.Message, "Exception raised from")
		}
	}
	err := torch.Try(func() { a.Add(b) })
	assert.ErrorContains(t, err, "torch: add(float32[2,3], float32[4,5]): The size of tensor a (3) must match")
}

func TestUseOfClosedAndNilTensors(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torch.Ones(torch.Float32, torchtest.Device, 1)
	x.Close()
	x.Close()
	assert.ErrorContains(t, torch.Try(func() { x.Relu() }), "the tensor is closed: Close was called at ")
	var none *torch.Tensor
	none.Close()
	assert.ErrorContains(t, torch.Try(func() { none.Relu() }), "the tensor is nil")
	assert.Panics(t, func() { _ = torch.Try(func() { panic("a bug, not a tensor error") }) })
}

func TestOutOfMemoryIsItsOwnError(t *testing.T) {
	torchtest.NoLeaks(t)
	err := torch.Try(func() { torch.Empty(torch.Float32, torchtest.Device, 1<<50) })
	require.ErrorIs(t, err, torch.ErrOutOfMemory)
	err = torch.Try(func() { torch.Ones(torch.Float32, torchtest.Device, 1).Reshape(2) })
	assert.False(t, errors.Is(err, torch.ErrOutOfMemory))
}

func TestAssertShape(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torch.Zeros(torch.Float32, torchtest.Device, 4, 5)
	x.AssertShape(4, 5)
	x.AssertShape(-1, 5)
	err := torch.Try(func() { x.AssertShape(4, 6) })
	assert.ErrorContains(t, err, "assert_shape(float32[4,5]): want shape [4 6]")
}

func TestElementwise(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torchtest.Float32([]float32{-1, 0, 4}, 3)
	for name, c := range map[string]struct {
		got  *torch.Tensor
		want []float32
	}{
		"relu":       {x.Relu(), []float32{0, 0, 4}},
		"neg":        {x.Neg(), []float32{1, 0, -4}},
		"abs":        {x.Abs(), []float32{1, 0, 4}},
		"square":     {x.Square(), []float32{1, 0, 16}},
		"sqrt":       {x.Abs().Sqrt(), []float32{1, 0, 2}},
		"exp log":    {x.Exp().Log(), []float32{-1, 0, 4}},
		"add":        {x.Add(x), []float32{-2, 0, 8}},
		"sub":        {x.Sub(x), []float32{0, 0, 0}},
		"div":        {x.Div(torch.Full(2, torch.Float32, torchtest.Device, 3)), []float32{-.5, 0, 2}},
		"scalar":     {x.AddScalar(1).MulScalar(2).DivScalar(4), []float32{0, .5, 2.5}},
		"clamp_min":  {x.ClampMin(1), []float32{1, 1, 4}},
		"maximum":    {x.Maximum(x.Neg()), []float32{1, 0, 4}},
		"where":      {torch.Where(x.GtScalar(0), x, x.Neg()), []float32{1, 0, 4}},
		"cat":        {torch.Cat(0, x, x.Flip(0)), []float32{-1, 0, 4, 4, 0, -1}},
		"narrow":     {x.Narrow(0, 1, 2), []float32{0, 4}},
		"softmax":    {torch.Zeros(torch.Float32, torchtest.Device, 2).Softmax(0), []float32{.5, .5}},
		"normalize":  {torchtest.Float32([]float32{3, 4}, 1, 2).Normalize(1), []float32{.6, .8}},
		"normalize0": {torchtest.Float32([]float32{0, 0}, 1, 2).Normalize(1), []float32{0, 0}},
	} {
		torchtest.Close(t, name, c.got.Float32s(), c.want, 1e-6)
	}
}

func TestReductions(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torchtest.Float32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	assert.Equal(t, 21.0, x.Sum().Item())
	assert.Equal(t, 3.5, x.Mean().Item())
	assert.Equal(t, 6.0, x.Max().Item())
	assert.Equal(t, 1.0, x.Min().Item())
	assert.Equal(t, []float32{6, 15}, x.SumDims(false, 1).Float32s())
	assert.Equal(t, []int64{1, 3}, x.MeanDims(true, 0).Shape())
	assert.Equal(t, []float32{3, 6}, x.MaxDims(false, 1).Float32s())
	assert.InDelta(t, math.Sqrt(91), x.NormDims(false, 0, 1).Item(), 1e-5)
	assert.Equal(t, []float32{1, 1}, x.StdDims(false, 1).Float32s())
	assert.Equal(t, []int64{2, 2}, x.Argmax(1).Int64s())
	v, i := x.TopK(2, 1)
	assert.Equal(t, []float32{3, 2, 6, 5}, v.Float32s())
	assert.Equal(t, []int64{2, 1, 2, 1}, i.Int64s())
	assert.Equal(t, []int64{1, 0, 2}, torchtest.Int64([]int64{0, 2, 2}, 3).Bincount(3).Int64s())
	sigma := torch.FromFloat64([]float64{0, 2, 0, -3, 0, 0}, 2, 3).SingularValues()
	assert.InDeltaSlice(t, []float64{3, 2}, sigma.Float64s(), 1e-15, "a matrix with one value a row")
	assert.Panics(t, func() { sigma.SingularValues() }, "a vector has none")
	nan := torchtest.Float32([]float32{float32(math.NaN()), 1}, 2)
	assert.Equal(t, 0.0, nan.IsFinite().All().Item())
	assert.Equal(t, 1.0, nan.IsFinite().Not().Any().Item())
}

func TestPixels(t *testing.T) {
	torchtest.NoLeaks(t)
	u8 := torch.FromBytes([]byte{0, 128, 255, 10, 20, 30}, torch.UInt8, 1, 1, 2, 3)
	mean, std := [3]float64{.485, .456, .406}, [3]float64{.229, .224, .225}
	want := make([]float32, 0, 6)
	for c, px := range [][2]float64{{0, 10}, {128, 20}, {255, 30}} {
		for _, p := range px {
			want = append(want, float32((p/255-mean[c])/std[c]))
		}
	}
	for _, channelsLast := range []bool{false, true} {
		x := torch.Pixels(u8, mean, std, torch.Float32, channelsLast)
		assert.Equal(t, []int64{1, 3, 1, 2}, x.Shape())
		torchtest.Close(t, "pixels", x.Float32s(), want, 1e-6)
	}
	x := torch.Pixels(torch.Zeros(torch.UInt8, torchtest.Device, 2, 4, 4, 3), mean, std, torch.BFloat16, true)
	assert.True(t, x.ChannelsLast() && x.DType() == torch.BFloat16)
}

func TestDevices(t *testing.T) {
	d, err := torch.ParseDevice("cpu")
	require.NoError(t, err)
	assert.Equal(t, "cpu", d.String())
	for _, bad := range []string{"tpu", "cuda:x", "cuda:99"} {
		_, err = torch.ParseDevice(bad)
		assert.ErrorContains(t, err, bad)
	}
	assert.True(t, strings.HasPrefix(torch.Version(), "2.11."))
	assert.NoError(t, torch.Synchronize(torchtest.Device))
	torchtest.NoLeaks(t)
	m := torch.Empty(torch.Float32, torch.Meta, 1<<40)
	assert.Equal(t, int64(1<<42), m.Bytes(), "meta tensors cost nothing")
}

func TestRandomStateContinuesTheStream(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(7)
	torch.Randn(torchtest.Device, 5)
	state := torch.RNGState(torchtest.Device)
	want := torch.Randn(torchtest.Device, 5).Float32s()
	torch.Randn(torchtest.Device, 3)
	require.NoError(t, torch.SetRNGState(torchtest.Device, state))
	assert.Equal(t, want, torch.Randn(torchtest.Device, 5).Float32s())
	assert.Error(t, torch.SetRNGState(torchtest.Device, []byte{1, 2, 3}))
}

func TestPinnedBytes(t *testing.T) {
	torchtest.NoLeaks(t)
	b, owner := torch.PinnedBytes(64)
	defer owner.Close()
	require.Len(t, b, 64)
	b[3] = 9
	assert.Equal(t, byte(9), owner.RawBytes()[3])
}
