// SPDX-License-Identifier: MIT

package footprint_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/footprint"
)

// seer is SEER's pretraining of RegNetY-256GF on 512 GPUs.
func seer(t *testing.T) *config.Experiment {
	t.Helper()
	e, err := config.Load("../experiments/seer_regnety_256gf.toml", nil)
	require.NoError(t, err)
	return e
}

// v100s are 512 GPUs of 32 GB with a link of 100 Gb/s each.
var v100s = footprint.Cluster{GPUs: 512, Memory: 32 << 30, Reserve: 2 << 30, FLOPS: 125e12, Efficiency: 0.15, Bandwidth: 12.5e9}

// The parameters are those that the experiment file states, which are those of the released checkpoint.
func TestTheSizeOfSEER(t *testing.T) {
	s, err := footprint.Size(seer(t), config.Pretrain, 0, v100s)
	require.NoError(t, err)
	assert.InDelta(t, 1431.0, float64(s.Parameters)/1e6, 0.05)
	assert.InDelta(t, 1272.2, float64(s.Trunk)/1e6, 0.05)
	assert.EqualValues(t, 16, s.Images)
	assert.Equal(t, 4*s.Parameters, s.Momentum)
	// Forward and backward of 2 + 4·(96/224)² times 255 billion multiply-adds.
	assert.InEpsilon(t, 6*255e9*(2+4*96.0*96/224/224), float64(s.FLOPsImage), 0.01)
	assert.InDelta(t, 2*511.0/512, float64(s.GradientsSent)/float64(s.Gradients), 1e-9)
	// Batch norm gathers what 64 processes have.
	assert.InEpsilon(t, float64(s.GradientsSent)/12.5e9, s.CommunicationSeconds, 0.05)
	assert.Less(t, s.BatchNormSent, s.GradientsSent/20)
}

// Of the ways to keep less, each keeps less than the one before, and auto is as fast as any that fits.
func TestWaysToKeepLess(t *testing.T) {
	s, err := footprint.Size(seer(t), config.Pretrain, 0, v100s)
	require.NoError(t, err)
	ways := map[string]footprint.Way{}
	for _, w := range s.Ways {
		ways[w.Checkpoint] = w
		assert.Equal(t, w.Fits, w.LargestBatch >= s.Images, w.Checkpoint)
		assert.Equal(t, w.Fits, w.Peak <= s.Available, w.Checkpoint)
	}
	assert.Less(t, ways["selective"].Activations, ways["none"].Activations*6/10)
	assert.Less(t, ways["blocks"].Activations, ways["none"].Activations/6)
	assert.Less(t, ways["stages"].Activations, ways["blocks"].Activations)
	assert.False(t, ways["none"].Fits)
	assert.True(t, ways["auto"].Fits)
	assert.GreaterOrEqual(t, ways["auto"].LargestBatch, ways["blocks"].LargestBatch)
	for _, w := range s.Ways {
		if w.Fits {
			assert.LessOrEqual(t, ways["auto"].ComputeSeconds, w.ComputeSeconds)
		}
	}
	// The backward pass takes twice the forward pass; computed again, that makes 4 of 3.
	assert.InEpsilon(t, ways["none"].ComputeSeconds*4/3, ways["blocks"].ComputeSeconds, 0.01)
}

func TestAClusterThatDoesNotDivideTheBatch(t *testing.T) {
	c := v100s
	c.GPUs = 500
	_, err := footprint.Size(seer(t), config.Pretrain, 0, c)
	require.ErrorContains(t, err, "optim.batch = 8192 is not a multiple of 500 GPUs")
}

// One GPU sends nothing, and a trunk that fits nowhere has no way.
func TestOneGPU(t *testing.T) {
	e := seer(t)
	e.Optim.Batch = 4
	s, err := footprint.Size(e, config.Pretrain, 0, footprint.Cluster{GPUs: 1, Memory: 8 << 30, FLOPS: 1e12, Efficiency: 1, Bandwidth: 1e9})
	require.NoError(t, err)
	assert.Zero(t, s.CommunicationSeconds)
	for _, w := range s.Ways {
		assert.False(t, w.Fits, w.Checkpoint)
		assert.Zero(t, w.LargestBatch, w.Checkpoint)
	}
}

// A classifier of fine-tuning is linear, and the step has one view.
func TestFineTuning(t *testing.T) {
	e, err := config.Load("../experiments/finetune_in1k.toml", []string{"model.arch=regnet_y_16gf"})
	require.NoError(t, err)
	step, err := footprint.StepOf(e, config.FineTuning, 2, 1000)
	require.NoError(t, err)
	assert.EqualValues(t, 80_565_140, step.Trunk)
	assert.EqualValues(t, 3024*1000+1000, step.Head)
	assert.EqualValues(t, 2*3*4*e.Crops[0].Size*e.Crops[0].Size, step.Views)
}
