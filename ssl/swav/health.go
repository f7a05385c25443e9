// SPDX-License-Identifier: MIT

package swav

import (
	"fmt"
	"math"

	"seer/torch"
	"seer/torch/dist"
)

// Health says whether training is collapsing: SwAV fails silently, with a loss that rests at ln K.
type Health struct {
	// Entropy of the mean assignment over the batch, in nats: ln K when all prototypes are used equally.
	Entropy float64 `json:"assignment_entropy"`
	// Confidence is the mean of each embedding's largest assignment: 1/K when Q says nothing, 1 when it is hard.
	Confidence float64 `json:"assignment_confidence"`
	// PrototypesUsed counts the prototypes that are some embedding's first choice in this batch.
	PrototypesUsed int64 `json:"prototypes_used"`
	// EmbeddingStd is the mean over dimensions of the standard deviation of Z over the batch, times sqrt(D): about 1
	// for embeddings spread over the sphere, 0 when all have become the same.
	EmbeddingStd float64 `json:"embedding_std"`
	// Assigned counts the embeddings that have an assignment: no more prototypes than that can be used.
	Assigned int64 `json:"assigned"`
}

// Measure computes the statistics of one step's output, over the batch of all processes of the group; it waits for the
// device.
func Measure(g *dist.Group, out Output) Health {
	s := torch.NewScope()
	defer s.Close()
	var h Health
	torch.NoGrad(func() {
		q := out.Assignments
		k, processes := q.Size(1), float64(g.Size())
		mean := g.SumInPlace(q.MeanDims(false, 0)).DivScalar(processes)
		h.Entropy = -mean.Mul(mean.ClampMin(smallest).Log()).Sum().Item()
		h.Assigned = q.Size(0) * int64(g.Size())
		h.Confidence = g.SumInPlace(q.MaxDims(false, 1).Mean()).Item() / processes
		counts := g.SumInPlace(q.Argmax(1).Bincount(k))
		h.PrototypesUsed = int64(counts.GtScalar(0).To(torch.Float32).Sum().Item())
		z := out.Embeddings
		h.EmbeddingStd = spread(g, z).Mean().Item() * math.Sqrt(float64(z.Size(1)))
	})
	return h
}

// spread is the standard deviation of each dimension of z [N,D], over the rows of all processes.
func spread(g *dist.Group, z *torch.Tensor) *torch.Tensor {
	if g == nil {
		return z.StdDims(false, 0)
	}
	rows := z.Size(0) * int64(g.Size())
	mean := g.SumInPlace(z.SumDims(true, 0)).DivScalar(float64(rows))
	return g.SumInPlace(z.Sub(mean).Square().SumDims(false, 0)).DivScalar(float64(rows - 1)).Sqrt()
}

// CollapseDetector watches the loss: one that stays within half a percent of ln K for a whole window means that
// predictions carry no information. At the very start that is normal: the first step to observe is the caller's choice.
type CollapseDetector struct {
	K      int64 // prototypes
	Window int64 // steps at ln K before it warns
	At     int64 `json:"at"` // consecutive steps at ln K so far
}

// Due says that the next step completes a window if its loss is at ln K, too: its health must be measured, for the
// warning speaks of it.
func (d *CollapseDetector) Due() bool { return d.Window > 0 && (d.At+1)%d.Window == 0 }

// Observe takes the loss of one step, and its health at least where that was [CollapseDetector.Due]. It returns advice
// when a window is complete, "" otherwise, and so warns once per window.
func (d *CollapseDetector) Observe(loss float64, h Health) string {
	ln := math.Log(float64(d.K))
	if math.Abs(loss-ln) > 0.005*ln {
		d.At = 0
		return ""
	}
	d.At++
	if d.Window == 0 || d.At%d.Window != 0 {
		return ""
	}
	return fmt.Sprintf("the loss has stayed at ln(%d) = %.3f for %d steps: nothing is being learned (%s). "+
		"Try a smaller swav.epsilon (0.03), a longer or shorter swav.freeze_prototypes, fewer swav.prototypes, "+
		"swav.batch_norm = false, easier or fewer crops, or a lower optim.base_lr",
		d.K, ln, d.At, h.symptom(d.K))
}

// symptom says what is wrong, as far as the numbers show it, and always gives them all.
func (h Health) symptom(k int64) string {
	if h == (Health{}) {
		return "the step was not measured"
	}
	reachable := k
	if h.Assigned > 0 {
		reachable = min(k, h.Assigned)
	}
	figures := fmt.Sprintf("std %.3f, confidence %.4f, %d of %d prototypes in use", h.EmbeddingStd, h.Confidence, h.PrototypesUsed, k)
	switch {
	case h.EmbeddingStd < 0.05:
		return "all embeddings are nearly the same, " + figures
	case h.PrototypesUsed < reachable/20:
		return fmt.Sprintf("only %d of %d prototypes are used, %s", h.PrototypesUsed, k, figures)
	case h.Confidence < 2/float64(k):
		return "assignments are as good as uniform, " + figures
	default:
		return "embeddings and assignments differ as they should, but predictions do not follow the assignments, " + figures
	}
}
