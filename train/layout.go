// SPDX-License-Identifier: MIT

package train

import (
	"fmt"
	"math/rand/v2"
	"time"

	"seer/nn"
	"seer/torch"
)

// Views are the images of one resolution that a step has.
type Views struct{ Count, Size int64 } // Count views of Size by Size pixels, over the whole batch

// FasterLayout times forward and backward of a trunk in both memory layouts on noise of the views' sizes, and reports
// whether channels-last is faster. Which one wins depends on model, precision, device and libtorch: on RegNets either can.
// Weights, statistics and random state are as before afterwards; the layout of w is the last one tried.
func FasterLayout(trunk nn.Module, dev torch.Device, precision torch.DType, views []Views) (channelsLast bool, report string, err error) {
	var ms [2]float64
	for round := range 4 { // each layout twice, the better counts: the first run also pays for allocations
		layout := round % 2
		took, err := timeLayout(trunk, dev, precision, views, layout == 1)
		if err != nil {
			return false, "", fmt.Errorf("measuring memory layouts: %w", err)
		}
		if round < 2 || took < ms[layout] {
			ms[layout] = took
		}
	}
	return ms[1] < ms[0], fmt.Sprintf("forward and backward of a batch: %.0f ms row-major, %.0f ms channels-last", ms[0], ms[1]), nil
}

func timeLayout(trunk nn.Module, dev torch.Device, precision torch.DType, views []Views, channelsLast bool) (ms float64, err error) {
	scope := torch.NewScope()
	defer scope.Close()
	nn.SetChannelsLast(trunk, channelsLast)
	params := nn.Tensors(nn.Parameters(trunk))
	begin := time.Now()
	err = torch.Try(func() {
		defer torch.ClearGrads(params)
		for _, v := range views {
			x := noise(dev, v.Count, v.Size, channelsLast)
			torch.Autocast(dev, precision, func() {
				ctx := &nn.Context{Training: true, KeepStatistics: true}
				trunk.Forward(ctx, x).To(torch.Float32).Square().Mean().Backward()
			})
		}
	})
	err = firstError(err, torch.Synchronize(dev))
	return float64(time.Since(begin).Microseconds()) / 1000, err
}

// noise is images as the loader hands them over. libtorch's generators stay as they are: the run's draws come from them.
func noise(dev torch.Device, n, size int64, channelsLast bool) *torch.Tensor {
	pixels := make([]byte, n*size*size*3)
	_, _ = rand.NewChaCha8([32]byte{}).Read(pixels) // never fails
	x := torch.FromBytes(pixels, torch.UInt8, n, size, size, 3).ToDevice(dev)
	return torch.Pixels(x, [3]float64{0.5, 0.5, 0.5}, [3]float64{0.3, 0.3, 0.3}, torch.Float32, channelsLast)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
