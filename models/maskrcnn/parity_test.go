// SPDX-License-Identifier: MIT

package maskrcnn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/models"
	"seer/models/arch"
	"seer/models/maskrcnn"
	"seer/models/maskrcnn/boxes"
	"seer/models/maskrcnn/masks"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// reference is what torchvision says: tools/golden/make_maskrcnn.py.
type reference struct {
	Found []struct {
		Boxes  []boxes.Box
		Labels []int
		Scores []float32
		Areas  []int
	}
	Losses []struct {
		Classes    float64 `json:"loss_classifier"`
		Boxes      float64 `json:"loss_box_reg"`
		Masks      float64 `json:"loss_mask"`
		Objectness float64 `json:"loss_objectness"`
		Proposals  float64 `json:"loss_rpn_box_reg"`
	}
}

// The script's numbers.
const (
	classes  = 6
	rate     = .0005
	momentum = .9
)

var (
	sizes  = []maskrcnn.Size{{W: 160, H: 120}, {W: 110, H: 150}}
	damped = map[string]float64{"bbox_pred": .01, "cls_score": .05, "cls_logits": .05, "mask_fcn_logits": .05}
)

// resnet50 is torchvision's maskrcnn_resnet50_fpn with the script's weights.
func resnet50(t *testing.T) *maskrcnn.Model {
	t.Helper()
	network, err := arch.Lookup("resnet50")
	require.NoError(t, err)
	trunk, err := models.New(network, torch.CPU, 0)
	require.NoError(t, err)
	d := maskrcnn.Paper(classes, boxes.Torchvision)
	d.FrozenTrunk = true
	m, err := maskrcnn.New(trunk, d, torch.CPU)
	require.NoError(t, err)
	for _, e := range nn.Entries(m) {
		values, err := golden.Parameter(e.Name, e.Tensor.Shape(), golden.Seed)
		require.NoError(t, err)
		torch.NoGrad(func() {
			e.Tensor.CopyInPlace(torch.FromFloat32(values, e.Tensor.Shape()...))
			for part, factor := range damped {
				if strings.Contains(e.Name, part) {
					e.Tensor.MulScalarInPlace(factor)
				}
			}
		})
	}
	return m
}

// images are the script's, normalised and padded with zeros to multiples of 32.
func images() *torch.Tensor {
	all := torch.Zeros(torch.Float32, torch.CPU, 2, 3, 160, 160)
	mean, std := []float64{.485, .456, .406}, []float64{.229, .224, .225}
	for i, s := range sizes {
		h, w := int64(s.H), int64(s.W)
		shape := []int64{3, h, w}
		x := torch.FromFloat32(golden.Tensor(fmt.Sprintf("image.%d", i), shape, 1, golden.Seed), shape...).AddScalar(1).DivScalar(2)
		for c := range int64(3) {
			to := all.Narrow(0, int64(i), 1).Narrow(1, c, 1).Narrow(2, 0, h).Narrow(3, 0, w)
			to.CopyInPlace(x.Narrow(0, c, 1).AddScalar(-mean[c]).DivScalar(std[c]))
		}
	}
	return all
}

// examples have the script's objects, ellipses, and sample the first of each list.
func examples() []maskrcnn.Example {
	all := make([]maskrcnn.Example, len(sizes))
	for i, s := range sizes {
		e := &all[i]
		e.Size = s
		e.Permute = func(_, k int) []int {
			first := make([]int, k)
			for i := range first {
				first[i] = i
			}
			return first
		}
		v := golden.Fill(fmt.Sprintf("objects.%d", i), golden.Seed, 12)
		for k := range 3 {
			at := func(j, side int, share, least float32) float32 { return (v[4*k+j]+1)*float32(side)*share + least }
			x, y := at(0, s.W, .25, 0), at(1, s.H, .25, 0)
			b := boxes.Box{x, y, x + at(2, s.W, .12, 12), y + at(3, s.H, .12, 12)}
			pixels := ellipse(b, s)
			e.Objects = append(e.Objects, maskrcnn.Object{Class: k + i, Box: b, Mask: func(region boxes.Box, side int) ([]float32, error) {
				return masks.Target(pixels, s.H, s.W, region, side)
			}})
		}
	}
	return all
}

func ellipse(b boxes.Box, s maskrcnn.Size) []byte {
	pixels := make([]byte, s.W*s.H)
	for i := range pixels {
		x := (float32(i%s.W) + .5 - (b[0]+b[2])/2) / (b[2] - b[0]) * 2
		y := (float32(i/s.W) + .5 - (b[1]+b[3])/2) / (b[3] - b[1]) * 2
		if x*x+y*y <= 1 {
			pixels[i] = 1
		}
	}
	return pixels
}

func TestDetectionsEqualTorchvision(t *testing.T) {
	torchtest.NoLeaks(t)
	var want reference
	require.NoError(t, golden.JSON("maskrcnn.json", &want))
	file, err := golden.Load("maskrcnn.safetensors")
	require.NoError(t, err)
	shares, n := file.Get("masks"), 0
	m := resnet50(t)
	defer nn.Close(m)
	found := m.Detect(images(), sizes)
	for i, w := range want.Found {
		require.Len(t, found[i], len(w.Scores), "image %d", i)
		for k, d := range found[i] {
			assert.Equal(t, w.Labels[k], d.Class+1, "image %d, detection %d", i, k)
			assert.InDelta(t, w.Scores[k], d.Score, 1e-4)
			assert.InDeltaSlice(t, w.Boxes[k][:], d.Box[:], .01)
			assert.Less(t, golden.MaxAbs(golden.Sample(maskrcnn.Shares(d)), shares.Row(n)), 1e-4)
			n++
			mask, err := d.Mask(sizes[i], sizes[i].W, sizes[i].H, boxes.Torchvision)
			require.NoError(t, err)
			assert.InDelta(t, w.Areas[k], float64(mask.Area()), 2, "image %d, detection %d", i, k)
		}
	}
}

func TestTenStepsLoseWhatTorchvisionDoes(t *testing.T) {
	torchtest.NoLeaks(t)
	var want reference
	require.NoError(t, golden.JSON("maskrcnn.json", &want))
	require.Len(t, want.Losses, 10)
	m := resnet50(t)
	defer nn.Close(m)
	var params, buffers []*torch.Tensor
	var rates []float64
	for _, e := range nn.Parameters(m) {
		if strings.HasPrefix(e.Name, maskrcnn.TrunkName) && e.Tensor.Dim() == 1 { // batch norm is frozen
			e.Tensor.SetRequiresGrad(false)
			continue
		}
		params, rates = append(params, e.Tensor), append(rates, rate)
		buffers = append(buffers, torch.Zeros(torch.Float32, torch.CPU, e.Tensor.Shape()...))
	}
	x, in := images(), examples()
	for i, w := range want.Losses {
		s := torch.NewScope()
		l, err := m.Losses(&nn.Context{Training: true}, x, in)
		require.NoError(t, err)
		l.Sum().Backward()
		for name, pair := range map[string][2]float64{
			"classes": {w.Classes, l.Classes.Item()}, "boxes": {w.Boxes, l.Boxes.Item()}, "masks": {w.Masks, l.Masks.Item()},
			"objectness": {w.Objectness, l.Objectness.Item()}, "proposals": {w.Proposals, l.Proposals.Item()},
		} {
			assert.InEpsilon(t, pair[0], pair[1], 1e-3, "step %d: %s", i, name)
		}
		grads := make([]*torch.Tensor, len(params))
		for k, p := range params {
			grads[k] = p.Grad()
			require.NotNil(t, grads[k])
		}
		torch.NoGrad(func() { torch.ForeachSGDInPlace(params, grads, buffers, momentum, false, rates) })
		torch.ClearGrads(params)
		s.Close()
	}
}
