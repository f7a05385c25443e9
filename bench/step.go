// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"math"
	"slices"
	"time"

	"seer/config"
	"seer/internal/resident"
	"seer/torch"
	"seer/train"
)

// StepOptions describe the work of [Step].
type StepOptions struct {
	Arch         string
	Batch        int
	Crops        []config.Crop // only Count and Size matter
	Hidden       []int
	Out          int
	Prototypes   int
	Precision    string // fp32, bf16, fp16
	Device       string // as in run.device
	ChannelsLast bool
	Steps        int // measured, after two that are not
	Threads      int // 0: as run.threads = 0
}

// StepResult is the JSON line.
type StepResult struct {
	Program      string  `json:"program"`
	Arch         string  `json:"arch"`
	Device       string  `json:"device"`
	Precision    string  `json:"precision"`
	ChannelsLast bool    `json:"channels_last"`
	Batch        int     `json:"batch"`
	Threads      int     `json:"threads"`
	MsMedian     float64 `json:"ms_median"`
	MsMin        float64 `json:"ms_min"`
	ImgS         float64 `json:"img_s"` // images a second at the median
	// BeforeRSSMB is resident before the first step: program, libraries, weights, the batch. StepRSSMB is what the steps
	// add at their peak: activations, gradients, momentum, the libraries' work space.
	BeforeRSSMB  float64 `json:"before_rss_mb"`
	StepRSSMB    float64 `json:"step_rss_mb"`
	PeakRSSMB    float64 `json:"peak_rss_mb"`
	PeakDeviceMB float64 `json:"peak_device_mb,omitempty"`
	Loss         float64 `json:"loss"` // of the last step
}

// warmupSteps run before the measurement: allocations, kernel choice.
const warmupSteps = 2

// Step times whole SwAV steps on random images that already are in memory: normalising the pixels, forward on all crops,
// Sinkhorn with ten iterations, loss, backward, LARC and SGD, prototypes to unit norm.
func Step(o StepOptions) (r StepResult, err error) {
	err = torch.OnThread(o.Threads, func() error {
		r, err = measureStep(o)
		return err
	})
	return r, err
}

func measureStep(o StepOptions) (StepResult, error) {
	trainer, dev, err := newStepTrainer(o)
	if err != nil {
		return StepResult{}, err
	}
	defer trainer.Close()
	scope := torch.NewScope()
	defer scope.Close()
	batch := randomBatch(o)
	before := resident.Now()
	var ms []float64
	var loss float64
	for step := range o.Steps + warmupSteps {
		start := time.Now()
		r, err := trainer.Step(int64(step), 0.01, batch, false)
		if err == nil {
			err = torch.Synchronize(dev)
		}
		if err != nil {
			return StepResult{}, fmt.Errorf("step %d: %w", step, err)
		}
		if step >= warmupSteps {
			ms = append(ms, float64(time.Since(start).Microseconds())/1000)
		}
		loss = r.Loss
	}
	return summary(o, dev, ms, loss, before), nil
}

func newStepTrainer(o StepOptions) (*train.Trainer, torch.Device, error) {
	dev, err := torch.ParseDevice(o.Device)
	if err != nil {
		return nil, dev, err
	}
	e := config.Default()
	e.Model.Arch = o.Arch
	e.Run.Precision = o.Precision
	e.SwAV.Hidden, e.SwAV.Out, e.SwAV.Prototypes, e.SwAV.BatchNorm = o.Hidden, o.Out, o.Prototypes, true
	plan := &config.Plan{}
	system, err := train.NewSystem(e, plan, dev)
	if err != nil {
		return nil, dev, err
	}
	t, err := train.NewTrainer(system, e, plan, dev, o.ChannelsLast)
	return t, dev, err
}

// randomBatch draws uniform pixels; the arithmetic does not depend on them.
func randomBatch(o StepOptions) train.Batch {
	b := train.Batch{Images: int64(o.Batch)}
	for _, c := range o.Crops {
		s := int64(c.Size)
		noise := torch.Rand(torch.CPU, int64(c.Count*o.Batch), s, s, 3)
		b.Pixels = append(b.Pixels, noise.MulScalar(255).To(torch.UInt8))
	}
	return b
}

func summary(o StepOptions, dev torch.Device, ms []float64, loss float64, before int64) StepResult {
	slices.Sort(ms)
	median := ms[len(ms)/2]
	if len(ms)%2 == 0 {
		median = (ms[len(ms)/2-1] + median) / 2
	}
	r := StepResult{
		Program: "seer", Arch: o.Arch, Device: dev.String(), Precision: o.Precision, ChannelsLast: o.ChannelsLast,
		Batch: o.Batch, Threads: torch.Threads(), MsMedian: round(median), MsMin: round(ms[0]),
		ImgS: round(float64(o.Batch) / median * 1000), Loss: loss,
		BeforeRSSMB: megabytes(before), StepRSSMB: megabytes(resident.Peak() - before), PeakRSSMB: megabytes(resident.Peak()),
	}
	if m, err := torch.DeviceMemory(dev); dev.Type == torch.CUDAType && err == nil {
		r.PeakDeviceMB = megabytes(m.Peak)
	}
	return r
}

func megabytes(n int64) float64 { return round(float64(n) / (1 << 20)) }

func round(x float64) float64 { return math.Round(x*10) / 10 }
