// SPDX-License-Identifier: MIT

package probe_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"seer/config"
	"seer/data/source"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/tasks/probe"
	"seer/torch"
	"seer/torch/torchtest"
)

// short is a short training at a high rate.
func short(edit func(*config.Linear)) config.Linear {
	c := config.Default().Linear
	c.Duration = config.Duration{Value: 10, Unit: config.Epochs}
	c.Batch, c.BaseLR, c.Schedule, c.Milestones, c.WeightDecay = 32, config.Several[float64]{0.8}, "cosine", nil, 0
	if edit != nil {
		edit(&c)
	}
	return c
}

func TestLinearSeparates(t *testing.T) {
	tests := map[string]func(*config.Linear){
		"batch norm": func(c *config.Linear) { c.BatchNorm = config.Several[bool]{true} },
		"plain":      func(c *config.Linear) { c.BatchNorm = config.Several[bool]{false} },
		"steps": func(c *config.Linear) {
			c.Schedule, c.Milestones = "step", []config.Duration{{Value: 50, Unit: config.Percent}}
		},
		"images": func(c *config.Linear) { c.Duration = config.Duration{Value: 4000, Unit: config.Images} },
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			tv, tl := evaltest.Cloud(400, 16, 5, 0.2, 1)
			vv, vl := evaltest.Cloud(100, 16, 5, 0.2, 2)
			r, err := probe.Linear(context.Background(), torch.CPU, evaltest.Features(tv, tl), evaltest.Features(vv, vl),
				probe.LinearOptions{Config: short(edit), Classes: 5, Seed: 3})
			require.NoError(t, err)
			assert.Equal(t, []float64{100, 100}, []float64{r.Top1, r.Top5})
			assert.EqualValues(t, 125, r.Steps)
			assert.Less(t, r.Loss, 0.2)
		})
	}
}

// Features whose scale differs a thousandfold between channels need the batch norm.
func TestLinearBatchNormUsesRunningStatistics(t *testing.T) {
	torchtest.NoLeaks(t)
	tv, tl := evaltest.Cloud(400, 8, 5, 0.2, 1)
	vv, vl := evaltest.Cloud(5, 8, 5, 0.2, 2)
	for _, v := range [][]float32{tv, vv} {
		for i := range v {
			v[i] = 1000*v[i] + 500
		}
	}
	for _, n := range []int{5, 1} { // one image by itself: batch statistics would make all features zero
		r, err := probe.Linear(context.Background(), torch.CPU, evaltest.Features(tv, tl), evaltest.Features(vv[:8*n], vl[:n]),
			probe.LinearOptions{Config: short(nil), Classes: 5})
		require.NoError(t, err)
		assert.Equal(t, 100.0, r.Top1, "%d images", n)
	}
}

func TestLinearIsDeterministic(t *testing.T) {
	torchtest.NoLeaks(t)
	tv, tl := evaltest.Cloud(300, 16, 5, 2, 1)
	vv, vl := evaltest.Cloud(200, 16, 5, 2, 2)
	run := func(seed uint64) probe.LinearResult {
		r, err := probe.Linear(context.Background(), torch.CPU, evaltest.Features(tv, tl), evaltest.Features(vv, vl),
			probe.LinearOptions{Config: short(nil), Classes: 5, Seed: seed})
		require.NoError(t, err)
		return r
	}
	first := run(1)
	assert.Equal(t, first, run(1))
	assert.NotEqual(t, first.Loss, run(2).Loss, "the seed must matter")
	assert.Less(t, first.Top1, 100.0, "the task must not be trivial")
}

func TestLinearRefuses(t *testing.T) {
	tv, tl := evaltest.Cloud(40, 4, 3, 0.1, 1)
	huge := make([]float32, len(tv))
	for i := range huge {
		huge[i] = 1e30 * tv[i]
	}
	tests := map[string]struct {
		values  []float32
		classes int
		edit    func(*config.Linear)
		want    string
	}{
		"label":     {tv, 2, nil, "image 2 has label 2; with 2 classes"},
		"diverging": {huge, 3, func(c *config.Linear) { c.BatchNorm = config.Several[bool]{false} }, "lower linear.base_lr"},
		"no batch":  {tv, 3, func(c *config.Linear) { c.Batch = 0 }, "linear.batch"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			_, err := probe.Linear(context.Background(), torch.CPU, evaltest.Features(tt.values, tl), evaltest.Features(tt.values, tl),
				probe.LinearOptions{Config: short(tt.edit), Classes: tt.classes})
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestLinearStops(t *testing.T) {
	torchtest.NoLeaks(t)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	tv, tl := evaltest.Cloud(40, 4, 3, 0.1, 1)
	o := probe.LinearOptions{Config: short(nil), Classes: 3, Progress: func(int64, int64, float64, float64) { cancel(stop) }}
	_, err := probe.Linear(ctx, torch.CPU, evaltest.Features(tv, tl), evaltest.Features(tv, tl), o)
	assert.ErrorIs(t, err, stop)
}

// A probe on random crops sees labels that belong to its images: colours separate the classes of drawn pictures.
func TestLinearAugmented(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	torchtest.NoLeaks(t)
	b, err := eval.OpenBackbone(eval.TrunkSource{Random: true, Experiment: evaltest.Experiment()})
	require.NoError(t, err)
	defer b.Close()
	src, err := source.Open(source.Location{Path: evaltest.Coloured(t, 24), Labels: true})
	require.NoError(t, err)
	defer src.Close()
	im := eval.Images{Source: src, Resize: 32, Crop: 32, Batch: 8, Workers: 2}
	val, err := b.Extract(context.Background(), im)
	require.NoError(t, err)
	defer val.Close()
	c := short(nil)
	c.Batch, c.Crop, c.Resize = 8, 32, 32
	run := func(workers int) probe.LinearResult {
		im.Workers = workers
		r, err := probe.LinearAugmented(context.Background(), b, im, val, probe.LinearOptions{Config: c, Classes: 3, Seed: 5})
		require.NoError(t, err)
		return r
	}
	first := run(1)
	assert.Equal(t, 100.0, first.Top1)
	assert.EqualValues(t, 30, first.Steps)
	assert.Equal(t, first, run(3), "the number of workers must not matter")
}
