// SPDX-License-Identifier: MIT

package footprint

import (
	"fmt"
	"strings"

	"seer/config"
	"seer/models/sketch"
	"seer/recompute"
)

// Cluster is what an experiment is to run on.
type Cluster struct {
	GPUs       int64
	Memory     int64   // of a GPU, bytes
	Reserve    int64   // of it for the driver, libraries and fragments
	FLOPS      float64 // of a GPU at its peak, operations a second in the experiment's precision
	Efficiency float64 // the share of it that training reaches
	Bandwidth  float64 // bytes a second that a GPU sends to others, and receives
}

// Sizing is an experiment on a cluster. Bytes are of one GPU, which a process has for itself.
type Sizing struct {
	Task           string `json:"task"`
	Arch           string `json:"arch"`
	Precision      string `json:"precision"`
	GPUs           int64  `json:"gpus"`
	Available      int64  `json:"available_bytes"`
	Images         int64  `json:"images_a_gpu"`
	Parameters     int64  `json:"parameters"`
	Trunk          int64  `json:"trunk_parameters"`
	FLOPsImage     int64  `json:"flops_an_image"` // of a whole training step, without recomputation: all crops, forward and backward
	Weights        int64  `json:"weights_bytes"`
	Gradients      int64  `json:"gradients_bytes"`
	Momentum       int64  `json:"momentum_bytes"`
	Ways           []Way  `json:"checkpoint"`
	GradientsSent  int64  `json:"gradients_sent_bytes"` // in a step, as a ring of all GPUs does it
	BatchNormSent  int64  `json:"batch_norm_sent_bytes"`
	BatchNormCalls int64  `json:"batch_norm_collectives"`
	SinkhornSent   int64  `json:"sinkhorn_sent_bytes"`
	// CommunicationSeconds are those bytes at the bandwidth, without the time that each collective takes to begin.
	CommunicationSeconds float64 `json:"communication_seconds"`
}

// Way is what one memory.checkpoint makes of a step.
type Way struct {
	Checkpoint     string  `json:"memory_checkpoint"`
	Fits           bool    `json:"fits"`
	Activations    int64   `json:"activations_bytes"` // kept between forward and backward pass
	Peak           int64   `json:"peak_bytes"`        // of all tensors
	LargestBatch   int64   `json:"largest_images_a_gpu"`
	TwicePercent   float64 `json:"computed_twice_percent"` // of the forward pass
	ComputeSeconds float64 `json:"compute_seconds"`
	// StepSeconds have gradients sent while the backward pass goes on: the longer of both, and what cannot overlap.
	StepSeconds float64 `json:"step_seconds"`
}

// Size sizes an experiment of a task, pretraining or fine-tuning to so many classes, for a cluster.
func Size(e *config.Experiment, task config.Task, classes int64, c Cluster) (*Sizing, error) {
	batch := int64(e.Optim.Batch)
	if c.GPUs < 1 || batch%c.GPUs != 0 {
		return nil, fmt.Errorf("optim.batch = %d is not a multiple of %d GPUs: each has the same number of images", batch, c.GPUs)
	}
	step, err := StepOf(e, task, batch/c.GPUs, classes)
	if err != nil {
		return nil, err
	}
	parameters := step.Trunk + step.Head
	s := &Sizing{
		Task: string(task), Arch: e.Model.Arch, Precision: e.Run.Precision, GPUs: c.GPUs, Images: step.Images,
		Available: c.Memory - c.Reserve, Parameters: parameters, Trunk: step.Trunk,
		FLOPsImage: 2 * step.MACs(nil) / step.Images,
		Weights:    float * parameters, Gradients: float * parameters, Momentum: float * parameters,
	}
	s.communication(e, task, step, c)
	for _, name := range []string{"none", "selective", "blocks", "stages", "auto"} {
		way, err := s.way(e, task, classes, c, config.Memory{Checkpoint: name, Budget: config.Bytes(s.Available)})
		if err != nil {
			return nil, err
		}
		s.Ways = append(s.Ways, way)
	}
	return s, nil
}

// way is a step with one memory.checkpoint. auto that does not fit has no plan, and no figures.
func (s *Sizing) way(e *config.Experiment, task config.Task, classes int64, c Cluster, m config.Memory) (Way, error) {
	w := Way{Checkpoint: m.Checkpoint}
	of := func(images int64) (*Step, recompute.Plan) {
		step, err := StepOf(e, task, images, classes)
		if err != nil {
			return nil, nil // seen by Size
		}
		return step, step.fitting(m)
	}
	fits := func(images int64) bool {
		step, plan := of(images)
		return plan != nil && step.Peak(plan) <= s.Available
	}
	w.LargestBatch, w.Fits = largest(fits), fits(s.Images)
	step, plan := of(s.Images)
	if plan == nil {
		return w, nil
	}
	w.Activations, w.Peak = plan.Kept(step.Segments), step.Peak(plan)
	w.TwicePercent = 100 * float64(plan.Again(step.Segments)) / float64(step.forward())
	w.ComputeSeconds = 2 * float64(step.MACs(plan)) / (c.FLOPS * c.Efficiency)
	overlapped := float64(s.GradientsSent) / c.Bandwidth
	w.StepSeconds = max(w.ComputeSeconds, overlapped) + s.CommunicationSeconds - overlapped
	return w, nil
}

// fitting is the plan of a setting; nil where auto finds none.
func (s *Step) fitting(m config.Memory) recompute.Plan {
	if m.Checkpoint == "auto" {
		return recompute.Cheapest(s.Segments, int64(m.Budget)-s.Static()-s.outside())
	}
	plan, _ := s.Plan(m) // only auto can fail
	return plan
}

// mostImages bounds the search for the largest batch.
const mostImages = 1 << 16

// largest is the largest number for which fits holds, which holds for all below; 0: for none.
func largest(fits func(n int64) bool) int64 {
	low, high := int64(0), int64(1)
	for high < mostImages && fits(high) {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// communication adds up what a process sends in a step. A ring of n sends a tensor to be added up twice but for two parts of
// it, 2·(n-1)/n; to gather what each has, it passes on that of all others.
func (s *Sizing) communication(e *config.Experiment, task config.Task, step *Step, c Cluster) {
	s.GradientsSent = ring(s.Gradients, c.GPUs)
	if task == config.Pretrain && c.GPUs > 1 {
		n, _ := e.Model.Trunk() // seen by StepOf
		for _, entry := range sketch.Manifest(n) {
			if entry.Kind == sketch.Buffer && !entry.Integer && strings.HasSuffix(entry.Name, "running_mean") {
				s.addBatchNorm(entry.Numel(), int64(len(e.Crops)), normGroup(e, c))
			}
		}
		for _, width := range e.SwAV.Hidden {
			if e.SwAV.BatchNorm {
				s.addBatchNorm(int64(width), 1, normGroup(e, c))
			}
		}
		rows := float * int64(e.SwAV.Prototypes) * int64(len(e.SwAV.AssignCrops))
		s.SinkhornSent = ring(rows, c.GPUs) * int64(e.SwAV.SinkhornIterations)
	}
	s.CommunicationSeconds = float64(s.GradientsSent+s.BatchNormSent+s.SinkhornSent) / c.Bandwidth
}

func ring(bytes, members int64) int64 { return 2 * bytes * (members - 1) / members }

// normGroup is how many processes share batch norm's statistics.
func normGroup(e *config.Experiment, c Cluster) int64 {
	if g := int64(e.Mesh.BatchNormGroup); g > 0 && g < c.GPUs {
		return g
	}
	return c.GPUs
}

// addBatchNorm adds a layer of so many channels in so many passes: mean, variance and count of each process are gathered
// forward, two sums of gradients are added up backward.
func (s *Sizing) addBatchNorm(channels, passes, group int64) {
	if group < 2 {
		return
	}
	s.BatchNormSent += passes * (float*(2*channels+1)*(group-1) + ring(2*float*channels, group))
	s.BatchNormCalls += 2 * passes
}
