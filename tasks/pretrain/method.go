// SPDX-License-Identifier: MIT

package pretrain

import (
	"seer/nn"
	"seer/ssl/swav"
	"seer/train"
)

// Method is SwAV as the engine trains it.
type Method struct {
	*swav.SwAV
	// Health is that of the last step that was measured.
	Health swav.Health
}

// Forward implements train.Method on the views of all resolutions.
func (m *Method) Forward(ctx *nn.Context, b *train.Batch, step int64) train.Output {
	out := m.SwAV.Forward(ctx, b.Views, b.Images, step)
	return train.Output{
		Loss:    out.Loss,
		Metrics: func() []train.Metric { return m.measure(out) },
		Dump: func() []train.Named {
			return []train.Named{{Name: "embeddings", Tensor: out.Embeddings}, {Name: "scores", Tensor: out.Scores}, {Name: "assignments", Tensor: out.Assignments}}
		},
	}
}

func (m *Method) measure(out swav.Output) []train.Metric {
	m.Health = swav.Measure(m.Group, out)
	return []train.Metric{
		{Name: "assignment_entropy", Value: m.Health.Entropy}, {Name: "assignment_confidence", Value: m.Health.Confidence},
		{Name: "prototypes_used", Value: float64(m.Health.PrototypesUsed)}, {Name: "embedding_std", Value: m.Health.EmbeddingStd},
	}
}

// AfterUpdate implements train.Method: the prototypes go back to the unit sphere.
func (m *Method) AfterUpdate(int64) { m.Prototypes.Normalize() }
