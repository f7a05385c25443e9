// SPDX-License-Identifier: MIT

package probe_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/internal/golden"
	"seer/tasks/probe"
	"seer/torch"
	"seer/torch/torchtest"
)

const goldenSeed = 20210302 // of the golden files

// goldenFeatures are those of make_linear.py.
func goldenFeatures(name string, n int) *eval.Features {
	const width, classes = 16, 5
	centres := golden.Tensor("linear.centres", []int64{classes, width}, 1, goldenSeed)
	values, labels := golden.Tensor("linear."+name, []int64{int64(n), width}, 2, goldenSeed), make([]int64, n)
	for i := range values {
		labels[i/width] = int64(i / width % classes)
		values[i] += centres[i/width%classes*width+i%width]
	}
	return evaltest.Features(values, labels)
}

// goldenRows are the targets of images with several classes there.
type goldenRows []float32

func (r goldenRows) Row(i int64, row []int8) {
	for c := range row {
		switch v := r[int(i)*len(row)+c]; {
		case c == int(i)%len(row) || v > 0.7:
			row[c] = 1
		case v < -0.7:
			row[c] = -1
		default:
			row[c] = 0
		}
	}
}

// A grid ends with the losses and the figures of the same loop in PyTorch: DINOv2's, with VISSL's batch norm, and VISSL's
// loss and precision where images have several classes.
func TestAGridEqualsPyTorchs(t *testing.T) {
	torchtest.NoLeaks(t)
	var want struct {
		One     struct{ Loss, Top1 []float64 }
		Several struct{ Loss, Map []float64 }
	}
	require.NoError(t, golden.JSON("linear.json", &want))
	train, val := goldenFeatures("train", 120), goldenFeatures("val", 80)
	run := func(norms []bool, o probe.LinearOptions) []probe.Trial {
		o.Config = short(func(c *config.Linear) {
			c.Layers, c.BatchNorm, c.BaseLR = []config.Layer{{Stage: 1, Rows: 1, Columns: 1}, {}}, norms, []float64{0.02, 0.5, 3}
			c.Batch, c.Duration, c.WeightDecay, c.Nesterov = 120, config.Duration{Value: 120, Unit: config.Steps}, 1e-3, false
		})
		o.Classes, o.Widths, o.Seed = 5, []int64{6, 10}, 9
		r, err := probe.Linear(context.Background(), torch.CPU, train, val, o)
		require.NoError(t, err)
		return r.Trials
	}
	one := run([]bool{true, false}, probe.LinearOptions{})
	require.Len(t, one, len(want.One.Loss))
	for i, trial := range one {
		assert.InEpsilon(t, want.One.Loss[i], trial.Loss, 1e-5, trial)
		assert.InDelta(t, want.One.Top1[i], trial.Top1, 1e-4, trial)
	}
	several := run([]bool{false}, probe.LinearOptions{
		Train: goldenRows(golden.Tensor("linear.rows.train", []int64{120, 5}, 1, goldenSeed)),
		Val:   goldenRows(golden.Tensor("linear.rows.val", []int64{80, 5}, 1, goldenSeed)),
	})
	require.Len(t, several, len(want.Several.Loss))
	for i, trial := range several {
		assert.InEpsilon(t, want.Several.Loss[i], trial.Loss, 1e-5, trial)
		assert.InDelta(t, want.Several.Map[i], trial.MAP, 1e-3, trial)
	}
}
