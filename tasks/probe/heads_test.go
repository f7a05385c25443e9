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
	"seer/tasks/probe"
	"seer/torch"
	"seer/torch/torchtest"
)

// twoLayers are features of two layers, of 6 and 10 columns, together and each by itself.
func twoLayers(n int, seed uint64) (both *eval.Features, each [2]*eval.Features) {
	values, labels := evaltest.Cloud(n, 16, 5, 2, seed)
	both = evaltest.Features(values, labels)
	for i, columns := range [][2]int64{{0, 6}, {6, 10}} {
		each[i] = &eval.Features{X: both.X.Narrow(1, columns[0], columns[1]).Contiguous(), Labels: labels, Indices: both.Indices}
	}
	return both, each
}

// Every classifier of a grid is what it is alone, to the bit: from its first weights over its losses to its figures.
func TestAClassifierInAGridEqualsTheSameAlone(t *testing.T) {
	torchtest.NoLeaks(t)
	train, trainEach := twoLayers(400, 1)
	val, valEach := twoLayers(200, 2)
	layers, rates, norms := []config.Layer{{Stage: 1, Rows: 1, Columns: 1}, {}}, []float64{0.003, 0.07, 1.1}, []bool{false, true}
	run := func(f, v *eval.Features, l []config.Layer, widths []int64, b []bool, r []float64) probe.LinearResult {
		c := short(func(c *config.Linear) {
			c.Layers, c.BatchNorm, c.BaseLR, c.WeightDecay = l, b, r, 1e-3
			c.Schedule, c.Milestones = "step", []config.Duration{{Value: 50, Unit: config.Percent}}
		})
		result, err := probe.Linear(context.Background(), torch.CPU, f, v, probe.LinearOptions{Config: c, Classes: 5, Widths: widths, Seed: 9})
		require.NoError(t, err)
		return result
	}
	grid := run(train, val, layers, []int64{6, 10}, norms, rates)
	require.Len(t, grid.Trials, 12)
	at := 0
	for i, layer := range layers {
		for _, norm := range norms {
			for _, rate := range rates {
				alone := run(trainEach[i], valEach[i], []config.Layer{layer}, nil, []bool{norm}, []float64{rate})
				assert.Equal(t, alone.Trial, grid.Trials[at])
				assert.LessOrEqual(t, alone.Top1, grid.Top1)
				at++
			}
		}
	}
}

// A rate so high that its classifier is lost leaves the others as they are without it.
func TestAClassifierThatDivergesLeavesTheOthersAlone(t *testing.T) {
	torchtest.NoLeaks(t)
	values, labels := evaltest.Cloud(200, 8, 5, 0.2, 1)
	for i := range values {
		values[i] *= 30
	}
	run := func(rates ...float64) (probe.LinearResult, error) {
		c := short(func(c *config.Linear) { c.BaseLR, c.BatchNorm = rates, config.Several[bool]{false} })
		return probe.Linear(context.Background(), torch.CPU, evaltest.Features(values, labels), evaltest.Features(values, labels),
			probe.LinearOptions{Config: c, Classes: 5, Seed: 3})
	}
	without, err := run(0.1, 0.8)
	require.NoError(t, err)
	with, err := run(2.5e39, 0.1, 0.8)
	require.NoError(t, err)
	assert.Positive(t, with.Trials[0].Diverged)
	assert.Zero(t, with.Trials[0].Top1)
	for i := range 2 {
		assert.InDelta(t, without.Trials[i].Loss, with.Trials[i+1].Loss, 1e-6, "the rates are multiples of the first, and differ in the last bit")
		assert.Equal(t, without.Trials[i].Top1, with.Trials[i+1].Top1)
	}
	assert.Equal(t, without.Top1, with.Top1)

	_, err = run(2.5e39, 2e39)
	assert.ErrorContains(t, err, "the loss of all 2 classifiers is")
	assert.ErrorContains(t, err, "lower linear.base_lr (now [2.5e+39 2e+39] for a batch of 256)")
}
