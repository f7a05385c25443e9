// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"fmt"
	"slices"
	"time"

	"seer/data"
	"seer/inputs"
	"seer/internal/resident"
	"seer/torch"
)

// train does the steps and leaves a checkpoint, whatever ends them between two steps.
func (r *run) train(ctx context.Context) error {
	r.describe()
	r.begun = time.Now()
	r.progress = newProgress(r.opt, r.state.Step, r.plan.Steps)
	loop := &Loop{
		Start: r.state.Step, Total: r.plan.Steps, Step: r.step, DetailEvery: r.plan.LogEvery,
		Hooks: r.hooks(),
	}
	done, err := loop.Run(ctx)
	r.progress.finish()
	if err != nil {
		return r.stopped(ctx, done, err)
	}
	if s := inputs.Spec(r.e.Data).Cache.Stats(); s.Hits+s.Misses > 0 {
		r.say("Cache: %v", s)
	}
	r.say("Done: %d steps in %s%s. The latest checkpoint is %s", done, time.Since(r.begun).Round(time.Second), r.skips(), r.folder.latest())
	return r.learned(r.state)
}

// hooks act after every step: a checkpoint is the last, so that it knows of all that the others have done.
func (r *run) hooks() []Hook {
	return slices.Concat([]Hook{
		{Name: "progress", Every: 1, Run: r.showProgress},
		{Name: "collapse check", Every: 1, Run: r.watchCollapse},
		{Name: "metrics", Every: r.plan.LogEvery, Run: r.logMetrics},
		{Name: "loss scale", Every: 1, Run: r.watchScale},
	}, r.opt.Hooks, []Hook{
		{Name: "checkpoint", Every: r.plan.CheckpointEvery, Run: r.save},
	})
}

// step waits for the loader and trains on its batch.
func (r *run) step(ctx context.Context, step int64, detailed bool) (Event, error) {
	begin := time.Now()
	batch, err := r.loader.Next(ctx)
	if err != nil {
		return Event{}, fmt.Errorf("loading the batch of step %d: %w", step, err)
	}
	defer batch.Release()
	waited := time.Since(begin).Seconds()
	scope := torch.NewScope()
	defer scope.Close()
	in := Batch{Images: int64(batch.Size())}
	for _, g := range batch.Groups {
		size := int64(g.Size)
		in.Pixels = append(in.Pixels, torch.FromBytes(g.Pixels, torch.UInt8, int64(g.Count)*in.Images, size, size, 3))
	}
	lr := r.schedule.At(step)
	r.torn = true // a step that fails has changed statistics and queue already
	result, err := r.trainer.Step(step, lr, in, detailed || r.watches(step) && r.collapse.Due())
	if err != nil {
		return Event{}, fmt.Errorf("step %d: %w", step, err)
	}
	r.torn = false
	r.count(result.Skipped)
	if r.plateau != nil && step >= r.plan.Warmup {
		r.plateau.Observe(result.Loss)
	}
	r.state.Step, r.state.Position = step+1, batch.Position
	if s, ok := r.loader.(*data.Stream); ok {
		r.state.Source = s.Fingerprint()
	}
	r.state.Seconds += time.Since(begin).Seconds()
	return Event{LR: lr, Result: result, Waited: waited}, nil
}

func (r *run) showProgress(_ context.Context, e Event) error {
	r.progress.step(e, r.plan.Batch, r.loader.Stats())
	r.progress.warnCache(e, inputs.Spec(r.e.Data).Cache.Stats())
	return nil
}

// watches tells whether the loss of a step (from 0) should be off ln K: while the rate rises and the prototypes rest it is
// there in sound runs too. The second half of a run is watched always.
func (r *run) watches(step int64) bool {
	return step >= min(max(r.plan.Warmup, r.plan.FreezePrototypes), r.plan.Steps/2)
}

func (r *run) watchCollapse(_ context.Context, e Event) error {
	if !r.watches(e.Step - 1) {
		return nil
	}
	if advice := r.collapse.Observe(e.Result.Loss, e.Result.Health); advice != "" {
		r.progress.clear()
		r.say("warning: step %d: %s", e.Step, advice)
	}
	r.state.AtLnK = r.collapse.At
	return nil
}

// record is a line of metrics.jsonl.
type record struct {
	Step         int64   `json:"step"`
	Epoch        float64 `json:"epoch"`
	Images       int64   `json:"images"`
	Loss         float64 `json:"loss"`
	LR           float64 `json:"lr"`
	GradientNorm float64 `json:"gradient_norm"`
	Skipped      bool    `json:"skipped,omitempty"`
	SkippedSteps int64   `json:"skipped_steps,omitempty"` // of the run so far

	AssignmentEntropy    float64 `json:"assignment_entropy"`
	AssignmentConfidence float64 `json:"assignment_confidence"`
	PrototypesUsed       int64   `json:"prototypes_used"`
	EmbeddingStd         float64 `json:"embedding_std"`

	ImagesPerSecond float64 `json:"images_per_second"`
	WaitShare       float64 `json:"wait_share"` // of the time since the line before
	Seconds         float64 `json:"seconds"`    // of training so far
	MemoryMB        float64 `json:"memory_mb"`  // resident; on a GPU, allocated there
	BadImages       int64   `json:"bad_images"` // replaced by this process so far
}

func (r *run) logMetrics(_ context.Context, e Event) error {
	speed, wait := r.progress.window()
	return r.folder.logMetrics(record{
		Step: e.Step, Images: r.state.Position, Epoch: float64(r.state.Position) / float64(r.plan.Images),
		Loss: e.Result.Loss, LR: e.LR, GradientNorm: e.Result.GradientNorm, Skipped: e.Result.Skipped,
		SkippedSteps:      r.state.Skipped,
		AssignmentEntropy: e.Result.Health.Entropy, AssignmentConfidence: e.Result.Health.Confidence,
		PrototypesUsed: e.Result.Health.PrototypesUsed, EmbeddingStd: e.Result.Health.EmbeddingStd,
		ImagesPerSecond: speed, WaitShare: wait, Seconds: r.state.Seconds, MemoryMB: float64(memory(r.dev)) / (1 << 20),
		BadImages: r.loader.Stats().Replaced(),
	})
}

// memory is what a user runs out of first: on a GPU its memory, else the host's.
func memory(dev torch.Device) int64 {
	if m, err := torch.DeviceMemory(dev); dev.Type == torch.CUDAType && err == nil {
		return m.Allocated
	}
	return resident.Now()
}

// save writes a checkpoint of the state after this step.
func (r *run) save(_ context.Context, e Event) error {
	if err := soundWeights(r.trainer.System, e); err != nil {
		return err
	}
	r.state.CPURandom = torch.RNGState(torch.CPU)
	if r.dev.Type == torch.CUDAType {
		r.state.DeviceRandom = torch.RNGState(r.dev)
	}
	r.state.Plateau, r.state.Images = r.plateau, r.plan.Images
	return r.folder.save(e.Step, r.trainer, r.state)
}
