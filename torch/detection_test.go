// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/torch"
	"seer/torch/torchtest"
)

// regions are the boxes of the golden script: one without an inside, one over all borders, one beyond them, one just the image.
func regions(n int) []torch.Region {
	v := golden.Fill("rois", golden.Seed, 4*n)
	all := make([]torch.Region, n)
	for i := range all {
		x, y := float32((v[4*i]+1)*100)-25, float32((v[4*i+1]+1)*80)-25
		w, h := float32((v[4*i+2]+1)*40)+1, float32((v[4*i+3]+1)*30)+1
		all[i] = torch.Region{Image: i % 2, Box: [4]float32{x, y, x + w, y + h}}
	}
	for i, b := range [][4]float32{{3.2, 4.1, 3.2, 4.1}, {-30, -20, 260, 170}, {300, 20, 340, 70}, {0, 0, 200, 150}} {
		all[i].Box = b
	}
	return all
}

func TestRoIAlignEqualsTorchvision(t *testing.T) {
	torchtest.NoLeaks(t)
	tolerance := 2e-5
	if torchtest.Device != torch.CPU {
		tolerance = 1e-4 // grid_sampler takes places as shares of the map
	}
	want, err := golden.Load("maskrcnn.safetensors")
	require.NoError(t, err)
	shape := []int64{2, 3, 19, 25}
	for i, aligned := range []bool{false, true} {
		for _, sampling := range []int64{2, 0} {
			key := fmt.Sprintf("align.%d.%d", i, sampling)
			for _, last := range []bool{false, true} {
				x := torchtest.Float32(golden.Tensor("map", shape, 1, golden.Seed), shape...)
				if last {
					x = x.ToChannelsLast()
				}
				x.SetRequiresGrad(true)
				y := torch.RoIAlign([]*torch.Tensor{x}, []float64{1. / 8}, regions(16), 7, sampling, aligned)
				assert.Less(t, golden.MaxRel(y.Detach().Float32s(), want.Get(key).Data), tolerance, key)
				y.BackwardWith(torchtest.Float32(golden.Tensor("gradient", y.Shape(), 1, golden.Seed), y.Shape()...))
				assert.Less(t, golden.MaxRel(x.Grad().Float32s(), want.Get(key+".gradient").Data), tolerance, key)
				assert.Equal(t, last, x.Grad().ChannelsLast())
			}
		}
	}
}

// Regions of several maps are looked up each in its own; a map that none is in gets zeros as its gradient.
func TestRoIAlignOfAPyramid(t *testing.T) {
	torchtest.NoLeaks(t)
	var maps []*torch.Tensor
	for i, side := range []int64{16, 8, 4} {
		maps = append(maps, torch.Full(float64(i+1), torch.Float32, torchtest.Device, 1, 2, side, side).SetRequiresGrad(true))
	}
	box := [4]float32{8, 8, 40, 40}
	y := torch.RoIAlign(maps, []float64{1. / 4, 1. / 8, 1. / 16}, []torch.Region{{Map: 1, Box: box}, {Map: 0, Box: box}}, 2, 2, true)
	assert.Equal(t, []float32{2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1}, y.Detach().Float32s())
	y.Sum().Backward()
	for i, want := range []float64{8, 8, 0} {
		assert.InDelta(t, want, maps[i].Grad().Sum().Item(), 1e-5)
	}
	assert.Equal(t, []int64{0, 2, 2, 2}, torch.RoIAlign(maps, []float64{1, 1, 1}, nil, 2, 2, true).Shape())
}

// Sums are made in one order, however many threads there are.
func TestRoIAlignDoesNotDependOnThreads(t *testing.T) {
	torchtest.NoLeaks(t)
	one := func(threads int) (y, dx []float32) {
		require.NoError(t, torch.OnThread(threads, func() error {
			s := torch.NewScope()
			defer s.Close()
			shape := []int64{2, 70, 19, 25}
			x := torchtest.Float32(golden.Tensor("map", shape, 1, golden.Seed), shape...).SetRequiresGrad(true)
			out := torch.RoIAlign([]*torch.Tensor{x}, []float64{1. / 8}, regions(40), 7, 0, true)
			out.Square().Sum().Backward()
			y, dx = out.Detach().Float32s(), x.Grad().Float32s()
			return nil
		}))
		return y, dx
	}
	y1, dx1 := one(1)
	y3, dx3 := one(3)
	assert.Equal(t, y1, y3)
	assert.Equal(t, dx1, dx3)
}

func TestRoIAlignRefusesWhatIsNoRegion(t *testing.T) {
	torchtest.NoLeaks(t)
	x := []*torch.Tensor{torch.Zeros(torch.Float32, torchtest.Device, 1, 2, 4, 4)}
	for want, r := range map[string]torch.Region{
		"region 0 is on map 1 of 1":   {Map: 1},
		"region 0 is in image 3 of 1": {Image: 3},
		"region 0 has a border at":    {Box: [4]float32{0, 0, 1e9, 1}},
	} {
		err := torch.Try(func() { torch.RoIAlign(x, []float64{1}, []torch.Region{r}, 2, 2, true) })
		assert.ErrorContains(t, err, want)
	}
}

func TestLossesOfDetectors(t *testing.T) {
	torchtest.NoLeaks(t)
	x, y := torchtest.Float32([]float32{0, 1, -2}, 3), torchtest.Float32([]float32{.1, 0, 0}, 3)
	assert.InDelta(t, .1*.1/.4+(1-.1)+(2-.1), x.SmoothL1(y, .2).Item(), 1e-6)
	assert.InDelta(t, 3.1, x.SmoothL1(y, 0).Item(), 1e-6)
	assert.InDelta(t, .693147+.313262+.126928, torch.BinaryCrossEntropy(x, torchtest.Float32([]float32{1, 1, 0}, 3)).Item(), 1e-5)
}

func TestResizeNearestAndConvTranspose(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torchtest.Float32([]float32{1, 2}, 1, 1, 1, 2)
	assert.Equal(t, []float32{1, 1, 2, 1, 1, 2}, x.ResizeNearest(2, 3).Float32s())
	w := torchtest.Float32([]float32{1, 10, 100, 1000}, 1, 1, 2, 2)
	assert.Equal(t, []float32{2, 11, 3, 21, 101, 1001, 201, 2001}, torch.ConvTranspose2d(x, w, torch.Ones(torch.Float32, torchtest.Device, 1), 2).Float32s())
}
