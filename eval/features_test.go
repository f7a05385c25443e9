// SPDX-License-Identifier: MIT

package eval_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/models/regnet"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

func backbone(t *testing.T) *eval.Backbone {
	t.Helper()
	torch.ManualSeed(1)
	trunk, err := regnet.New(evaltest.Tiny, torch.CPU, 0)
	require.NoError(t, err)
	b := &eval.Backbone{
		Trunk: trunk, Device: torch.CPU, Precision: torch.Float32,
		Mean: [3]float64{0.4, 0.5, 0.6}, Std: [3]float64{0.2, 0.25, 0.3},
	}
	t.Cleanup(b.Close)
	return b
}

func open(t *testing.T, dir string, labels bool) source.Source {
	t.Helper()
	src, err := source.Open(source.Location{Path: dir, Labels: labels})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, src.Close()) })
	return src
}

// Features must be those of every image by itself, decoded and run through the trunk without any of the machinery.
func TestExtractEqualsDirectForward(t *testing.T) {
	for _, precision := range []torch.DType{torch.Float32, torch.BFloat16} {
		for _, channelsLast := range []bool{false, true} {
			t.Run(precision.String(), func(t *testing.T) {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				torchtest.NoLeaks(t)
				b := backbone(t)
				b.Precision, b.ChannelsLast = precision, channelsLast
				nn.SetChannelsLast(b.Trunk, channelsLast)
				dir := datatest.Folder(t, 7, "a", "b", "c")
				src := open(t, dir, true)
				f, err := b.Extract(context.Background(), eval.Images{Source: src, Resize: 40, Crop: 32, Batch: 3, Workers: 2})
				require.NoError(t, err)
				defer f.Close()
				assert.Equal(t, []int64{0, 0, 0, 1, 1, 2, 2}, f.Labels)
				require.Equal(t, []int64{7, b.Trunk.Width()}, f.X.Shape())
				got := f.X.Float32s()
				for i := range src.Len() {
					want := direct(t, b, filepath.Join(dir, src.Name(i)))
					tol := 1e-5
					if precision == torch.BFloat16 {
						tol = 0.05
					}
					torchtest.Close(t, src.Name(i), got[int(i)*len(want):(int(i)+1)*len(want)], want, tol)
				}
			})
		}
	}
}

func direct(t *testing.T, b *eval.Backbone, path string) []float32 {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	d := jpeg.NewDecoder(jpeg.DecodeOptions{})
	defer d.Close()
	pixels := make([]byte, 32*32*3)
	draw := func(w, h int) []augment.Crop { return []augment.Crop{augment.Eval(40, 32).Draw(0, 0, 0, 0, w, h)} }
	require.NoError(t, d.DecodeAndRender(raw, draw, [][]byte{pixels}, nil))
	x := torch.Pixels(torch.FromBytes(pixels, torch.UInt8, 1, 32, 32, 3), b.Mean, b.Std, torch.Float32, false)
	return b.Trunk.Forward(&nn.Context{}, x).Detach().Float32s()
}

func TestExtractSubsetAndProgress(t *testing.T) {
	torchtest.NoLeaks(t)
	b := backbone(t)
	src := open(t, datatest.Folder(t, 9), false)
	s, err := sampler.List(9, []int64{8, 0, 4, 4}, 1)
	require.NoError(t, err)
	var seen [][2]int64
	f, err := b.Extract(context.Background(), eval.Images{Source: src, Sampler: s, Resize: 32, Crop: 32, Batch: 3,
		Progress: func(done, total int64) { seen = append(seen, [2]int64{done, total}) }})
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, []int64{8, 0, 4, 4}, f.Indices)
	assert.Equal(t, []int64{-1, -1, -1, -1}, f.Labels)
	assert.Equal(t, [][2]int64{{0, 4}, {3, 4}, {4, 4}}, seen)
	x := f.X.Float32s()
	w := int(b.Trunk.Width())
	// Kernels for other batch sizes round differently.
	torchtest.Close(t, "the same image in two batches", x[2*w:3*w], x[3*w:], 1e-5)
}

func TestExtractLeavesBadImagesOut(t *testing.T) {
	torchtest.NoLeaks(t)
	b := backbone(t)
	dir := datatest.Folder(t, 5)
	datatest.Write(t, filepath.Join(dir, "00001.jpg"), []byte("no image"))
	src := open(t, dir, false)
	im := eval.Images{Source: src, Resize: 32, Crop: 32, Batch: 2, MaxBadFraction: 0.5}
	var bad []string
	im.OnBad = func(x loader.Bad) { bad = append(bad, x.Name) }
	f, err := b.Extract(context.Background(), im)
	require.NoError(t, err)
	assert.Equal(t, []int64{0, 2, 3, 4}, f.Indices)
	assert.Equal(t, []string{"00001.jpg"}, bad)
	f.Close()

	im.MaxBadFraction = 0.1
	_, err = b.Extract(context.Background(), im)
	assert.ErrorContains(t, err, "1 of the last 5 images could not be used")
}

func TestExtractStops(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	torchtest.NoLeaks(t)
	b := backbone(t)
	src := open(t, datatest.Folder(t, 9), false)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := b.Extract(ctx, eval.Images{Source: src, Resize: 32, Crop: 32, Batch: 2,
		Progress: func(int64, int64) { cancel(stop) }})
	assert.ErrorIs(t, err, stop)
}

func TestFeaturesRefusesWrongShape(t *testing.T) {
	torchtest.NoLeaks(t)
	b := backbone(t)
	_, err := b.Features(context.Background(), torch.Zeros(torch.UInt8, torch.CPU, 2, 32, 32, 4))
	assert.Error(t, err)
}

// Weights may be finite and their features not: the error names the images.
func TestExtractRefusesFeaturesThatAreNotFinite(t *testing.T) {
	torchtest.NoLeaks(t)
	b := backbone(t)
	entries := nn.Entries(b.Trunk)
	torch.NoGrad(func() {
		scope := torch.NewScope()
		defer scope.Close()
		for _, e := range entries {
			if strings.HasSuffix(e.Name, ".weight") {
				e.Tensor.CopyInPlace(torch.Full(1e20, torch.Float32, torch.CPU, e.Tensor.Shape()...))
			}
		}
	})
	src := open(t, datatest.Folder(t, 5), false)
	_, err := b.Extract(context.Background(), eval.Images{Source: src, Resize: 40, Crop: 32, Batch: 5})
	require.Error(t, err)
	assert.Regexp(t, `^features of [45] of 5 images are not finite \(0000\d\.jpg, 0000\d\.jpg, 0000\d\.jpg, …\): the trunk overflows`, err.Error())
}
