// SPDX-License-Identifier: MIT

package models_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models"
	"seer/models/arch"
	regnet "seer/models/regnet/arch"
	resnet "seer/models/resnet/arch"
	"seer/models/sketch"
	vit "seer/models/vit/arch"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// impossible are descriptions of no network.
var impossible = []sketch.Network{
	regnet.Params{Depth: -1, X: true},
	resnet.ResNet{Depths: [4]int{3, 4, 0, 3}, Groups: 1, GroupWidth: 64},
	resnet.ResNet{Depths: [4]int{3, 4, 6, 3}, GroupWidth: 64},
	resnet.Selective{Depths: [4]int{1, 1, 1, 1}},
	vit.ViT{Patch: 16, Image: 224, Layers: 12, Hidden: 384, MLP: 1536},
	vit.ViT{Patch: 16, Image: 225, Layers: 12, Heads: 6, Hidden: 384, MLP: 1536},
	vit.ViT{Patch: 16, Image: 224, Layers: 12, Heads: 5, Hidden: 384, MLP: 1536},
}

func built(t *testing.T, name string) models.Trunk {
	t.Helper()
	torch.ManualSeed(3)
	n, err := arch.Lookup(name)
	require.NoError(t, err)
	n, _ = reduced(n)
	m, err := models.New(n, torchtest.Device, 100)
	require.NoError(t, err)
	t.Cleanup(func() { nn.Close(m) })
	return m
}

// deviation compares mean and standard deviation of a tensor with 0 and want, within six standard errors.
func deviation(t *testing.T, e nn.Entry, want float64) {
	t.Helper()
	x := e.Tensor.Detach().Reshape(-1, 1)
	n := float64(x.Numel())
	assert.InDelta(t, 0, x.Mean().Item(), 6*want/math.Sqrt(n), "%s: mean", e.Name)
	assert.InDelta(t, want, x.StdDims(false, 0).Item(), 6*want/math.Sqrt(n), "%s: deviation", e.Name)
}

func constant(t *testing.T, e nn.Entry, want float64) {
	t.Helper()
	x := e.Tensor.Detach()
	assert.Equal(t, []float64{want, want}, []float64{x.Min().Item(), x.Max().Item()}, e.Name)
}

// fans are a weight's inputs and outputs, its kernel counted.
func fans(shape []int64) (in, out float64) {
	area := int64(1)
	for _, k := range shape[2:] {
		area *= k
	}
	return float64(shape[1] * area), float64(shape[0] * area)
}

// torchvision's ResNet: kaiming_normal_ with fan_out, which groups do not divide; the classifier is PyTorch's default.
func TestInitialisationOfResNeXt(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, e := range nn.Entries(built(t, "resnext50_32x4d")) {
		switch shape := e.Tensor.Shape(); {
		case len(shape) == 4:
			_, out := fans(shape)
			deviation(t, e, math.Sqrt(2/out))
		case strings.HasPrefix(e.Name, "fc."):
			deviation(t, e, 1/math.Sqrt(3*2048))
		case strings.HasSuffix(e.Name, "weight"), strings.HasSuffix(e.Name, "running_var"):
			constant(t, e, 1)
		default:
			constant(t, e, 0)
		}
	}
}

// google-research/simclr: variance_scaling_initializer, and a residual branch that starts as nothing.
func TestInitialisationOfSimCLRv2(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, e := range nn.Entries(built(t, "simclrv2_r152_3x_sk1")) {
		switch shape := e.Tensor.Shape(); {
		case len(shape) == 4:
			in, _ := fans(shape)
			deviation(t, e, math.Sqrt(1/in))
			largest := e.Tensor.Detach().Abs().Max().Item()
			assert.LessOrEqual(t, largest, 2*math.Sqrt(1/in)/0.8796*1.001, "%s: cut at two deviations", e.Name)
		case e.Name == "fc.weight":
			deviation(t, e, 0.01)
		case strings.HasSuffix(e.Name, ".net.4.0.weight"):
			constant(t, e, 0)
		case strings.HasSuffix(e.Name, "weight"), strings.HasSuffix(e.Name, "running_var"):
			constant(t, e, 1)
		default:
			constant(t, e, 0)
		}
	}
}

// torchvision's VisionTransformer and PyTorch's MultiheadAttention.
func TestInitialisationOfViT(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, e := range nn.Entries(built(t, "vit_s_16")) {
		shape := e.Tensor.Shape()
		switch {
		case e.Name == "encoder.pos_embedding":
			deviation(t, e, 0.02)
		case e.Name == "conv_proj.weight":
			deviation(t, e, math.Sqrt(1.0/(3*16*16)))
		case strings.HasSuffix(e.Name, "out_proj.weight"):
			deviation(t, e, 1/math.Sqrt(3*384)) // a linear layer's
		case strings.HasSuffix(e.Name, "in_proj_weight"), strings.Contains(e.Name, ".mlp.") && len(shape) == 2:
			in, out := fans(shape)
			deviation(t, e, math.Sqrt(2/(in+out))) // Xavier
		case strings.Contains(e.Name, ".mlp."):
			deviation(t, e, 1e-6)
		case strings.Contains(e.Name, "ln") && strings.HasSuffix(e.Name, "weight"):
			constant(t, e, 1)
		default: // class token, classifier, other biases
			constant(t, e, 0)
		}
	}
}
