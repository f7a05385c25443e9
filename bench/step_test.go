// SPDX-License-Identifier: MIT

package bench

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/torch"
)

// tiny is the least work that still is a whole step.
func tiny(precision string) StepOptions {
	return StepOptions{
		Arch: "regnet_y_200mf", Batch: 4, Crops: []config.Crop{{Count: 2, Size: 64}, {Count: 1, Size: 48}},
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

func TestStepRefusesWhatDoesNotExist(t *testing.T) {
	o := tiny("fp32")
	o.Arch = "regnet_y_401mf"
	_, err := Step(o)
	assert.ErrorContains(t, err, "regnet_y_400mf", "the nearest name is offered")
	_, err = Step(tiny("fp8"))
	assert.ErrorContains(t, err, "fp32, bf16 or fp16")
	o = tiny("fp32")
	o.Device = "tpu"
	_, err = Step(o)
	assert.ErrorContains(t, err, "tpu")
}
