// SPDX-License-Identifier: MIT

package config

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/optim/rules"
	"seer/optim/schedule"
)

func regexpQuote(s string) string { return regexp.QuoteMeta(s) }

// SEER's 256GF: 1e9 images at 8192, warm-up of 8000 steps from 0.15 to 9.6.
func TestResolveSEER(t *testing.T) {
	e := valid()
	e.Schedule.Warmup, e.Schedule.WarmupStart = Duration{8000, Steps}, 0.15
	e.Run.CheckpointEvery = Duration{1, Percent}
	p, warnings, err := e.Resolve(1_000_000_000, 512)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, int64(122_070), p.Steps)
	assert.Equal(t, 16, p.BatchPerRank)
	assert.InDelta(t, 1, p.Epochs, 1e-5)
	assert.InDelta(t, 9.6, p.PeakLR, 1e-12)
	assert.InDelta(t, 0.0096, p.EndLR, 1e-12)
	assert.Equal(t, 0.15, p.WarmupStartLR, "the warm-up's start is not scaled")
	assert.Equal(t, int64(313), p.FreezePrototypes)
	assert.Equal(t, int64(1221), p.CheckpointEvery)
	s, plateau, err := p.Schedule()
	require.NoError(t, err)
	assert.Nil(t, plateau)
	assert.InDelta(t, 0.15, s.At(0), 1e-12)
	assert.InDelta(t, 4.875, s.At(4000), 1e-12)
	assert.InDelta(t, 9.6*0.989, s.At(8000), 0.01)
	assert.Equal(t, valid().Optim, e.Optim, "the experiment stays as it was")
}

func TestResolveScaling(t *testing.T) {
	for scaling, want := range map[string]float64{"linear": 1.2, "sqrt": 0.6, "none": 0.3} {
		e := valid()
		e.Optim.Batch, e.Optim.Scaling = 1024, scaling
		p, _, err := e.Resolve(1e6, 1)
		require.NoError(t, err)
		assert.InDelta(t, want, p.PeakLR, 1e-12, scaling)
	}
}

func TestResolveDurations(t *testing.T) {
	e := valid()
	e.Optim.Batch = 100
	e.SwAV.Prototypes = 100
	e.Train.Duration = Duration{10, Epochs}
	e.Schedule.Warmup = Duration{10, Percent}
	e.SwAV.QueueLength, e.SwAV.QueueStart = 300, Duration{2, Epochs}
	e.SwAV.FreezePrototypes = Duration{1000, Images}
	e.Optim.Rules = []Rule{{Match: "a", FreezeUntil: Duration{50, Percent}}, {Match: "b", Freeze: true}, {Match: ".*"}}
	p, warnings, err := e.Resolve(1050, 4)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, []int64{105, 11, 21, 10}, []int64{p.Steps, p.Warmup, p.QueueStart, p.FreezePrototypes})
	require.Len(t, p.Rules, 3)
	assert.Equal(t, []int64{53, rules.Forever, 0}, []int64{p.Rules[0].FreezeUntil, p.Rules[1].FreezeUntil, p.Rules[2].FreezeUntil})
}

func TestResolveKinds(t *testing.T) {
	e := valid()
	e.Optim.Batch, e.Optim.BaseLR, e.Train.Duration = 256, 1, Duration{100, Steps}
	e.SwAV.FreezePrototypes = Duration{}
	e.Schedule.Warmup, e.Schedule.Milestones = Duration{10, Steps}, []Duration{{50, Percent}, {80, Steps}}
	e.Schedule.Window = Duration{5, Steps}
	for kind, want := range map[string][4]float64{ // at steps 0, 5, 10 and 99
		"constant": {0, 0.5, 1, 1},
		"step":     {0, 0.5, 1, 0.01},
		"plateau":  {0, 0.5, 1, 1},
	} {
		e.Schedule.Kind = kind
		p, _, err := e.Resolve(1000, 1)
		require.NoError(t, err)
		s, plateau, err := p.Schedule()
		require.NoError(t, err)
		assert.Equal(t, kind == "plateau", plateau != nil)
		for i, step := range []int64{0, 5, 10, 99} {
			assert.InDelta(t, want[i], s.At(step), 1e-12, "%s at %d", kind, step)
		}
	}
	e.Schedule.Kind, e.Schedule.Phase = "cosine", "restart"
	p, _, err := e.Resolve(1000, 1)
	require.NoError(t, err)
	s, _, err := p.Schedule()
	require.NoError(t, err)
	assert.InDelta(t, 1, s.At(10), 1e-12)
	p.Kind = "other"
	_, _, err = p.Schedule()
	assert.ErrorContains(t, err, "schedule.kind")
	p.Kind, p.Window = "plateau", 0
	_, _, err = p.Schedule()
	assert.ErrorContains(t, err, "window")
}

func TestResolveErrors(t *testing.T) {
	for _, c := range []struct {
		change func(*Experiment)
		images int64
		world  int
		want   string
	}{
		{func(*Experiment) {}, 0, 1, "data.source = 0: holds no images"},
		{func(*Experiment) {}, 10, 3, "optim.batch = 8192: must be over 0 and divide by the 3 processes"},
		{func(*Experiment) {}, 10, 0, "world = 0"},
		{func(e *Experiment) { e.Schedule.Warmup = Duration{2e9, Images} }, 10, 1, "schedule.warmup = 244140: is longer than the run"},
		{func(e *Experiment) { e.Train.Duration = Duration{} }, 10, 1, "train.duration = 0: is less than one step"},
		{func(e *Experiment) { e.Train.Duration = Duration{5, Percent} }, 10, 1, "share of the whole run"},
		{func(e *Experiment) { e.Schedule.Milestones = []Duration{{8, Steps}, {4, Steps}} }, 10, 1, "must ascend; they are steps [8 4]"},
	} {
		e := valid()
		c.change(e)
		_, _, err := e.Resolve(c.images, c.world)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestResolveWarnings(t *testing.T) {
	e := valid()
	e.Train.Duration = Duration{400, Steps}
	e.Schedule.Warmup, e.Schedule.WarmupStart = Duration{10, Steps}, 100
	_, warnings, err := e.Resolve(1000, 1)
	require.NoError(t, err)
	var paths []string
	for _, w := range warnings {
		paths = append(paths, w.Path)
	}
	assert.Equal(t, []string{"schedule.warmup_start", "swav.freeze_prototypes", "optim.batch"}, paths)
}

func TestResolveLinear(t *testing.T) {
	l := valid().Linear
	l.Batch = 512
	p, err := l.Resolve(1_281_167)
	require.NoError(t, err)
	assert.InDelta(t, 0.02, p.PeakLR, 1e-12)
	assert.Equal(t, int64(70_063), p.Steps)
	for step, want := range map[int64]float64{0: 0.02, 20_017: 0.02, 20_018: 0.002, 40_036: 0.0002, 60_054: 0.00002} {
		assert.InDelta(t, want, p.Schedule.At(step), 1e-12, "step %d", step)
	}
	l.Schedule = "cosine"
	p, err = l.Resolve(1_281_167)
	require.NoError(t, err)
	assert.Equal(t, schedule.Cosine{Peak: p.PeakLR, Until: p.Steps}, p.Schedule)
	l.Schedule = "constant"
	p, err = l.Resolve(1_281_167)
	require.NoError(t, err)
	assert.Equal(t, schedule.Constant(p.PeakLR), p.Schedule)
	_, err = l.Resolve(0)
	assert.ErrorContains(t, err, "linear.train = 0")
	l.Duration = Duration{5, Percent}
	_, err = l.Resolve(10)
	assert.ErrorContains(t, err, "linear.duration")
}
