// SPDX-License-Identifier: MIT

package bench

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/footprint"
	"seer/torch"
)

// tiny is the least work that still is a whole step.
func tiny(precision string) StepOptions {
	return StepOptions{
		Model: config.Model{Arch: "regnet_y_200mf"}, Batch: 4, Crops: []config.Crop{{Count: 2, Size: 64}, {Count: 1, Size: 48}},
		Hidden: []int{8}, Out: 4, Prototypes: 5, Precision: precision, Device: "cpu", Memory: config.Memory{Checkpoint: "none"}, Steps: 2, Threads: 1,
	}
}

func TestStepDoesTheWholeWork(t *testing.T) {
	for _, precision := range []string{"fp32", "bf16", "fp16"} {
		before := torch.LiveTensors()
		r, err := Step(tiny(precision))
		require.NoError(t, err, precision)
		assert.Positive(t, r.MsMin)
		assert.LessOrEqual(t, r.MsMin, r.MsMedian)
		assert.InDelta(t, 4/r.MsMedian*1000, r.ImgS, 0.2*r.ImgS)
		assert.True(t, r.Loss > 0 && !math.IsInf(r.Loss, 0), "%s: the loss is %v", precision, r.Loss)
		assert.Positive(t, r.PeakRSSMB)
		assert.Equal(t, before, torch.LiveTensors(), "a benchmark gives everything back")
		line, err := json.Marshal(r)
		require.NoError(t, err)
		for _, key := range []string{"ms_median", "ms_min", "img_s", "peak_rss_mb"} {
			assert.Contains(t, string(line), `"`+key+`"`)
		}
	}
}

// What arithmetic says of a step's memory is within a tenth of what libtorch allocates in it, for trunks of three families
// and for each way to compute again; the loss is the same.
func TestPlannedMemoryIsTheMeasuredOne(t *testing.T) {
	for _, c := range []struct {
		arch  string
		crops []config.Crop
	}{
		{"regnet_y_400mf", []config.Crop{{Count: 2, Size: 96}, {Count: 2, Size: 48}}},
		{"resnet50", []config.Crop{{Count: 2, Size: 96}, {Count: 1, Size: 64}}},
		{"vit_s_16", []config.Crop{{Count: 2, Size: 112}, {Count: 2, Size: 64}}},
	} {
		loss := 0.0
		for _, m := range []config.Memory{{Checkpoint: "none"}, {Checkpoint: "selective"}, {Checkpoint: "blocks"}, {Checkpoint: "stages"}} {
			o := tiny("fp32")
			o.Model.Arch, o.Crops, o.Memory, o.Steps = c.arch, c.crops, m, 1
			r, err := Step(o)
			require.NoError(t, err)
			t.Logf("%s, %s: measured %.1f MB, planned %.1f", c.arch, m.Checkpoint, r.TensorsMB, r.PlannedMB)
			assert.InEpsilon(t, r.TensorsMB, r.PlannedMB, 0.1, "%s, %s", c.arch, m.Checkpoint)
			if loss != 0 {
				assert.Equal(t, loss, r.Loss, "%s, %s", c.arch, m.Checkpoint)
			}
			loss = r.Loss
		}
	}
}

// A budget between the least and the ample is kept, and used.
func TestAutomaticRecomputationKeepsItsBudget(t *testing.T) {
	o := tiny("fp32")
	o.Crops, o.Steps = []config.Crop{{Count: 2, Size: 96}}, 1
	step, err := footprint.StepOf(o.experiment(), config.Pretrain, int64(o.Batch), 0)
	require.NoError(t, err)
	const room = 32 << 20 // besides weights and momentum
	o.Memory = config.Memory{Checkpoint: "auto", Budget: config.Bytes(step.Static() + room)}
	r, err := Step(o)
	require.NoError(t, err)
	t.Logf("measured %.1f MB, planned %.1f, of %d", r.TensorsMB, r.PlannedMB, room>>20)
	assert.InEpsilon(t, r.TensorsMB, r.PlannedMB, 0.1)
	assert.LessOrEqual(t, r.PlannedMB, 32.0)
	assert.Greater(t, r.PlannedMB, 28.0)
	o.Memory.Budget = 1 << 20
	_, err = Step(o)
	require.ErrorContains(t, err, `memory.budget = "1MiB": a step of 4 images takes`)
}

func TestStepRefusesWhatDoesNotExist(t *testing.T) {
	o := tiny("fp32")
	o.Model.Arch = "regnet_y_401mf"
	_, err := Step(o)
	assert.ErrorContains(t, err, "regnet_y_400mf", "the nearest name is offered")
	_, err = Step(tiny("fp8"))
	assert.ErrorContains(t, err, "fp32, bf16 or fp16")
	o = tiny("fp32")
	o.Device = "tpu"
	_, err = Step(o)
	assert.ErrorContains(t, err, "tpu")
}
