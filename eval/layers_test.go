// SPDX-License-Identifier: MIT

package eval_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

func layersOf(t *testing.T, names ...string) (all []config.Layer) {
	t.Helper()
	for _, name := range names {
		l, err := config.ParseLayer(name)
		require.NoError(t, err)
		all = append(all, l)
	}
	return all
}

// reading opens a random trunk, and computes the features of some layers of drawn pixels.
func reading(t *testing.T, arch string, size int64, names ...string) (b *eval.Backbone, pixels *torch.Tensor, columns []*torch.Tensor) {
	t.Helper()
	e := evaltest.Experiment()
	e.Run.ChannelsLast = "off"
	b, err := eval.OpenBackbone(eval.TrunkSource{Random: true, Experiment: e, Arch: arch})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	pixels = torch.Rand(torch.CPU, 3, size, size, 3).MulScalar(255).To(torch.UInt8)
	read, widths, err := b.Reading(layersOf(t, names...))
	require.NoError(t, err)
	features, err := read.Features(context.Background(), pixels)
	require.NoError(t, err)
	at := int64(0)
	for _, w := range widths {
		columns = append(columns, features.Narrow(1, at, w).Contiguous())
		at += w
	}
	assert.Equal(t, at, features.Size(1))
	assert.Equal(t, at, read.Width())
	return b, pixels, columns
}

// Stages give their maps averaged over cells, and the pooled output is what the trunk gives without any layers.
func TestLayersOfAConvolutionalTrunk(t *testing.T) {
	torchtest.NoLeaks(t)
	b, pixels, columns := reading(t, "", 64, "stage2:2x1", "pool", "stage3", "stage1:1x3")
	pooled, err := b.Features(context.Background(), pixels)
	require.NoError(t, err)
	assert.Equal(t, pooled.Float32s(), columns[1].Float32s())
	assert.Equal(t, pooled.Float32s(), columns[2].Float32s(), "the last stage averaged over all of its map")

	x := torch.Pixels(pixels, b.Mean, b.Std, torch.Float32, false)
	var maps []*torch.Tensor
	torch.NoGrad(func() {
		for i, s := range b.Trunk.Segments() {
			x = s.Forward(&nn.Context{}, x)
			for _, end := range b.Trunk.Ends() {
				if end == i {
					maps = append(maps, x)
				}
			}
		}
	})
	require.Len(t, maps, 3)
	n, c, h := maps[1].Size(0), maps[1].Size(1), maps[1].Size(2)
	require.EqualValues(t, 8, h)
	halves := maps[1].Reshape(n, c, 2, h/2, h).MeanDims(false, 3, 4) // the upper and the lower half of each channel
	torchtest.Close(t, "stage2:2x1", columns[0].Float32s(), halves.Reshape(n, 2*c).Float32s(), 1e-5)
	assert.Equal(t, []int64{n, 3 * maps[0].Size(1)}, columns[3].Shape())
}

// A transformer's blocks give their class tokens behind the last normalisation, the first of them first, then the mean of
// the patches.
func TestLayersOfATransformer(t *testing.T) {
	torchtest.NoLeaks(t)
	b, pixels, columns := reading(t, "vit_s_16", 32, "blocks2+mean", "pool", "blocks1")
	pooled, err := b.Features(context.Background(), pixels)
	require.NoError(t, err)
	assert.Equal(t, pooled.Float32s(), columns[1].Float32s())
	assert.Equal(t, pooled.Float32s(), columns[2].Float32s(), "the last block's class token is the pooled output")

	segments := b.Trunk.Segments()
	x := torch.Pixels(pixels, b.Mean, b.Std, torch.Float32, false)
	var tokens []*torch.Tensor
	torch.NoGrad(func() {
		for _, s := range segments[:len(segments)-1] {
			x = s.Forward(&nn.Context{}, x)
			tokens = append(tokens, segments[len(segments)-1].Forward(&nn.Context{}, x))
		}
	})
	before, last := tokens[len(tokens)-2], tokens[len(tokens)-1]
	want := torch.Cat(1, before.Narrow(1, 0, 1).Squeeze(1), last.Narrow(1, 0, 1).Squeeze(1), last.Narrow(1, 1, 4).MeanDims(false, 1))
	torchtest.Close(t, "blocks2+mean", columns[0].Float32s(), want.Float32s(), 1e-6)
}

func TestLayersThatATrunkLacks(t *testing.T) {
	for _, tt := range []struct{ arch, layer, want string }{
		{"", "stage4", `layer "stage4:1x1" of regnet_y: the trunk has 3 stages, 1 to 3`},
		{"", "blocks4", "only transformers have class tokens"},
		{"vit_s_16", "stage1", "take \"pool\", \"blocks4\""},
		{"vit_s_16", "blocks13", "the trunk has 12 blocks"},
	} {
		torchtest.NoLeaks(t)
		b, err := eval.OpenBackbone(eval.TrunkSource{Random: true, Experiment: evaltest.Experiment(), Arch: tt.arch})
		require.NoError(t, err)
		_, _, err = b.Reading(layersOf(t, tt.layer))
		assert.ErrorContains(t, err, tt.want)
		b.Close()
	}
}
