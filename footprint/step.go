// SPDX-License-Identifier: MIT

package footprint

import (
	"fmt"

	"seer/config"
	"seer/models/sketch"
	"seer/recompute"
)

// Step is a training step of one process.
type Step struct {
	Images   int64             // of the process
	Segments []recompute.Costs // of the trunk
	Ends     []int             // last segment of each stage
	Trunk    int64             // parameters
	Head     int64             // parameters behind the trunk
	Views    int64             // bytes of the normalised images
	Scores   int64             // bytes that the head and the loss take at most

	HeadMACs int64 // of the forward pass
}

const float = 4 // bytes of a float32, in which sketches count, too

// StepOf describes the step of a task, pretraining or fine-tuning to so many classes, in a process that has so many images.
func StepOf(e *config.Experiment, task config.Task, images, classes int64) (*Step, error) {
	n, err := e.Model.Trunk()
	if err != nil {
		return nil, err
	}
	s := &Step{Images: images, Ends: sketch.Draw(n, 0, 0).Ends, Trunk: sketch.Parameters(sketch.Manifest(n))}
	element := int64(float)
	if e.Run.Precision != "fp32" {
		element = 2
	}
	var views []Views
	var crops int64 // of an image
	for _, c := range e.Crops {
		crops += int64(c.Count)
		views = append(views, Views{Images: images * int64(c.Count), Size: c.Size})
		s.Views += float * images * int64(c.Count) * 3 * int64(c.Size) * int64(c.Size)
	}
	s.Segments = CostsOf(n, views, element)
	if task == config.FineTuning {
		s.addHead(images, element, false, append([]int64{int64(n.Width())}, append(widths(e.Finetune.Hidden), classes)...)...)
		return s, nil
	}
	s.addHead(crops*images, element, e.SwAV.BatchNorm, append([]int64{int64(n.Width())}, append(widths(e.SwAV.Hidden), int64(e.SwAV.Out))...)...)
	s.addScores(crops*images, int64(e.SwAV.Out), int64(e.SwAV.Prototypes))
	return s, nil
}

func widths(ws []int) []int64 {
	out := make([]int64, len(ws))
	for i, w := range ws {
		out[i] = int64(w)
	}
	return out
}

// addHead adds linear layers of these widths on so many rows.
func (s *Step) addHead(rows, element int64, batchNorm bool, widths ...int64) {
	for i, w := range widths[1:] {
		s.Head += w*widths[i] + w
		s.HeadMACs += rows * w * widths[i]
		s.Scores += rows * w * element
		if batchNorm && i < len(widths)-2 {
			s.Head += 2 * w
			s.Scores += rows * w * element
		}
	}
}

// scoreTensors are the float32 tensors of the scores' size that there are at once: scores, over the temperature, their
// log-softmax, the targets twice, the products.
const scoreTensors = 6

func (s *Step) addScores(rows, dim, prototypes int64) {
	s.Head += dim * prototypes
	s.HeadMACs += rows * dim * prototypes
	s.Scores += scoreTensors * float * rows * prototypes
}

// Plan is what of the trunk is computed again, by the experiment's section.
func (s *Step) Plan(m config.Memory) (recompute.Plan, error) {
	n := len(s.Segments)
	switch m.Checkpoint {
	case "none":
		return recompute.Each(n, recompute.KeepAll), nil
	case "selective":
		return recompute.Each(n, recompute.KeepProducts), nil
	case "blocks":
		return recompute.Each(n, recompute.KeepInput), nil
	case "stages":
		return recompute.Stages(n, s.Ends), nil
	}
	return s.auto(int64(m.Budget))
}

func (s *Step) auto(budget int64) (recompute.Plan, error) {
	outside := s.Static() + s.outside()
	plan := recompute.Cheapest(s.Segments, budget-outside)
	if plan == nil {
		least := outside + recompute.Least(s.Segments)
		return nil, fmt.Errorf("memory.budget = %q: a step of %d images takes %s at least, whatever is computed again: raise the budget, or take fewer images a process (optim.batch) or smaller crops",
			config.Bytes(budget), s.Images, Human(least))
	}
	return plan, nil
}

// Static is what weights and momentum take, float32.
func (s *Step) Static() int64 { return 2 * float * (s.Trunk + s.Head) }

// outside is what a step takes besides the trunk's activations and gradients.
func (s *Step) outside() int64 { return s.Views + float*s.Head }

// Temporary is what a step takes on top of weights and momentum, at its peak.
func (s *Step) Temporary(p recompute.Plan) int64 {
	behindForward := p.Kept(s.Segments) + s.Scores
	return s.outside() + max(behindForward, p.Peak(s.Segments))
}

// Peak is the most that a step takes of its device in tensors.
func (s *Step) Peak(p recompute.Plan) int64 { return s.Static() + s.Temporary(p) }

// MACs are the multiply-adds of a step: a backward pass has twice those of the forward pass.
func (s *Step) MACs(p recompute.Plan) int64 { return 3*s.forward() + p.Again(s.Segments) }

func (s *Step) forward() int64 {
	macs := s.HeadMACs
	for _, c := range s.Segments {
		macs += c.MACs
	}
	return macs
}

// Human writes a number of bytes for people.
func Human(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}} {
		if n >= unit.size {
			return fmt.Sprintf("%.4g %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
