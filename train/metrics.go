// SPDX-License-Identifier: MIT

package train

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"seer/internal/resident"
	"seer/runfolder"
	"seer/torch"
)

// Record is a line of metrics.jsonl.
type Record struct {
	Step         int64   `json:"step"`
	Epoch        float64 `json:"epoch"`
	Images       int64   `json:"images"`
	Loss         float64 `json:"loss"`
	LR           float64 `json:"lr"`
	GradientNorm float64 `json:"gradient_norm"`
	Skipped      bool    `json:"skipped,omitempty"`
	SkippedSteps int64   `json:"skipped_steps,omitempty"` // of the run so far

	ImagesPerSecond float64 `json:"images_per_second"`
	WaitShare       float64 `json:"wait_share"` // of the time since the line before
	Seconds         float64 `json:"seconds"`    // of training so far
	MemoryMB        float64 `json:"memory_mb"`  // resident; on a GPU, allocated there
	// CheckpointSeconds are those that checkpoints have held the run up since the line before.
	CheckpointSeconds float64 `json:"checkpoint_seconds,omitempty"`

	// Metrics of the method and counts of the program stand beside the others in the line.
	Metrics []Metric `json:"-"`
}

// number is null in JSON where it is not finite, as of a step that was left out.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if !finite(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// MarshalJSON writes the fields, then the metrics under their names.
func (r Record) MarshalJSON() ([]byte, error) {
	type fields Record
	line, err := json.Marshal(struct {
		fields
		Loss         number `json:"loss"`
		GradientNorm number `json:"gradient_norm"`
	}{fields(r), number(r.Loss), number(r.GradientNorm)})
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(line[:len(line)-1])
	for _, m := range r.Metrics {
		value, err := json.Marshal(number(m.Value))
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", m.Name, err)
		}
		fmt.Fprintf(out, ",%s:%s", strconv.Quote(m.Name), value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// logMetrics writes a line where the run is kept. It takes no time that other processes would have to wait for.
func (p *Program) logMetrics(_ context.Context, e Event) error {
	if p.folder == nil {
		return nil
	}
	speed, wait := p.Progress().window()
	r := Record{
		Step: e.Step, Images: p.Clock.Position, Epoch: float64(p.Clock.Position) / float64(p.Clock.Epoch),
		Loss: e.Result.Loss, LR: e.LR, GradientNorm: e.Result.GradientNorm, Skipped: e.Result.Skipped, SkippedSteps: p.Clock.Skipped,
		ImagesPerSecond: speed, WaitShare: wait, Seconds: p.Clock.Seconds, MemoryMB: float64(memory(p.Engine.Device)) / (1 << 20),
		Metrics: e.Result.Metrics, CheckpointSeconds: p.stall.Seconds(),
	}
	p.stall = 0
	r.Metrics = append(r.Metrics, p.paces.metrics()...)
	if p.Counts != nil {
		r.Metrics = append(r.Metrics, p.Counts()...)
	}
	return p.folder.Log(runfolder.MetricsLog).Append(r)
}

// memory is what a user runs out of first: on a GPU its memory, else the host's.
func memory(dev torch.Device) int64 {
	if m, err := torch.DeviceMemory(dev); dev.Type == torch.CUDAType && err == nil {
		return m.Allocated
	}
	return resident.Now()
}

// Keys of the metadata of weights that a program adds to its own.
const (
	StepKey = "step" // of training
	// LayoutKey says whether the weights were trained channels-last, by choice or as measured.
	LayoutKey = "channels_last"
	// AverageKey is the decay of the average that the weights are; missing where they are the trained weights themselves.
	AverageKey = "ema"
	// EpochKey and WorldKey are, of a broken step, the images of an epoch and the processes of the run.
	EpochKey = "epoch"
	WorldKey = "world"
)

func (p *Program) metadata() map[string]string {
	meta := maps.Clone(p.Metadata)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[StepKey] = strconv.FormatInt(p.Clock.Step, 10)
	meta[LayoutKey] = strconv.FormatBool(p.Clock.ChannelsLast)
	if p.Engine.Average != nil {
		meta[AverageKey] = strconv.FormatFloat(p.Engine.Average.Decay(), 'g', -1, 64)
	}
	return meta
}
