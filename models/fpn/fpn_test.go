// SPDX-License-Identifier: MIT

package fpn_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/models/fpn"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// stages are the golden script's maps, whose sides are odd.
func stages(widths []int64) (all []*torch.Tensor) {
	for i, w := range widths {
		half := func(n int64) int64 { return (n + 1<<i - 1) >> i }
		shape := []int64{2, w, half(37), half(22)}
		all = append(all, torchtest.Float32(golden.Tensor(fmt.Sprintf("stage.%d", i), shape, 1, golden.Seed), shape...))
	}
	return all
}

func fill(t *testing.T, w nn.Walker, prefix string) {
	t.Helper()
	for _, e := range nn.Entries(w) {
		values, err := golden.Parameter(prefix+e.Name, e.Tensor.Shape(), golden.Seed)
		require.NoError(t, err)
		torch.NoGrad(func() { e.Tensor.CopyInPlace(torchtest.Float32(values, e.Tensor.Shape()...)) })
	}
}

func TestPyramidEqualsTorchvision(t *testing.T) {
	torchtest.NoLeaks(t)
	want, err := golden.Load("maskrcnn.safetensors")
	require.NoError(t, err)
	widths := []int64{6, 10, 12, 20}
	for i, norm := range []bool{false, true} {
		f := fpn.New(torchtest.Device, widths, 8, norm)
		fill(t, f, "fpn.")
		pyramid := f.Forward(&nn.Context{Training: true}, stages(widths))
		for level, name := range []string{"0", "1", "2", "3", "pool"} {
			got := golden.Sample(pyramid[level].Detach().Float32s())
			assert.Less(t, golden.MaxRel(got, want.Get(fmt.Sprintf("pyramid.%d.%s", i, name)).Data), 1e-4, "norm %v, level %s", norm, name)
		}
		nn.Close(f)
	}
}

func TestPyramidWantsItsStages(t *testing.T) {
	torchtest.NoLeaks(t)
	f := fpn.New(torchtest.Device, []int64{6, 10}, 8, false)
	defer nn.Close(f)
	err := torch.Try(func() { f.Forward(&nn.Context{}, stages([]int64{6})) })
	assert.ErrorContains(t, err, "1 maps for a pyramid of 2 stages")
}
