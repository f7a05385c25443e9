// SPDX-License-Identifier: MIT

package boxes

import "math"

// Proposer chooses the proposals of an image among all that the network says.
type Proposer struct {
	Before    int // of the best of each level, before suppression
	After     int // of all levels, after it
	Threshold float64
	// MinSide is that of a proposal within the image. torchvision wants 1e-3 or more, detectron2 more than 0.
	MinSide    float32
	Convention Convention
}

// Proposals are the proposers of training and of inference.
func Proposals(training bool, c Convention) Proposer {
	p := Proposer{Before: 1000, After: 1000, Threshold: .7, MinSide: 1e-3, Convention: c}
	if training {
		p.Before = 2000
	}
	if training && c == Torchvision {
		p.After = 2000
	}
	if c == Detectron2 {
		p.MinSide = 0
	}
	return p
}

// Level is what the network says of the anchors of one level: boxes decoded, and logits, higher for objects.
type Level struct {
	Boxes  []Box
	Logits []float32
}

// Propose returns boxes within the image and their scores, the best first. torchvision's scores are probabilities, of which many
// are equal where logits are not; detectron2's are the logits.
func (p Proposer) Propose(levels []Level, width, height int) ([]Box, []float32) {
	var boxes []Box
	var scores []float32
	var groups []int
	for g, l := range levels {
		for _, i := range largest(l.Logits, p.Before) {
			if b := l.Boxes[i].Clip(width, height); p.large(b) {
				boxes, scores, groups = append(boxes, b), append(scores, p.score(l.Logits[i])), append(groups, g)
			}
		}
	}
	kept := SuppressGroups(boxes, scores, groups, p.Threshold)
	kept = kept[:min(p.After, len(kept))]
	chosen, values := make([]Box, len(kept)), make([]float32, len(kept))
	for k, i := range kept {
		chosen[k], values[k] = boxes[i], scores[i]
	}
	return chosen, values
}

func (p Proposer) score(logit float32) float32 {
	if p.Convention == Detectron2 {
		return logit
	}
	return float32(1 / (1 + math.Exp(-float64(logit))))
}

func (p Proposer) large(b Box) bool {
	side := min(b.width(), b.height())
	if p.Convention == Detectron2 {
		return side > p.MinSide
	}
	return side >= p.MinSide
}
