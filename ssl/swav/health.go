// SPDX-License-Identifier: MIT

package swav

import (
	"fmt"
	"math"

	"seer/torch"
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
}

// Measure computes the statistics of one step's output; it waits for the device.
func Measure(out Output) Health {
	s := torch.NewScope()
	defer s.Close()
	var h Health
	torch.NoGrad(func() {
		q := out.Assignments
		k := q.Size(1)
		mean := q.MeanDims(false, 0)
		h.Entropy = -mean.Mul(mean.ClampMin(smallest).Log()).Sum().Item()
		h.Confidence = q.MaxDims(false, 1).Mean().Item()
		counts := q.Argmax(1).Bincount(k)
		h.PrototypesUsed = int64(counts.GtScalar(0).To(torch.Float32).Sum().Item())
		z := out.Embeddings
		h.EmbeddingStd = z.StdDims(false, 0).Mean().Item() * math.Sqrt(float64(z.Size(1)))
	})
	return h
}

// CollapseDetector watches the loss: one that stays within half a percent of ln K for a whole window means that
// predictions carry no information. At the very start that is normal.
type CollapseDetector struct {
	K      int64 // prototypes
	Window int64 // steps at ln K before it warns
	At     int64 `json:"at"` // consecutive steps at ln K so far
}

// Observe takes the loss of one step and returns advice when a window is complete, "" otherwise. It warns once per
// window.
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

func (h Health) symptom(k int64) string {
	switch {
	case h.EmbeddingStd < 0.05:
		return fmt.Sprintf("all embeddings are nearly the same, std %.3f", h.EmbeddingStd)
	case h.PrototypesUsed < k/20:
		return fmt.Sprintf("only %d of %d prototypes are used", h.PrototypesUsed, k)
	default:
		return fmt.Sprintf("assignments are as good as uniform, confidence %.4f", h.Confidence)
	}
}
