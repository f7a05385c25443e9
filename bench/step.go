// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"math"
	"slices"
	"time"

	"seer/config"
	"seer/footprint"
	"seer/internal/resident"
	"seer/optim/schedule"
	"seer/tasks/pretrain"
	"seer/torch"
	"seer/train"
)

// StepOptions describe the work of [Step].
type StepOptions struct {
	Model        config.Model
	Batch        int
	Crops        []config.Crop // only Count and Size matter
	Hidden       []int
	Out          int
	Prototypes   int
	Precision    string // fp32, bf16, fp16
	Device       string // as in run.device
	ChannelsLast bool
	TF32         bool          // as in run.tf32
	Memory       config.Memory // what is computed again; nothing where it is not given
	Steps        int           // measured, after two that are not
	Threads      int           // 0: as run.threads = 0
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
	// TFLOPS are the operations that model and step need, two a multiply-add and without recomputation, in a second at the
	// median: as a share of what the device can do in this precision they are the model FLOPs utilisation.
	TFLOPS float64 `json:"tflops"`
	// BeforeRSSMB is resident before the first step: program, libraries, weights, the batch. StepRSSMB is what the steps
	// add at their peak: activations, gradients, momentum, the libraries' work space.
	BeforeRSSMB  float64 `json:"before_rss_mb"`
	StepRSSMB    float64 `json:"step_rss_mb"`
	PeakRSSMB    float64 `json:"peak_rss_mb"`
	PeakDeviceMB float64 `json:"peak_device_mb,omitempty"`
	// TensorsMB are the tensors of the steps at their peak, besides weights and momentum; PlannedMB is what the arithmetic
	// of seer plan says of them.
	TensorsMB  float64 `json:"tensors_mb"`
	PlannedMB  float64 `json:"planned_mb"`
	Checkpoint string  `json:"checkpoint"` // memory.checkpoint
	Loss       float64 `json:"loss"`       // of the last step
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
	e := o.experiment()
	engine, err := newStepEngine(e, o)
	if err != nil {
		return StepResult{}, err
	}
	defer engine.Close()
	scope := torch.NewScope()
	defer scope.Close()
	work := &stopwatch{batch: randomBatch(o), device: engine.Device}
	program := &train.Program{
		Engine: engine, Batches: work, Rate: schedule.Constant(0.01), Steps: int64(o.Steps + warmupSteps), Batch: o.Batch,
		Hooks: []train.Hook{{Name: "stopwatch", Every: 1, Run: work.take}},
	}
	before := resident.Now()
	work.last = time.Now()
	_, tensors := torch.Account(func() { err = program.Run(context.Background(), nil) })
	if err != nil {
		return StepResult{}, err
	}
	r := summary(o, engine.Device, work.ms[warmupSteps:], work.loss, before)
	r.TensorsMB = megabytes(tensors)
	return r, r.plan(e)
}

// plan adds what arithmetic says of the step.
func (r *StepResult) plan(e *config.Experiment) error {
	step, err := footprint.StepOf(e, config.Pretrain, int64(r.Batch), 0)
	if err != nil {
		return err
	}
	plan, err := step.Plan(e.Memory)
	r.PlannedMB = megabytes(step.Temporary(plan))
	r.TFLOPS = math.Round(2*float64(step.MACs(nil))/r.MsMedian/1e6) / 1e3
	return err
}

// stopwatch brings the same batch to every step and takes its time.
type stopwatch struct {
	batch  train.Batch
	device torch.Device
	last   time.Time
	ms     []float64 // of each step
	loss   float64   // of the last
}

// Next implements train.Loader.
func (w *stopwatch) Next(context.Context) (*train.Batch, error) {
	batch := w.batch
	return &batch, nil
}

// take is the hook behind each step: it waits until the device has done it.
func (w *stopwatch) take(_ context.Context, e train.Event) error {
	if err := torch.Synchronize(w.device); err != nil {
		return err
	}
	now := time.Now()
	w.ms = append(w.ms, float64(now.Sub(w.last).Microseconds())/1000)
	w.last, w.loss = now, e.Result.Loss
	return nil
}

// experiment is one with the options' step.
func (o StepOptions) experiment() *config.Experiment {
	e := config.Default()
	e.Model, e.Crops = o.Model, o.Crops
	if o.Memory.Checkpoint != "" {
		e.Memory = o.Memory
	}
	e.Run.Precision = o.Precision
	e.SwAV.Hidden, e.SwAV.Out, e.SwAV.Prototypes, e.SwAV.BatchNorm = o.Hidden, o.Out, o.Prototypes, true
	return e
}

func newStepEngine(e *config.Experiment, o StepOptions) (*train.Engine, error) {
	dev, err := torch.ParseDevice(o.Device)
	if err != nil {
		return nil, err
	}
	if err := torch.SetCUDAMath(torch.CUDAMath{TF32: o.TF32}); err != nil {
		return nil, err
	}
	plan := &config.Resolved{BatchPerRank: o.Batch}
	system, err := pretrain.NewSystem(e, plan, dev)
	if err != nil {
		return nil, err
	}
	return pretrain.NewEngine(system, e, plan, dev, o.ChannelsLast)
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
		Program: "seer", Arch: o.Model.Arch, Device: dev.String(), Precision: o.Precision, ChannelsLast: o.ChannelsLast,
		Batch: o.Batch, Checkpoint: o.Memory.Checkpoint, Threads: torch.Threads(), MsMedian: round(median), MsMin: round(ms[0]),
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
